"""The site is built from the pages with no link that leads nowhere, and asks no other host for anything."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from docs.generate.site import on_page_markdown, site_link
from tests.conftest import ROOT, Ran

# What a browser fetches by itself when it shows a page.
_FETCHED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//"
    r"|<link\b[^>]*\brel=[\"']?(?:stylesheet|preconnect|icon|preload)[^>]*\bhref=[\"']?(?:https?:)?//"
    r"|<link\b[^>]*\bhref=[\"']?(?:https?:)?//[^>]*\brel=[\"']?(?:stylesheet|preconnect|icon|preload)"
    r"|@import|url\([\"']?(?:https?:)?//",
)


@pytest.mark.slow
def test_the_site_is_built_without_a_broken_link_and_without_another_host(
    shell: Callable[..., Ran], tmp_path: Path
) -> None:
    # With --quiet MkDocs would not count the warnings, and --strict would mean nothing.
    build = ["mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    ran = shell(build, env={"NO_MKDOCS_2_WARNING": "1"})

    assert ran.code == 0, ran.err
    pages = {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")}
    assert {"index.html", "zh-CN.html", "tutorial.html"} <= {path.name for path in pages}
    assert [path.name for path, text in pages.items() if _FETCHED.search(text)] == []
    assert not (tmp_path / "generate").exists()
    assert "docs/" not in "".join(re.findall(r'href="([^"#:]*)"', pages[tmp_path / "index.html"]))


@pytest.mark.parametrize(
    ("link", "here", "expected"),
    [
        ("docs/tutorial.md", "README.md", "tutorial.md"),
        ("docs/pictures/a.svg", "README.md", "pictures/a.svg"),
        ("README.zh-CN.md", "README.md", "zh-CN.md"),
        ("../../README.md", "docs/how-to/lint.md", "../index.md"),
        ("../fleets.md", "docs/how-to/lint.md", "../fleets.md"),
        ("promote.md", "docs/how-to/lint.md", "promote.md"),
        ("LICENSE", "README.md", None),
        ("../action.yml", "docs/pipelines.md", None),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(link: str, here: str, expected: str | None) -> None:
    assert site_link(link, here) == expected


def test_of_a_link_that_the_site_cannot_have_the_words_stay() -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="pipelines.md"))
    text = (
        "See [`action.yml`](../action.yml), [the README](../README.md#json) and [Alembic](https://alembic.x)."
    )

    assert on_page_markdown(text, page) == (
        "See `action.yml`, [the README](index.md#json) and [Alembic](https://alembic.x)."
    )


def test_make_docs_is_among_the_targets(shell: Callable[..., Ran]) -> None:
    assert re.search(r"^  make docs +\S", shell(["make", "help"], cwd=ROOT).out, re.MULTILINE)
