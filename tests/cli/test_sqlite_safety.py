"""SQLite: a copy before each run, no rests of what failed, and children that keep their parents."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.projects.small import revision_text, versions

Migrator = Callable[..., Ran]
URL = {"DATABASE_URL": "sqlite:///shop.db"}
STOCK_ENV_PY = """
from alembic import context
from sqlalchemy import {imports}

engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
{more}
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""
FOREIGN_KEYS_ON = """
@event.listens_for(engine, "connect")
def foreign_keys(connection, record):
    connection.execute("PRAGMA foreign_keys=ON")
"""
FAMILY = """
op.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY, name VARCHAR(10))")
op.execute("CREATE TABLE children (id INTEGER PRIMARY KEY,"
           " parent INTEGER NOT NULL REFERENCES parents (id) ON DELETE CASCADE)")
op.execute("INSERT INTO parents VALUES (1, 'a'), (2, 'b')")
op.execute("INSERT INTO children VALUES (10, 1), (20, 2), (21, 2)")
""".strip()
REBUILD = """
import sqlalchemy as sa
with op.batch_alter_table("parents", recreate="always") as batch:
    batch.alter_column("name", type_=sa.String(50))
""".strip()


@pytest.fixture
def on_file(run_staging: Migrator) -> Migrator:
    """Runs a command as `run_staging` does, on an SQLite file unless `env` names another database."""
    return partial(run_staging, env=URL)


def dump(file: Path) -> list[str]:
    """Give all that is in an SQLite file, as statements."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


def rows(file: Path, statement: str) -> list[tuple[object, ...]]:
    """Ask an SQLite file."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return connection.execute(statement).fetchall()


