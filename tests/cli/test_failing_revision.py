"""A revision that fails: what is applied, what is told, and what the exit code says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import PASSWORD
from tests.projects.books import AnyDatabase, BooksProject

if TYPE_CHECKING:
    from tests.conftest import Ran

Migrator = Callable[..., "Ran"]
FAILING = """\
op.execute("CREATE TABLE half_way (id INTEGER)")
op.execute("INSERT INTO nowhere VALUES (1)")"""
CREATE = "op.create_table({0!r}, sa.Column('id', sa.Integer))"


@pytest.fixture
def failing(books: BooksProject) -> BooksProject:
    """Four revisions, of which the third fails after its first statement."""
    books.tables("authors", "shelves", "loans", "fees")
    books.revision("r3", "r2", FAILING, message="lend books")
    return books


def test_what_was_applied_what_failed_and_what_remains_is_told(
    migrator: Migrator, failing: BooksProject, any_database: AnyDatabase
) -> None:
    ran = migrator("upgrade", cwd=failing.root, env=any_database.env)

    assert ran.code == 7
    line = (failing.versions / "r3_by_hand.py").read_text().splitlines().index(
        '    op.execute("INSERT INTO nowhere VALUES (1)")'
    ) + 1
    file = "migrations/test/versions/r3_by_hand.py"
    assert ran.out.splitlines() == [
        "applied: r1 create authors",
        "applied: r2 create shelves",
        "failed: r3 lend books",
        f"  at {file}:{line}",
        "  statement: INSERT INTO nowhere VALUES (1)",
        "remaining: r4 create fees",
        "the database is at r2",
    ]
    error = next(line for line in ran.err.splitlines() if line.startswith("error: "))
    assert error.startswith("error: The upgrade of revision r3 (lend books) failed: ")
    assert "nowhere" in error
    assert f"{file}, line {line}" in ran.err
    assert "Traceback" not in ran.err
    # One transaction a revision: the good ones stay, and of the failing one nothing does.
    assert any_database.version() == ["r2"]
    assert any_database.tables() == ["alembic_version", "authors", "shelves"]


def test_the_same_is_told_in_json(migrator: Migrator, failing: BooksProject, on_sqlite: AnyDatabase) -> None:
    ran = migrator("upgrade", "--json", cwd=failing.root, env=on_sqlite.env)

    answer = json.loads(ran.out)
    assert (ran.code, answer["exit_code"], answer["status"]) == (7, 7, "error")
    data = answer["data"]
    assert [step["revision"] for step in data["applied"]] == ["r1", "r2"]
    assert [step["revision"] for step in data["remaining"]] == ["r4"]
    assert (data["before"], data["after"]) == ([], ["r2"])
    failed = data["failed"]
    assert failed["step"]["revision"] == "r3"
    assert failed["statement"] == "INSERT INTO nowhere VALUES (1)"
    assert failed["cause"] == "no such table: nowhere"
    assert failed["file"] == "migrations/test/versions/r3_by_hand.py"
    assert isinstance(failed["line"], int)
    assert answer["errors"][0]["hint"].endswith("migrator upgrade head --env testing")


def test_a_corrected_revision_goes_on_from_where_the_failure_left_off(
    migrator: Migrator, failing: BooksProject, either_database: AnyDatabase
) -> None:
    assert migrator("upgrade", cwd=failing.root, env=either_database.env).code == 7
    failing.revision("r3", "r2", FAILING.replace("nowhere", "half_way"))

    ran = migrator("upgrade", cwd=failing.root, env=either_database.env)

    assert ran.code == 0, ran.err
    assert either_database.version() == ["r4"]
    assert either_database.query("SELECT id FROM half_way") == [(1,)]


def test_a_failing_downgrade_keeps_what_it_could_not_undo(
    migrator: Migrator, books: BooksProject, either_database: AnyDatabase
) -> None:
    books.tables("authors", "shelves", "loans")
    books.revision("r2", "r1", CREATE.format("shelves"), "op.drop_table('shelves')\n1 / 0")
    assert migrator("upgrade", cwd=books.root, env=either_database.env).code == 0

    ran = migrator("downgrade", "base", cwd=books.root, env=either_database.env)

    assert ran.code == 7
    assert "The downgrade of revision r2 (r2) failed: division by zero." in ran.err
    assert ran.out.splitlines()[:2] == ["undone: r3 create loans", "failed: r2 r2"]
    assert ran.out.splitlines()[-2:] == ["remaining: r1 create authors", "the database is at r2"]
    assert either_database.version() == ["r2"]
    assert "shelves" in either_database.tables()


def test_one_transaction_for_the_run_rolls_everything_back(
    migrator: Migrator, failing: BooksProject, either_database: AnyDatabase
) -> None:
    failing.settings(migrator=["transaction = run"])

    ran = migrator("upgrade", cwd=failing.root, env=either_database.env)

    assert ran.code == 7
    assert "applied:" not in ran.out
    assert ran.out.splitlines()[-1] == "the database is at base"
    assert either_database.tables() in ([], ["alembic_version"])


def test_env_py_alone_cannot_change_the_transactions_that_the_environment_asks_for(
    migrator: Migrator, failing: BooksProject, on_postgresql: AnyDatabase
) -> None:
    failing.env_py.write_text(
        "from migrator.env import run_migrations\nrun_migrations(transaction_per_migration=False)\n"
    )

    assert migrator("upgrade", cwd=failing.root, env=on_postgresql.env).code == 7
    assert on_postgresql.version() == ["r2"]

    failing.settings(migrator=["transaction = env"])
    assert migrator("downgrade", "base", cwd=failing.root, env=on_postgresql.env).code == 0
    assert migrator("upgrade", cwd=failing.root, env=on_postgresql.env).code == 7
    assert on_postgresql.version() == []


def test_a_revision_that_ends_the_process_is_a_failed_migration(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    books.revision("r1", None, f"{CREATE.format('authors')}\nraise SystemExit(0)")

    ran = migrator("upgrade", cwd=books.root, env=on_sqlite.env)

    assert ran.code == 7
    assert "authors" not in on_sqlite.tables()


COMMITS_NOTHING = """
from alembic import context
from sqlalchemy import create_engine, text

