"""squawk is found beside this Python or on the PATH, and what it cannot do is said."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from migrator.errors import ConfigurationError
from migrator.lint.squawk import Squawk, SquawkStatement, find_squawk, squawk_knows, squawk_version
from tests.conftest import ROOT, Ran

JUDGE = """
from migrator.errors import MigratorError
from tests.linting import judged, rules
try:
    print(rules(judged("DROP TABLE t", dialect=DIALECT)))
except MigratorError as exc:
    print(type(exc).__name__, exc.message, exc.hint, sep="|")
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A Python in a folder of its own, with all packages and no program beside it."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(Path(sys.executable).resolve())
    return python


def run_judge(shell: Callable[..., Ran], python: Path, dialect: str, path: str) -> str:
    packages = f"{sysconfig.get_path('purelib')}:{ROOT}"
    code = JUDGE.replace("DIALECT", repr(dialect))
    return shell([str(python), "-c", code], env={"PATH": path, "PYTHONPATH": packages}).out.strip()


def test_without_squawk_the_extra_is_named(shell: Callable[..., Ran], elsewhere: Path) -> None:
    assert run_judge(shell, elsewhere, "postgresql", str(elsewhere.parent)) == (
        "MissingExtraError|Linting for PostgreSQL needs a package that is not installed."
        "|Install it: pip install 'migrator[lint]'"
    )


@pytest.mark.slow
def test_other_databases_need_no_squawk(shell: Callable[..., Ran], elsewhere: Path) -> None:
    assert run_judge(shell, elsewhere, "sqlite", str(elsewhere.parent)) == "['ban-drop-table']"


def test_squawk_on_the_path_will_do(shell: Callable[..., Ran], elsewhere: Path) -> None:
    path = str(Path(find_squawk()).parent)

    assert run_judge(shell, elsewhere, "postgresql", path) == "['ban-drop-table']"


def test_its_version_is_known() -> None:
    assert squawk_version(find_squawk()).split(".")[0] == "2"


def test_it_knows_its_rules_and_no_others() -> None:
    assert squawk_knows("prefer-timestamptz")
    assert not squawk_knows("prefer-nothing")


@pytest.mark.parametrize("squawk", [Squawk("false"), Squawk("no-such-squawk"), Squawk("echo"), Squawk("/")])
def test_a_program_that_is_no_squawk_is_an_error_and_never_a_clean_bill(squawk: Squawk) -> None:
    with pytest.raises(ConfigurationError) as caught:
        squawk.judge([SquawkStatement("DROP TABLE t", None)])

    assert "pip install" in caught.value.hint


def test_a_rule_that_this_squawk_does_not_know_is_an_error_with_its_words() -> None:
    squawk = Squawk(find_squawk(), include=["no-such-rule"])

    with pytest.raises(ConfigurationError, match=r"failed with 2: .*invalid rule name no-such-rule"):
        squawk.judge([SquawkStatement("DROP TABLE t", None)])


def test_a_thousand_statements_are_judged_in_one_go_each_at_its_place() -> None:
    statements = [
        SquawkStatement(f"DROP TABLE t{n}\n-- {n}", f"r{n // 7}" if n % 3 else None) for n in range(1000)
    ]

    reports = Squawk(find_squawk()).judge(statements)

    dropped = [report.index for report in reports if report.rule == "ban-drop-table"]
    assert dropped == list(range(1000))


def test_of_many_statements_only_the_unreadable_ones_are_left_out() -> None:
    statements = [
        SquawkStatement("DROP TABEL t" if n in (3, 50) else f"DROP TABLE t{n}", "r") for n in range(100)
    ]

    reports = Squawk(find_squawk()).judge(statements)

    assert sorted(report.index for report in reports if report.rule == "syntax-error") == [3, 50]
    assert len({report.index for report in reports if report.rule == "ban-drop-table"}) == 98


def test_a_rule_that_the_table_lacks_is_told_in_squawks_own_words() -> None:
    from migrator.lint.lint_settings import rule_named

    rule = rule_named("from-the-future", "It hurts.", "Do not.")

    assert (rule.severity, rule.why, rule.remedy) == ("warning", "It hurts.", "Do not.")
