"""What a terminal of 80 columns shows, and what a pipe gets instead."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.conftest import Ran
from tests.projects.small import revision_text, versions, write_project, write_revision
from tests.terminal import COLUMNS, Shown, at_terminal

Migrator = Callable[..., Ran]
URL = "sqlite:///data.db"
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])(?:;\d+)*m")
BOLD_TEXT = "make [bold]names[/bold] :smile: [red]unique"
LONG_TEXT = "a message that is far too long for one line of a terminal, " * 3
WIDE_TEXT = "给订单表添加一个新的列" * 8


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project whose messages are hard to show."""
    root = write_project(tmp_path / "a project", "test", "online")
    down = None
    for index, message in enumerate((BOLD_TEXT, LONG_TEXT.strip(), WIDE_TEXT)):
        revision = f"{index}abcdef01234"
        text = revision_text(revision, down, message=message)
        (versions(root) / f"{revision}.py").write_text(text)
        down = revision
    return root


def widths(shown: Shown) -> list[int]:
    """Give the width of each line as it stands when it is finished."""
    return [cell_len(line.split("\r")[-1]) for line in shown.text.split("\n")]


@pytest.mark.slow
def test_no_line_is_wider_than_the_terminal(small: Path) -> None:
    for command in (["upgrade"], ["history", "-i"], ["history", "-v"], ["envs"]):
        shown = at_terminal(["migrator", *command, *_url(command)], small)
        assert max(widths(shown)) <= COLUMNS, shown.text


def _url(command: list[str]) -> list[str]:
    return [] if command[0] in ("envs", "nosuch") else ["--url", URL]


def test_help_fits_and_has_a_panel_for_each_group(small: Path) -> None:
    for command in (["--help"], ["generate", "--help"]):
        shown = at_terminal(["migrator", *command], small)
        assert shown.code == 0
        assert max(widths(shown)) <= COLUMNS
        assert "Common options" in shown.text
        assert COLOUR.search(shown.screen)


def test_progress_says_message_and_seconds_and_never_runs_over_the_edge(small: Path) -> None:
    shown = at_terminal(["migrator", "upgrade", "--url", URL], small)

    text = " ".join(shown.text.split())
    for index, message in enumerate((BOLD_TEXT, " ".join(LONG_TEXT.split()))):
        assert re.search(rf"upgrade {index + 1}/3 {index}abcdef01234 {re.escape(message)} \d+\.\d\ds", text)
    # A line that runs over the edge could not be wiped out when the revision has run.
    unfinished = re.findall(r"  upgrade \d/3 [^\r\n]*(?=\r\x1b\[2K)", shown.screen)
    assert len(unfinished) == 3
    assert max(cell_len(part) for part in unfinished) < COLUMNS


@pytest.mark.slow
def test_a_long_revision_shows_how_long_it_takes_and_took_before(tmp_path: Path) -> None:
    root = write_project(tmp_path / "a project")
    text = revision_text("r1", None, "import time\ntime.sleep(2.3)", message=LONG_TEXT.strip())
    (versions(root) / "r1.py").write_text(text)

    first = at_terminal(["migrator", "upgrade", "--url", URL], root)
    assert at_terminal(["migrator", "downgrade", "--url", URL], root).code == 0
    second = at_terminal(["migrator", "upgrade", "--url", URL], root)

    assert " ... 1s" in first.text
    assert " ... 2s" in first.text
    assert "before" not in first.text
    assert " ... (took 2s before)" in second.text
    assert " ... 2s (took 2s before)" in second.text
    assert max(widths(second)) <= COLUMNS


@pytest.mark.slow
def test_what_looks_like_markup_is_shown_as_it_is(small: Path) -> None:
    upgraded = at_terminal(["migrator", "upgrade", "0abcdef01234", "--url", URL], small)
    listed = at_terminal(["migrator", "history"], small)
    wrong = at_terminal(["migrator", "upgrade", "[bold]x[/bold]", "--url", URL], small)

    assert BOLD_TEXT in " ".join(upgraded.text.split())
    assert {"[bold]names[/bold]", ":smile:", "[red]unique"} <= set(listed.text.split())
    assert "[bold]x[/bold]" in wrong.text


@pytest.mark.slow
@pytest.mark.parametrize("command", ["upgrade --url sqlite:///data.db", "nosuch"])
def test_there_are_colours_and_no_color_takes_them_away(command: str, small: Path) -> None:
    coloured = at_terminal(["migrator", *command.split()], small)
    (small / "data.db").unlink(missing_ok=True)
    plain = at_terminal(["migrator", *command.split()], small, {"NO_COLOR": "1"})

    assert COLOUR.search(coloured.screen)
    assert not COLOUR.search(plain.screen)
    assert plain.code == coloured.code
    assert re.sub(r"\d\.\d\ds", "", plain.text) == re.sub(r"\d\.\d\ds", "", coloured.text)


def test_a_dumb_terminal_gets_no_escape_sequences(small: Path) -> None:
    shown = at_terminal(["migrator", "upgrade", "--url", URL], small, {"TERM": "dumb"})

    assert shown.code == 0
    assert "\x1b" not in shown.screen
    assert "upgraded testing: base -> 2abcdef01234" in " ".join(shown.text.split())


def test_a_pipe_gets_stable_lines_without_any_escape(small: Path, migrator: Migrator) -> None:
    upgraded = migrator("upgrade", "--url", URL, cwd=small)
    listed = migrator("history", "-i", "--url", URL, cwd=small)
    envs = migrator("envs", cwd=small)
    wrong = migrator("nosuch", cwd=small)

    for ran in (upgraded, listed, envs, wrong, migrator("--help", cwd=small)):
        assert "\x1b" not in ran.out + ran.err
        assert "\r" not in ran.out + ran.err
    assert listed.out.splitlines()[-1] == f"<base> -> 0abcdef01234 (applied), {BOLD_TEXT}"
    assert len(listed.out.splitlines()) == 3
    assert f"0abcdef01234  {BOLD_TEXT}" in upgraded.err
    assert [line.count("\t") for line in envs.out.splitlines()] == [5, 5]


def test_history_at_a_terminal_is_a_table_with_the_same_facts_as_in_a_pipe(small: Path) -> None:
    with contextlib.closing(sqlite3.connect(small / "data.db", isolation_level=None)) as connection:
        connection.execute("create table alembic_version (version_num varchar(32) not null primary key)")
        connection.execute("insert into alembic_version values ('1abcdef01234')")

    shown = at_terminal(["migrator", "history", "-i", "--url", URL], small)

    rows = [line for line in shown.text.splitlines() if re.search(r"\dabcdef01234", line)]
    assert re.search(r"pending.*2abcdef01234|2abcdef01234.*pending", rows[0])
    assert re.search(r"current.*1abcdef01234|1abcdef01234.*current", rows[1])
    assert re.search(r"applied.*0abcdef01234|0abcdef01234.*applied", rows[2])
    assert "testing is at 1abcdef01234, 1 pending" in shown.text


def test_a_long_path_in_an_error_is_folded_and_not_cut(tmp_path: Path) -> None:
    root = write_project(tmp_path / ("a-very-long-name-" * 6))
    write_revision(versions(root), "aaa1")
    missing = root / "no" / "such.db"

    shown = at_terminal(["migrator", "current", "--url", f"sqlite:///{missing}"], root)

    assert shown.code == 6
    assert max(widths(shown)) <= COLUMNS
    assert str(missing) in shown.text.replace("\n", "")
