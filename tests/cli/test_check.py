"""`check`: whether models and database agree, in words, in JSON and by the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.projects.books import MODELS, AnyDatabase, BooksProject

if TYPE_CHECKING:
    from tests.conftest import Ran

Migrator = Callable[..., "Ran"]

RIGHT = (
    "op.create_table('authors', sa.Column('id', sa.Integer, nullable=False),"
    " sa.Column('name', sa.String(50), nullable=False), sa.PrimaryKeyConstraint('id', name='pk_authors'))"
)


def test_agreement_is_yes(migrator: Migrator, books: BooksProject, either_database: AnyDatabase) -> None:
    books.revision("r1", None, RIGHT)
    assert migrator("upgrade", cwd=books.root, env=either_database.env).code == 0

    ran = migrator("check", cwd=books.root, env=either_database.env)

    assert (ran.code, ran.out) == (0, "models and database agree\n"), ran.err


def test_a_difference_is_no_and_is_said_in_words(
    migrator: Migrator, books: BooksProject, either_database: AnyDatabase
) -> None:
    books.revision("r1", None, RIGHT)
    assert migrator("upgrade", cwd=books.root, env=either_database.env).code == 0
    books.models(MODELS + "    email: Mapped[str | None]\n")
    either_database.query("ALTER TABLE authors ADD COLUMN born INTEGER")

    ran = migrator("check", cwd=books.root, env=either_database.env)

    assert ran.code == 1
    assert sorted(ran.out.splitlines()) == ["add column authors.email", "drop column authors.born"]
    assert "error" not in ran.err


def test_json_says_against_what_was_compared(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    books.revision("r1", None, RIGHT.replace("50", "20"))
    assert migrator("upgrade", cwd=books.root, env=on_sqlite.env).code == 0

    ran = migrator("check", "--against", "database", "--json", cwd=books.root, env=on_sqlite.env)

    answer = json.loads(ran.out)
    assert (ran.code, answer["exit_code"], answer["status"], answer["errors"]) == (1, 1, "negative", [])
    assert answer["data"]["against"] == "database"
    (change,) = answer["data"]["changes"]
    assert change["text"] == "alter column authors.name: type VARCHAR(20) -> VARCHAR(50)"
    assert (change["kind"], change["table"], change["destructive"]) == ("alter_column", "authors", False)


def test_nothing_else_can_be_compared(migrator: Migrator, books: BooksProject) -> None:
    ran = migrator("check", "--against", "revisions", cwd=books.root)

    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize("driver", ["postgresql+asyncpg", "postgresql+psycopg"])
def test_server_defaults_are_compared(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase, driver: str
) -> None:
    env = {"TESTING_DATABASE_URL": on_postgresql.url.replace("postgresql+asyncpg", driver)}
    books.revision("r1", None, RIGHT.replace("sa.String(50)", "sa.String(50), server_default='nobody'"))
    assert migrator("upgrade", cwd=books.root, env=env).code == 0

    ran = migrator("check", cwd=books.root, env=env)

    assert ran.code == 1
    assert ran.out.startswith("alter column authors.name: server default 'nobody'")


def test_a_database_that_is_behind_is_no_and_is_not_compared(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    books.revision("r1", None, RIGHT)
    books.revision("r2", "r1")
    books.revision("r3", "r2")
    assert migrator("upgrade", "r1", cwd=books.root, env=on_sqlite.env).code == 0

    ran = migrator("check", cwd=books.root, env=on_sqlite.env)

    assert ran.code == 1
    assert ran.out.splitlines() == [
        "testing is behind by 2 revisions, so that nothing was compared",
        "pending r2",
        "pending r3",
    ]
    answer = json.loads(migrator("check", "--json", cwd=books.root, env=on_sqlite.env).out)
    assert (answer["data"]["pending"], answer["data"]["changes"]) == (["r2", "r3"], [])


def test_a_table_that_no_model_has_is_said(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    books.revision("r1", None, RIGHT)
    assert migrator("upgrade", cwd=books.root, env=on_sqlite.env).code == 0
    on_sqlite.query("CREATE TABLE leftover (id INTEGER)")

    assert migrator("check", cwd=books.root, env=on_sqlite.env).out == "drop table leftover\n"
    books.settings(migrator=["exclude_tables = left*"])
    assert migrator("check", cwd=books.root, env=on_sqlite.env).code == 0


def test_models_that_do_not_import_are_no_answer(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    on_sqlite.query("CREATE TABLE present (id INTEGER)")
    (books.root / books.package / "broken.py").write_text("import surely_not_there\n")

    ran = migrator("check", cwd=books.root, env=on_sqlite.env)

    assert (ran.code, ran.out) == (3, "")
    assert f"{books.package}.broken cannot be imported: ModuleNotFoundError" in ran.err


def test_empty_metadata_is_no_answer(migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase) -> None:
    on_sqlite.query("CREATE TABLE present (id INTEGER)")
    books.models("from sqlalchemy import MetaData\nmetadata = MetaData()\n")

    ran = migrator("check", cwd=books.root, env=on_sqlite.env)

    assert (ran.code, ran.out) == (3, "")
