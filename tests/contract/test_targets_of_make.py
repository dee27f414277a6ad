"""The Makefile's targets: each is listed, and those for tests leave no test out."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.conftest import ROOT, Ran

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CI = ROOT / ".ci" / "run"


def would_run(shell: Callable[..., Ran], target: str) -> str:
    """Return the commands that `make` would run for a target, in an environment that is installed."""
    done = [f"--assume-old={stamp}" for stamp in (".venv/.installed", ".venv-lower/.installed")]
    ran = shell(["make", "--no-print-directory", "--dry-run", *done, target], cwd=ROOT)
    assert ran.code == 0, ran.err
    return ran.out


def test_make_alone_lists_every_target_with_one_line(shell: Callable[..., Ran]) -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)

    listed = re.findall(r"^  make ([a-z-]+) +\S", shell(["make"], cwd=ROOT).out, re.MULTILINE)

    assert sorted(listed) == sorted(phony.split())


def test_the_fast_and_the_slow_part_are_all_but_the_soak_tests(shell: Callable[..., Ran]) -> None:
    selected = {
        target: re.findall(r"-m '(.*?)'", would_run(shell, target)) for target in ("test", "test-slow")
    }

    assert selected == {"test": ["not slow and not soak"], "test-slow": ["slow and not soak"]}


def test_ci_runs_both_parts_and_the_lowest_versions(shell: Callable[..., Ran]) -> None:
    everything = would_run(shell, "test-all")

    assert CI.read_text().splitlines()[-1] == "make check"
    assert "test-all" in would_run(shell, "check")
    for target in ("test", "test-slow", "test-lower"):
        assert would_run(shell, target).strip() in everything


def test_no_test_installs_a_server() -> None:
    installer = "apt" + "-get"
    files = [ROOT / "Makefile", *(ROOT / "tests").rglob("*.py")]

    assert [path.name for path in files if installer in path.read_text(encoding="utf-8")] == []