def copies(root: Path) -> list[Path]:
    """Give the copies that were made, oldest first."""
    folder = root / ".migrator" / "backups"
    return sorted(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("driver", ["sqlite", "sqlite+aiosqlite"])
@pytest.mark.parametrize("command", ["upgrade", "downgrade -1", "stamp base"])
def test_the_database_as_it_was_is_kept_before_it_is_changed(
    command: str, driver: str, project: Path, on_file: Migrator
) -> None:
    env = {"DATABASE_URL": f"{driver}:///shop.db"}
    assert on_file("upgrade", "bbb2", env=env).code == 0
    assert copies(project) == [], "there was nothing to keep"
    with contextlib.closing(sqlite3.connect(project / "shop.db", isolation_level=None)) as connection:
        connection.execute("INSERT INTO customers VALUES (7)")
    before = dump(project / "shop.db")

    ran = on_file(*command.split(), "--json", env=env)

    (copy,) = copies(project)
    assert (ran.code, dump(copy)) == (0, before), ran.err
    assert dump(project / "shop.db") != before
    assert copy.stat().st_mode & 0o777 == 0o600
    assert (copy.parent.stat().st_mode & 0o777, copy.parent.parent.stat().st_mode & 0o777) == (0o700, 0o700)
    # Whoever needs it is told where it is; and no version control takes it up.
    assert str(copy.relative_to(project)) in " ".join(json.loads(ran.out)["data"]["notes"])
    assert (project / ".migrator" / ".gitignore").read_text() == "*\n"


@pytest.mark.slow
@pytest.mark.parametrize("driver", ["sqlite", "sqlite+aiosqlite"])
def test_a_file_that_another_connection_writes_to_is_waited_for(
    driver: str, project: Path, on_file: Migrator
) -> None:
    env = {"DATABASE_URL": f"{driver}:///shop.db?timeout=0.1"}
    assert on_file("upgrade", "aaa1", env=env).code == 0
    with contextlib.closing(sqlite3.connect(project / "shop.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        ran = on_file("upgrade", "--lock-wait", "1s", env=env)

    assert ran.code == 8, ran.err
    assert "Another connection is writing to the SQLite file; waited 1s." in ran.err
    assert on_file("upgrade", env=env).code == 0


def test_the_copy_holds_what_is_still_in_the_write_ahead_log(project: Path, on_file: Migrator) -> None:
    assert on_file("upgrade", "aaa1").code == 0
    with contextlib.closing(sqlite3.connect(project / "shop.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("INSERT INTO customers VALUES (7)")

        assert on_file("upgrade").code == 0

    (copy,) = copies(project)
    assert rows(copy, "SELECT id FROM customers") == [(7,)]


def test_the_last_five_are_kept_of_each_file(project: Path, on_file: Migrator) -> None:
    assert on_file("upgrade", "bbb2").code == 0
    other = {"DATABASE_URL": "sqlite:///other/shop.db"}
    (project / "other").mkdir()
    for command in ("upgrade aaa1", "upgrade"):
        assert on_file(*command.split(), env=other).code == 0
    (of_other,) = copies(project)

    standing = []
    for command in (
        "upgrade",
        "downgrade -1",
        "upgrade",
        "downgrade -1",
        "upgrade",
        "downgrade -1",
        "upgrade",
    ):
        standing.append(rows(project / "shop.db", "SELECT version_num FROM alembic_version"))
        assert on_file(*command.split()).code == 0

    kept = [copy for copy in copies(project) if copy != of_other]
    assert of_other in copies(project)
    assert [rows(copy, "SELECT version_num FROM alembic_version") for copy in kept] == standing[-5:]


def test_there_is_none_where_nothing_is_done_or_none_is_wanted(project: Path, on_file: Migrator) -> None:
    assert on_file("upgrade", "bbb2").code == 0
    for command in (
        "upgrade bbb2",
        "current",
        "history -i",
        "log",
        "upgrade --no-backup",
        "downgrade -1 --no-backup",
    ):
        assert on_file(*command.split()).code == 0
    assert copies(project) == []


def test_nothing_is_begun_where_no_copy_can_be_made(project: Path, on_file: Migrator) -> None:
    assert on_file("upgrade", "bbb2").code == 0
    (project / ".migrator").write_text("in the way")
    before = dump(project / "shop.db")

    refused = on_file("upgrade")

    assert (refused.code, dump(project / "shop.db")) == (6, before), refused.err
    assert "--no-backup" in refused.err
    assert on_file("upgrade", "--no-backup").code == 0


def foreign_project(root: Path, more: str = "") -> Path:
    """Write a project of Alembic's own kind; `more` is what its env.py does with its engine."""
    (root / "migrations" / "versions").mkdir(parents=True)
    imports = "create_engine, event" if more else "create_engine"
    (root / "migrations" / "env.py").write_text(STOCK_ENV_PY.format(imports=imports, more=more))
    (root / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/migrations\nsqlalchemy.url = sqlite:///shop.db\n"
    )
    return root


def revision(root: Path, name: str, down: str | None, up: str) -> None:
    """Write a version file of such a project."""
    (root / "migrations" / "versions" / f"{name}.py").write_text(revision_text(name, down, up))


CHILDREN = [(10, 1), (20, 2), (21, 2)]


@pytest.mark.parametrize("kind", ["foreign keys on", "stock"])
def test_a_rebuilt_parent_keeps_its_children(kind: str, tmp_path: Path, migrator: Migrator) -> None:
    root = foreign_project(tmp_path / "foreign", FOREIGN_KEYS_ON if kind == "foreign keys on" else "")
    revision(root, "aaa1", None, FAMILY)
    revision(root, "bbb2", "aaa1", REBUILD)

    ran = migrator("upgrade", "--config", "alembic.ini", cwd=root)

    assert ran.code == 0, ran.err
    assert rows(root / "shop.db", "SELECT id, parent FROM children ORDER BY 1") == CHILDREN
    assert rows(root / "shop.db", "SELECT count(*) FROM parents") == [(2,)]
    assert "VARCHAR(50)" in str(
        rows(root / "shop.db", "SELECT sql FROM sqlite_master WHERE name = 'parents'")
    )


@pytest.mark.parametrize("driver", ["sqlite", "sqlite+aiosqlite"])
def test_our_own_env_py_keeps_them_too(driver: str, project: Path, on_file: Migrator) -> None:
    folder = versions(project, "staging")
    (folder / "aaa1.py").write_text(revision_text("aaa1", None, FAMILY))
    (folder / "bbb2.py").write_text(revision_text("bbb2", "aaa1", REBUILD))

    ran = on_file("upgrade", "bbb2", env={"DATABASE_URL": f"{driver}:///shop.db"})

    assert ran.code == 0, ran.err
    assert rows(project / "shop.db", "SELECT id, parent FROM children ORDER BY 1") == CHILDREN


@pytest.mark.parametrize("kind", ["foreign keys on", "stock", "our own"])
def test_a_revision_that_leaves_dangling_references_is_rolled_back(
    kind: str, tmp_path: Path, project: Path, migrator: Migrator
) -> None:
    lost = 'op.execute("CREATE TABLE more (id INTEGER)")\nop.execute("DELETE FROM parents WHERE id = 2")'
    if kind == "foreign keys on":
        lost = f'op.execute("PRAGMA foreign_keys=OFF")\n{lost}'
    if kind == "our own":
        root, where, env = project, ["--env", "staging"], URL
        folder = versions(root, "staging")
        (folder / "aaa1.py").write_text(revision_text("aaa1", None, FAMILY.replace(" ON DELETE CASCADE", "")))
        (folder / "bbb2.py").write_text(revision_text("bbb2", "aaa1", lost))
    else:
        root = foreign_project(tmp_path / "foreign", FOREIGN_KEYS_ON if kind == "foreign keys on" else "")
        where, env = ["--config", "alembic.ini"], {}
        revision(root, "aaa1", None, FAMILY.replace(" ON DELETE CASCADE", ""))
        revision(root, "bbb2", "aaa1", lost)
    assert migrator("upgrade", "aaa1", *where, cwd=root, env=env).code == 0
    before = dump(root / "shop.db")

    ran = migrator("upgrade", "bbb2", *where, cwd=root, env=env)

    assert (ran.code, dump(root / "shop.db")) == (7, before), ran.err
    assert "2 rows of children would refer to rows of parents" in ran.err
    assert "the database is at aaa1" in ran.out + ran.err


def test_references_that_dangled_before_hold_nobody_up(tmp_path: Path, migrator: Migrator) -> None:
    root = foreign_project(tmp_path / "foreign")
    revision(root, "aaa1", None, FAMILY)
    revision(root, "bbb2", "aaa1", 'op.execute("CREATE TABLE more (id INTEGER)")')
    assert migrator("upgrade", "aaa1", "--config", "alembic.ini", cwd=root).code == 0
    with contextlib.closing(sqlite3.connect(root / "shop.db", isolation_level=None)) as connection:
        connection.execute("INSERT INTO children VALUES (30, 3)")

    ran = migrator("upgrade", "--config", "alembic.ini", cwd=root)

    assert ran.code == 0, ran.err


@pytest.mark.parametrize("kind", ["foreign keys on", "stock", "our own, sqlite", "our own, sqlite+aiosqlite"])
def test_a_revision_that_fails_leaves_nothing_behind(
    kind: str, tmp_path: Path, project: Path, migrator: Migrator
) -> None:
    failing = (
        'op.execute("CREATE TABLE left_behind (id INTEGER)")\n'
        'op.execute("INSERT INTO customers VALUES (1)")\nop.execute("nonsense")'
    )
    first = 'op.execute("CREATE TABLE customers (id INTEGER)")'
    if kind.startswith("our own"):
        root, where = project, ["--env", "staging"]
        env = {"DATABASE_URL": f"{kind.removeprefix('our own, ')}:///shop.db"}
        (versions(root, "staging") / "bbb2.py").write_text(revision_text("bbb2", "aaa1", failing))
    else:
        root = foreign_project(tmp_path / "foreign", FOREIGN_KEYS_ON if kind == "foreign keys on" else "")
        where, env = ["--config", "alembic.ini"], {}
        revision(root, "aaa1", None, first)
        revision(root, "bbb2", "aaa1", failing)

    ran = migrator("upgrade", "bbb2", *where, cwd=root, env=env)

    assert ran.code == 7, ran.err
    names = {str(row[0]) for row in rows(root / "shop.db", "SELECT name FROM sqlite_master")}
    assert "left_behind" not in names
    assert "migrator_log" not in names or rows(root / "shop.db", "SELECT revision FROM migrator_log") == [
        ("aaa1",)
    ]
    standing = rows(root / "shop.db", "SELECT version_num FROM alembic_version")
    if standing:
        # One transaction for each revision: what came before stays, as the version table says.
        assert (standing, rows(root / "shop.db", "SELECT * FROM customers")) == ([("aaa1",)], [])
    else:
        # An env.py of Alembic's own kind has one transaction for all.
        assert "customers" not in names
    said = "aaa1" if standing else "base"
    assert f"the database is at {said}" in ran.out + ran.err
    # And so it can be run again.
    folder = versions(root, "staging") if root == project else root / "migrations" / "versions"
    path = folder / "bbb2.py"
    path.write_text(path.read_text().replace('op.execute("nonsense")', "pass"))
    again = migrator("upgrade", "bbb2", *where, cwd=root, env=env)
    assert again.code == 0, again.err
    assert rows(root / "shop.db", "SELECT * FROM customers") == [(1,)]


_OVERTAKEN = """
import pathlib, sqlite3
from migrator.env import run_migrations

runs = pathlib.Path("runs")
runs.write_text(runs.read_text() + "." if runs.exists() else ".")
# The plan is made by then, and the run has not begun.
if runs.read_text() == "..":
    with sqlite3.connect("shop.db", isolation_level=None) as other:
        other.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        other.execute("INSERT INTO alembic_version VALUES ('ccc3')")
run_migrations()
"""


def test_a_run_that_another_one_has_overtaken_says_where_the_database_is(
    project: Path, on_file: Migrator
) -> None:
    (project / "migrations" / "env.py").write_text(_OVERTAKEN)

    data = json.loads(on_file("upgrade", "--json").out)["data"]

    assert (data["before"], data["after"], data["applied"]) == (["ccc3"], ["ccc3"], [])
