"""SQLite's lock is its file's, for a transaction: between two revisions another run may do the rest."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran
from tests.projects.small import ENV_PY, versions, write_project, write_revision
from tests.slow import first_is_fast

Shell = Callable[..., Ran]
NAMES = ["r1", "r2", "r3"]
# Comes before the listener that sends BEGIN: r1 is committed then, and r2 has not begun.
BETWEEN = """
import os, sqlite3, subprocess, sys
from sqlalchemy import Connection, event

def stands_at_r1():
    with sqlite3.connect("books.db") as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchall():
            return False
        return connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("r1",)]

@event.listens_for(Connection, "begin")
def let_another_run_come_first(connection):
    if "OVERTAKES" in os.environ or os.path.exists("overtaken.json") or not stands_at_r1():
        return
    target = os.environ["OTHER_TARGET"]
    command = [sys.executable, "-m", "migrator", "upgrade", target, "--json", *sys.argv[3:]]
    with open("overtaken.json", "w") as answer:
        subprocess.run(command, env={**os.environ, "OVERTAKES": "1"}, stdout=answer, check=True)
"""
FOREIGN_ENV_PY = """
from alembic import context
from sqlalchemy import create_engine

with create_engine("sqlite:///books.db").connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


def write_overtaken(root: Path, kind: str) -> list[str]:
    """Write a project of three revisions; gives the options that name its configuration."""
    write_project(root)
    env_py = FOREIGN_ENV_PY if kind == "foreign" else ENV_PY
    (root / "migrations" / "env.py").write_text(BETWEEN + env_py)
    for before, name in zip([None, *NAMES], NAMES, strict=False):
        write_revision(versions(root), name, before, f'op.execute("CREATE TABLE {name} (id int)")')
    if kind != "foreign":
        return ["--env", "testing"]
    ini = root / "configs" / "alembic_test.ini"
    (root / "alembic.ini").write_text(
        ini.read_text().partition("[migrator]")[0].replace("%(here)s/..", "%(here)s")
    )
    return ["--config", "alembic.ini"]


def rows(root: Path, statement: str) -> list[tuple[object, ...]]:
    """Ask the database."""
    with contextlib.closing(sqlite3.connect(root / "books.db")) as connection:
        return connection.execute(statement).fetchall()


def applied(result: dict[str, Any]) -> list[str]:
    """Give the revisions that a run says it applied."""
    return [step["revision"] for step in result["applied"]]


@pytest.mark.slow
@pytest.mark.parametrize("other_target", first_is_fast(["r2", "r3"]))
@pytest.mark.parametrize("kind", first_is_fast(["sqlite", "sqlite+aiosqlite", "foreign"]))
def test_a_run_that_is_overtaken_between_two_revisions_does_only_what_is_left(
    kind: str, other_target: str, tmp_path: Path, shell: Shell
) -> None:
    root = tmp_path / "a project"
    options = write_overtaken(root, kind)
    url = {} if kind == "foreign" else {"DATABASE_URL": f"{kind}:///books.db"}

    ran = shell(
        ["python", "-m", "migrator", "upgrade", "--json", *options],
        cwd=root,
        env={**url, "OTHER_TARGET": other_target},
    )

    assert ran.code == 0, ran.err
    mine, other = json.loads(ran.out)["data"], json.loads((root / "overtaken.json").read_text())["data"]
    last = NAMES.index(other_target) + 1
    assert (other["before"], applied(other), other["after"]) == (["r1"], NAMES[1:last], [other_target])
    # Each says what it did itself, and no more.
    assert (mine["before"], applied(mine), mine["after"]) == ([], ["r1", *NAMES[last:]], ["r3"])
    assert rows(root, "SELECT version_num FROM alembic_version") == [("r3",)]
    tables = "SELECT name FROM sqlite_master WHERE name IN ('r1', 'r2', 'r3') ORDER BY 1"
    assert rows(root, tables) == [("r1",), ("r2",), ("r3",)]
    if kind != "foreign":
        logged = rows(root, "SELECT revision FROM migrator_log WHERE direction = 'upgrade' ORDER BY id")
        assert logged == [("r1",), ("r2",), ("r3",)]
