"""The pages that are made of the program: its commands, and the keys of the `[migrator]` section."""

from __future__ import annotations

import re
from pathlib import Path

from docs.generate.commands import commands_page
from docs.generate.paths import DOCS
from migrator.config.settings import KEYS

_TABLE = re.compile(r"(?<=<!-- keys: written by `make docs` -->\n).*?(?=<!-- end of keys -->)", re.DOTALL)


def reference_pages() -> dict[Path, str]:
    """Give the text of each generated page by its file."""
    settings = DOCS / "reference" / "settings.md"
    return {
        DOCS / "reference" / "commands.md": commands_page(),
        settings: _with_keys(settings.read_text(encoding="utf-8")),
    }


def _with_keys(page: str) -> str:
    """Give a page with the table of keys in its place; the words around it are written by hand."""
    rows = [f"| `{key.name}` | {key.default} | {key.meaning} |" for key in KEYS.values()]
    table = "\n".join(["\n| key | default | meaning |", "|---|---|---|", *rows, "\n"])
    page, count = _TABLE.subn(lambda _: table, page)
    if count != 1:
        raise ValueError("The page of the settings has no place for the table of keys.")
    return page
