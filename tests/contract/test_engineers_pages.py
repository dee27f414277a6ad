"""ARCHITECTURE.md and CONTRIBUTING.md name only files, targets and fixtures that exist."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT

PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("ARCHITECTURE.md", "CONTRIBUTING.md")}
FILES = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("migrator/**/*.py")]
FILES += [path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/**/*.py")]


@pytest.mark.parametrize("page", PAGES)
def test_every_python_file_that_a_page_names_exists(page: str) -> None:
    named = set(re.findall(r"`([\w/.]+\.py)`", PAGES[page])) - {"env.py"}

    assert len(named) > 5
    # A file's own folders may be left out: `run/execute.py` is one in migrator/operations.
    assert sorted(name for name in named if not any(f"/{file}".endswith(f"/{name}") for file in FILES)) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_folder_that_a_page_names_exists(page: str) -> None:
    folders = {file.rpartition("/")[0] + "/" for file in FILES}
    named = set(re.findall(r"`((?:\w+/)+)`", PAGES[page])) - {"docs/", "benchmarks/", "site/"}

    assert named
    assert sorted(n for n in named if not any(f"/{folder}".endswith(f"/{n}") for folder in folders)) == []


def test_every_target_of_the_makefile_is_described() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    assert len(targets) > 8
    assert [name for name in targets if f"`make {name}`" not in PAGES["CONTRIBUTING.md"]] == []
