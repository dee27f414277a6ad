"""Pictures of what commands show: each is run at a pseudo-terminal, and Rich draws what is there then."""

from __future__ import annotations

import html
import io
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from rich.console import Console
from rich.text import Text

from docs.generate.console import blocks, run, variables
from docs.generate.paths import DOCS
from docs.generate.sessions import own_folder
from docs.generate.terminal import at_terminal
from migrator.database.embedded import embedded_server, scratch_server
from migrator.database.embedded.shared_use import EmbeddedServer

FOLDER = DOCS / "pictures"
_COLUMNS = 104
# What differs from one run to the next, and what is drawn in its place; as long, so that lines break alike.
_VARYING = (
    (re.compile(r"(?<=127\.0\.0\.1:)\d{5}"), "54321"),
    (re.compile(r"\b\d+\.\d\ds"), "0.02s"),
    (re.compile(r"(?<=squawk )\d+\.\d+\.\d+"), "2.70.0"),
    (re.compile(r"(?<=3 revisions, )0\.02s"), "0.06s"),
)
# Fonts from a server of somebody else, and who made the picture.
_NAMES_HOSTS = re.compile(r"\s*@font-face \{.*?\}|<!-- Generated with .*? -->\s*", re.DOTALL)


@dataclass
class _Studio:
    """A copy of this repository's project, in which pictures are taken."""

    folder: Path
    env: dict[str, str]
    taken: dict[Path, str] = field(default_factory=dict)

    def picture(self, name: str, command: str, answer: tuple[str, str] | None = None) -> None:
        """Run a command at a terminal, and draw what is on the screen then."""
        told = {**variables(), "TERM": "xterm-256color", **self.env}
        shown = at_terminal(shlex.split(command), self.folder, told, answer=answer, columns=_COLUMNS)
        self.taken[FOLDER / f"{name}.svg"] = draw(name, f"$ {command}", shown.screen)


def pictures() -> dict[Path, str]:
    """Take all pictures; gives the SVG of each by its file."""
    with _studio() as studio:
        run("migrator upgrade 268165bdf2db", studio.folder)
        studio.picture("history", "migrator history -i")
        studio.picture("upgrade", "migrator upgrade --env production", answer=("[y/N]", "y\r"))
        _as_of_a_pipeline(studio)
        studio.picture("status", "migrator status")
        studio.picture("downgrade", "migrator downgrade -1 --env production --no-input")
        _write_files_of(DOCS / "how-to" / "lint.md", studio.folder)
        studio.picture("lint", "migrator lint head")
        return studio.taken


@contextmanager
def _studio() -> Iterator[_Studio]:
    with own_folder(copy=True) as folder, embedded_server(folder) as server, scratch_server(folder):
        yield _Studio(folder, {"PRODUCTION_DATABASE_URL": _production(server)})


def _production(server: EmbeddedServer) -> str:
    """Make a database that stands for production's, and give its URL."""
    address = f"postgresql://{server.user}:{server.password}@{server.host}:{server.port}"
    with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE shop")
    return f"{address}/shop"


def _write_files_of(page: Path, folder: Path) -> None:
    """Write the files that a page shows."""
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.title is not None:
            (folder / block.title).write_text(block.text, encoding="utf-8")


def _as_of_a_pipeline(studio: _Studio) -> None:
    """Give the rows of the logs a user, a host and a time that are the same wherever pictures are taken."""
    production = studio.env["PRODUCTION_DATABASE_URL"]
    for database in (production, f"{production.rpartition('/')[0]}/testing"):
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(_SAME_EVERYWHERE)


_SAME_EVERYWHERE = """
UPDATE _migrator.log
SET user_name = 'deploy', host = 'ci', duration_ms = 20, started_at = '2026-11-02 09:41:07Z'
"""


def draw(name: str, command: str, screen: str) -> str:
    """Give the picture of a screen, as SVG that needs nothing from another place."""
    for pattern, text in _VARYING:
        screen = pattern.sub(text, screen)
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text(command, style="bold"))
    console.print(Text.from_ansi(_last_written(screen)))
    svg = console.export_svg(title="", unique_id=f"migrator-{name}")
    return _NAMES_HOSTS.sub("", svg)


def _last_written(screen: str) -> str:
    """Give a screen without the lines that others took the place of."""
    lines = screen.replace("\r\n", "\n").rstrip("\n").split("\n")
    return "\n".join(line.rpartition("\r\x1b[2K")[2] for line in lines)


def words(svg: str) -> str:
    """Give the text of a picture, line by line."""
    lines: dict[float, str] = {}
    for y, text in re.findall(r'<text[^>]*? y="([\d.]+)"[^>]*>(.*?)</text>', svg, re.DOTALL):
        lines[float(y)] = lines.get(float(y), "") + html.unescape(text).replace("\xa0", " ")
    return "\n".join(lines[y].rstrip() for y in sorted(lines))
