"""The generated pages are what the program says now; `make docs` writes them anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.generate.__main__ import main
from docs.generate.reference import reference_pages
from migrator.cli.app import COMMANDS
from migrator.config.settings import KEYS
from tests.conftest import ROOT

PAGES = reference_pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_generated_page_is_fresh(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == PAGES[path], "run: make docs"


def test_the_reference_has_a_chapter_for_every_command_and_a_row_for_every_key() -> None:
    commands, settings = PAGES.values()

    assert re.findall(r"^### (.+)$", commands, re.MULTILINE) == [command.name for command in COMMANDS]
    assert re.findall(r"^\| `([a-z_]+)` \|", settings, re.MULTILINE) == list(KEYS)


def test_a_part_that_is_not_there_is_named_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["refrence"]) == 2
    assert "refrence; there are: reference, pictures, tutorial" in capsys.readouterr().err


def test_pictures_name_no_host_and_none_is_missing_or_left_over() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = {
        Path(name).name for page in pages for name in re.findall(r"pictures/[\w-]+\.svg", page.read_text())
    }
    pictures = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs/pictures").iterdir()}

    assert shown == set(pictures)
    for text in pictures.values():
        assert re.findall(r"https?://[^\"<\s]+", text) == ["http://www.w3.org/2000/svg"]
