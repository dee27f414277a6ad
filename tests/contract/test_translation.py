"""README.zh-CN.md is in step with README.md: the same chapters, commands, rows and links."""

from __future__ import annotations

import re

from docs.generate.console import blocks
from tests.conftest import ROOT

ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
_FENCES = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def _prose(page: str) -> str:
    return _FENCES.sub("", page)


def test_headings_have_the_same_levels_in_the_same_order() -> None:
    levels = [re.findall(r"^(#+) ", _prose(page), re.MULTILINE) for page in (ENGLISH, CHINESE)]

    assert len(levels[0]) > 10
    assert levels[0] == levels[1]


def test_code_is_the_same_but_for_its_comments() -> None:
    english, chinese = ([_FENCES.findall(page)] for page in (ENGLISH, CHINESE))

    assert [_without_remarks(each) for each in chinese[0]] == [_without_remarks(each) for each in english[0]]


def _without_remarks(block: str) -> str:
    """Give a block without comments at the ends of lines, and without words beside the names of files."""
    plain = block.startswith("```\n")
    return re.sub(r"\s{3,}[^/\n]+$" if plain else r"\s+# .*$", "", block, flags=re.MULTILINE)


def test_the_outputs_that_are_shown_are_the_same() -> None:
    shown = [[each.text for each in blocks(page) if each.kind == "console"] for page in (ENGLISH, CHINESE)]

    assert shown[0]
    assert shown[0] == shown[1]


def test_tables_have_the_same_rows() -> None:
    rows = [re.findall(r"^\| (`[^|]*?`)", page, re.MULTILINE) for page in (ENGLISH, CHINESE)]

    assert len(rows[0]) > 40
    assert [_names(row) for row in rows[0]] == [_names(row) for row in rows[1]]


def _names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_links_and_pictures_are_the_same_in_every_chapter() -> None:
    chapters = [re.split(r"^## ", page, flags=re.MULTILINE) for page in (ENGLISH, CHINESE)]

    for english, chinese in zip(*chapters, strict=True):
        assert sorted(_targets(english)) == sorted(_targets(chinese))


def _targets(text: str) -> list[str]:
    found = re.findall(r"\]\(([^)]+)\)", text)
    return [each for each in found if each not in ("README.md", "README.zh-CN.md")]


def test_words_of_the_program_are_the_same_in_every_chapter() -> None:
    """Options, keys and exit codes that one of them names are named by the other, too."""
    chapters = [re.split(r"^## ", _prose(page), flags=re.MULTILINE) for page in (ENGLISH, CHINESE)]

    for english, chinese in zip(*chapters, strict=True):
        assert sorted(set(_names(english))) == sorted(set(_names(chinese)))