engine = create_engine({url!r})
with engine.connect() as connection:
    connection.execute(text("SELECT 1"))
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""


def test_an_env_py_that_commits_nothing_is_no_success(
    migrator: Migrator, books: BooksProject, either_database: AnyDatabase
) -> None:
    books.tables("authors", "shelves")
    books.env_py.write_text(COMMITS_NOTHING.format(url=either_database.sync_url))

    ran = migrator("upgrade", cwd=books.root, env=either_database.env)

    if either_database.backend == "postgresql":
        assert ran.code == 7, ran.out
        assert "before context.configure()" in ran.err
        assert ran.out.splitlines()[-1] == "the database is at base"
        assert "applied:" not in ran.out
        assert either_database.tables() == []
    else:
        # SQLite's own driver commits before DDL, so that something was done: the answer must be true.
        assert (ran.code == 0) == (either_database.version() == ["r2"])


def test_revisions_that_contain_a_password_do_not_show_it(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase
) -> None:
    password = on_postgresql.url.partition("://")[2].partition(":")[2].partition("@")[0]
    books.revision("r1", None, f"op.execute(\"SELECT no_function('{password}')\")")

    for options in ([], ["--json"], ["--traceback"], ["--echo"]):
        ran = migrator("upgrade", *options, cwd=books.root, env=on_postgresql.env)
        assert ran.code == 7
        assert password not in ran.out + ran.err


def test_a_wrong_logging_call_is_told_and_fails_no_revision(
    shell: Callable[..., Ran], books: BooksProject, tmp_path: Path
) -> None:
    """A process of its own: pytest makes an error of what logging only reports."""
    wrong = f"""import logging
logging.getLogger("app").warning("moved %d rows", "postgresql://me:{PASSWORD}@host/db")"""
    books.revision("r1", None, wrong)
    url = f"sqlite:///{tmp_path / 'books.db'}"

    ran = shell(["migrator", "upgrade", "--url", url, "--json"], cwd=books.root)

    assert (ran.code, json.loads(ran.out)["data"]["after"]) == (0, ["r1"]), ran.err
    assert "Message: 'moved %d rows'" in ran.err
    assert PASSWORD not in ran.err
