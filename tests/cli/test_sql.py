"""`--sql`: only SQL on stdout, no database contacted, and the SQL does what the command would."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.projects.books import BooksProject

if TYPE_CHECKING:
    from tests.conftest import Database, Ran

AGREED = "models and database agree\ndatabase and its history agree\n"
Migrator = Callable[..., "Ran"]
Shell = Callable[..., "Ran"]

NOWHERE = "postgresql://nobody:secret-word@127.0.0.1:1/nothing"
SCHEMA = """
    select table_name, column_name, data_type, column_default, is_nullable, character_maximum_length
    from information_schema.columns where table_schema = 'public' and table_name <> 'alembic_version'
    union all
    select tablename, indexname, indexdef, null, null, null from pg_indexes where schemaname = 'public'
    union all
    select conrelid::regclass::text, conname, pg_get_constraintdef(oid), null, null, null
    from pg_constraint where connamespace = 'public'::regnamespace
    order by 1, 2, 3
"""


def apply(database: Database, script: str) -> None:
    """Run a script as psql would: all its statements, in its own transactions."""
    with psycopg.connect(
        host=database.host,
        port=database.port,
        user=database.user,
        password=database.password,
        dbname=database.name,
        autocommit=True,
    ) as connection:
        # One at a time: the server takes statements that are sent together for one transaction.
        for statement in script.split(";\n"):
            if statement.strip():
                connection.execute(statement.encode())


@pytest.mark.slow
def test_the_sql_of_an_upgrade_makes_the_same_schema(
    migrator: Migrator, new_database: Callable[[], Database]
) -> None:
    ran_here, applied_here = new_database(), new_database()
    assert migrator("upgrade", "--url", ran_here.url).code == 0

    written = migrator("upgrade", "--sql", "--url", NOWHERE)

    assert (written.code, written.err) == (0, "")
    with_psycopg = migrator("upgrade", "--sql", "--url", NOWHERE.replace("postgresql", "postgresql+psycopg"))
    assert with_psycopg.out == written.out
    assert written.out.startswith("BEGIN;\n")
    assert "secret-word" not in written.out
    apply(applied_here, written.out)
    assert applied_here.query(SCHEMA) == ran_here.query(SCHEMA)
    version = "SELECT version_num FROM alembic_version"
    assert applied_here.query(version) == ran_here.query(version)
    checked = migrator("check", "--against", "database", "--url", applied_here.url)
    assert (checked.code, checked.out) == (0, AGREED)


def test_the_sql_of_a_downgrade_takes_everything_back(
    migrator: Migrator, postgres_database: Database
) -> None:
    assert migrator("upgrade", "--url", postgres_database.url).code == 0

    written = migrator("downgrade", "--sql", "head:base", "--url", NOWHERE)

    assert (written.code, written.err) == (0, ""), written.err
    apply(postgres_database, written.out)
    assert postgres_database.tables() == ["alembic_version"]


def test_the_sql_has_one_transaction_for_each_revision_unless_said_otherwise(
    migrator: Migrator, books: BooksProject
) -> None:
    books.tables("authors", "shelves", "loans")
    url = ("--url", NOWHERE)

    assert migrator("upgrade", "--sql", *url, cwd=books.root).out.count("BEGIN;") == 3
    books.settings(migrator=["transaction = run"])
    assert migrator("upgrade", "--sql", *url, cwd=books.root).out.count("BEGIN;") == 1


def test_the_sql_of_a_range_begins_and_ends_where_it_says(migrator: Migrator, books: BooksProject) -> None:
    books.tables("authors", "shelves", "loans")

    ran = migrator("upgrade", "r1:r2", "--sql", "--url", NOWHERE, cwd=books.root)

    assert ran.code == 0, ran.err
    assert "CREATE TABLE shelves" in ran.out
    assert "CREATE TABLE authors" not in ran.out
    assert "CREATE TABLE loans" not in ran.out
    assert "UPDATE alembic_version SET version_num='r2'" in ran.out
    assert "CREATE TABLE alembic_version" not in ran.out


def test_a_downgrade_needs_a_range_and_a_relative_end_works(migrator: Migrator, books: BooksProject) -> None:
    books.tables("authors", "shelves")

    assert migrator("downgrade", "-1", "--sql", "--url", NOWHERE, cwd=books.root).code == 2
    ran = migrator("downgrade", "--sql", "r2:-1", "--url", NOWHERE, cwd=books.root)
    assert ran.code == 0, ran.err
    assert "DROP TABLE shelves" in ran.out
    assert "DROP TABLE authors" not in ran.out


def test_the_sql_of_a_stamp_and_of_the_version_table(
    migrator: Migrator, books: BooksProject, postgres_database: Database
) -> None:
    books.tables("authors", "shelves")

    table = migrator("ensure-version", "--sql", "--url", NOWHERE, cwd=books.root)
    stamp = migrator("stamp", "r1:r2", "--sql", "--url", NOWHERE, cwd=books.root)

    assert (table.code, table.err, stamp.code, stamp.err) == (0, "", 0, "")
    apply(postgres_database, table.out)
    postgres_database.query("INSERT INTO alembic_version VALUES ('r1')")
    apply(postgres_database, stamp.out)
    assert postgres_database.tables() == ["alembic_version"]
    assert postgres_database.query("SELECT version_num FROM alembic_version") == [("r2",)]


@pytest.mark.parametrize("driver", ["sqlite", "sqlite+aiosqlite"])
def test_the_sql_for_sqlite_runs_there_and_no_file_is_made(
    migrator: Migrator, books: BooksProject, driver: str
) -> None:
    books.tables("authors", "shelves")
    absent = books.root / "absent.db"

    ran = migrator("upgrade", "--sql", "--url", f"{driver}:///{absent}", cwd=books.root)

    assert (ran.code, ran.err) == (0, "")
    assert not absent.exists()
    connection = sqlite3.connect(":memory:")
    connection.executescript(ran.out)
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1").fetchall()
    assert found == [("alembic_version",), ("authors",), ("shelves",)]
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("r2",)]


def test_what_a_revision_prints_does_not_get_into_the_sql(migrator: Migrator, books: BooksProject) -> None:
    books.revision("r1", None, "print('hello from the revision')\nop.execute('SELECT 1')")

    ran = migrator("upgrade", "--sql", "--url", NOWHERE, cwd=books.root)

    assert "SELECT 1;" in ran.out
    assert "hello" not in ran.out
    assert "hello from the revision" in ran.err


def test_sql_in_json_is_one_document(migrator: Migrator, books: BooksProject) -> None:
    books.tables("authors")

    ran = migrator("upgrade", "--sql", "--json", "--url", NOWHERE, cwd=books.root)

    answer = json.loads(ran.out)
    assert (answer["command"], answer["status"]) == ("upgrade", "success")
    assert "CREATE TABLE authors" in answer["data"]["sql"]


def test_a_revision_that_reads_the_database_cannot_be_written_as_sql(
    migrator: Migrator, books: BooksProject
) -> None:
    books.revision("r1", None, "op.execute('SELECT 1')")
    books.revision("r2", "r1", "op.get_bind().execute(sa.text('SELECT 1')).scalar()")

    ran = migrator("upgrade", "--sql", "--url", NOWHERE, cwd=books.root)

    assert ran.code not in (0, 70), ran.err
    assert ran.out == ""
    assert "r2_by_hand.py" in ran.err


def test_sql_needs_no_consent_in_a_protected_environment(migrator: Migrator, books: BooksProject) -> None:
    books.tables("authors")
    books.settings(migrator=["protected = true"])

    assert migrator("downgrade", "--sql", "r1:base", "--url", NOWHERE, cwd=books.root).code == 0
    assert migrator("stamp", "--sql", "head", "--url", NOWHERE, cwd=books.root).code == 0


def test_sql_of_the_sample_project_with_the_embedded_database_starts_no_server(
    migrator: Migrator, checkout: Path
) -> None:
    ran = migrator("upgrade", "--sql", cwd=checkout)

    assert ran.code == 0, ran.err
    assert "CREATE TABLE users" in ran.out
    assert not (checkout / ".migrator").exists()


@pytest.mark.slow
def test_what_a_program_run_by_a_revision_prints_stays_off_stdout(shell: Shell, books: BooksProject) -> None:
    books.revision("r1", None, "__import__('subprocess').run(['echo', 'hello from a program'])")
    url = f"sqlite:///{books.root}/books.db"

    ran = shell(["migrator", "upgrade", "--sql", "--url", url], cwd=books.root)
    assert (ran.code, "hello from a program" in ran.out) == (0, False), ran.err
    assert "hello from a program\n" in ran.err

    ran = shell(["migrator", "upgrade", "--json", "--url", url], cwd=books.root)
    assert json.loads(ran.out)["status"] == "success"
    assert "hello from a program\n" in ran.err
