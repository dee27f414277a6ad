"""`migrator generate`: what it writes, what it says, and where it writes nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.projects.books import MODELS, AnyDatabase, BooksProject

if TYPE_CHECKING:
    from tests.conftest import Ran

Migrator = Callable[..., "Ran"]

GROWN = (
    MODELS
    + """
    email: Mapped[str | None] = mapped_column(String(100), index=True)

class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
"""
)
EMPTY = "from sqlalchemy import MetaData\nmetadata = MetaData()\n"


def test_generate_then_upgrade_makes_the_models_on_every_driver(
    migrator: Migrator, books: BooksProject, any_database: AnyDatabase
) -> None:
    generated = migrator("generate", "-m", "add authors", cwd=books.root, env=any_database.env)

    assert generated.code == 0, generated.err
    (file,) = books.files()
    assert generated.out.splitlines() == ["add table authors", f"wrote migrations/test/versions/{file}"]
    assert file.endswith("_add_authors.py")

    assert migrator("upgrade", cwd=books.root, env=any_database.env).code == 0
    assert any_database.tables() == ["alembic_version", "authors"]
    again = migrator("generate", "-m", "nothing", cwd=books.root, env=any_database.env)
    assert (again.code, again.out) == (0, "nothing changed: no revision was written\n")
    assert books.files() == [file]


def test_generate_says_in_words_what_it_found_and_the_revision_does_it(
    migrator: Migrator, books: BooksProject, either_database: AnyDatabase
) -> None:
    books.revision(
        "r1",
        None,
        "op.create_table('authors', sa.Column('id', sa.Integer, nullable=False), "
        "sa.Column('name', sa.String(20)), sa.Column('born', sa.Integer), "
        "sa.PrimaryKeyConstraint('id', name='pk_authors'))",
    )
    books.models(GROWN)
    assert migrator("upgrade", cwd=books.root, env=either_database.env).code == 0

    generated = migrator("generate", "-m", "grow", "--allow-drop", cwd=books.root, env=either_database.env)

    assert generated.code == 0, generated.err
    said = set(generated.out.splitlines()[:-1])
    assert {"add table books", "add column authors.email", "drop column authors.born"} <= said
    assert "add index ix_authors_email on authors (email)" in said
    altered = "alter column authors.name: type VARCHAR(20) -> VARCHAR(50), nullable -> not null"
    assert altered in " ".join(sorted(said)) or "alter column authors.name: nullable -> not null" in said
    upgraded = migrator("upgrade", cwd=books.root, env=either_database.env)
    assert upgraded.code == 0, upgraded.err
    assert either_database.columns("authors").keys() == {"id", "name", "email"}
    assert either_database.columns("authors")["name"] == "VARCHAR(50)"
    assert "books" in either_database.tables()


def test_generate_tells_changes_files_and_destruction_in_json(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    books.tables("leftover")
    books.revision("r2", "r1", "op.create_table('authors', sa.Column('id', sa.Integer, primary_key=True))")
    assert migrator("upgrade", cwd=books.root, env=on_sqlite.env).code == 0

    ran = migrator("generate", "-m", "name", "--allow-drop", "--json", cwd=books.root, env=on_sqlite.env)

    answer = json.loads(ran.out)
    assert (answer["command"], answer["status"], answer["exit_code"]) == ("generate", "success", 0)
    found = {change["text"]: change["destructive"] for change in answer["data"]["changes"]}
    assert found == {"add column authors.name": False, "drop table leftover": True}
    (written,) = answer["data"]["written"]
    assert Path(written["path"]).name in books.files()
    assert written["message"] == "name"


def test_revision_is_another_name_for_generate(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    ran = migrator("revision", "--autogenerate", "-m", "x", "--json", cwd=books.root, env=on_sqlite.env)

    assert json.loads(ran.out)["command"] == "generate"
    assert len(books.files()) == 1


def test_generate_leaves_no_version_table_behind(
    migrator: Migrator, books: BooksProject, either_database: AnyDatabase
) -> None:
    assert migrator("generate", "-m", "x", cwd=books.root, env=either_database.env).code == 0

    assert either_database.tables() == []


def test_an_empty_revision_needs_no_database(migrator: Migrator, books: BooksProject) -> None:
    unreachable = {"TESTING_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}

    ran = migrator("generate", "--empty", "-m", "fill in", "--rev-id", "r1", cwd=books.root, env=unreachable)

    assert (ran.code, ran.out) == (0, "wrote migrations/test/versions/r1_fill_in.py\n"), ran.err
    assert migrator("show", "r1", cwd=books.root).code == 0


@pytest.mark.parametrize(
    ("rev_id", "code"), [("../x", 2), ("a" * 33, 2), ("a/b", 2), (".hidden", 2), ("", 2), ("r1", 5)]
)
def test_a_bad_or_taken_revision_id_is_refused_and_nothing_written(
    migrator: Migrator, books: BooksProject, rev_id: str, code: int
) -> None:
    books.tables("authors")
    before = books.files()

    ran = migrator("generate", "--empty", "-m", "x", "--rev-id", rev_id, cwd=books.root)

    assert ran.code == code
    assert ran.err.count("error: ") == 1
    assert books.files() == before


def test_a_revision_id_of_32_characters_is_applied(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase
) -> None:
    longest = "a" * 32
    written = migrator("generate", "--empty", "-m", "x", "--rev-id", longest, cwd=books.root)
    assert written.code == 0, written.err

    assert migrator("upgrade", cwd=books.root, env=on_postgresql.env).code == 0
    assert on_postgresql.version() == [longest]


def test_empty_metadata_is_refused(migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase) -> None:
    on_sqlite.query("CREATE TABLE precious (id INTEGER)")
    books.models(EMPTY)

    ran = migrator("generate", "-m", "x", cwd=books.root, env=on_sqlite.env)

    assert ran.code == 3
    assert "error: " in ran.err
    assert books.files() == []


def test_no_models_are_refused(migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase) -> None:
    books.ini.write_text(books.ini.read_text().replace(f"models = {books.package}", ""))

    ran = migrator("generate", "-m", "x", cwd=books.root, env=on_sqlite.env)

    assert ran.code == 3
    assert "models" in ran.err
    assert books.files() == []


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import surely_not_there\n", "ModuleNotFoundError"),
        ("def broken(:\n", "SyntaxError"),
        ("1 / 0\n", "ZeroDivisionError"),
    ],
)
def test_models_that_do_not_import_are_refused_by_module_and_cause(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase, source: str, cause: str
) -> None:
    (books.root / books.package / "orders.py").write_text(source)

    ran = migrator("generate", "-m", "x", cwd=books.root, env=on_sqlite.env)

    assert ran.code == 3
    error = next(line for line in ran.err.splitlines() if line.startswith("error: "))
    assert f"{books.package}.orders" in error
    assert cause in error
    assert "Traceback" not in ran.err
    assert books.files() == []


def test_a_database_behind_the_folder_is_refused(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    books.tables("authors", "shelves")
    assert migrator("upgrade", "r1", cwd=books.root, env=on_sqlite.env).code == 0

    ran = migrator("generate", "-m", "x", cwd=books.root, env=on_sqlite.env)

    assert ran.code == 5
    assert "is at r1, behind r2" in ran.err
    assert "migrator upgrade --env testing" in ran.err
    assert len(books.files()) == 2


def test_several_heads_are_refused_until_one_is_named(migrator: Migrator, books: BooksProject) -> None:
    for revision in ("one", "two"):
        books.revision(revision, None)

    refused = migrator("generate", "--empty", "-m", "x", cwd=books.root)
    assert refused.code == 5
    assert "one_by_hand.py and" in refused.err
    assert "two_by_hand.py" in refused.err

    named = migrator("generate", "--empty", "-m", "x", "--head", "two", "--json", cwd=books.root)
    assert json.loads(named.out)["data"]["written"][0]["down_revisions"] == ["two"]


@pytest.mark.parametrize("driver", ["sqlite", "sqlite+aiosqlite"])
def test_generate_takes_an_sqlite_file_that_is_not_there_for_empty_and_makes_none(
    migrator: Migrator, books: BooksProject, driver: str
) -> None:
    url = {"TESTING_DATABASE_URL": f"{driver}:///{books.root}/absent.db"}
    before = sorted(path.name for path in books.root.iterdir())

    first = migrator("generate", "-m", "x", cwd=books.root, env=url)
    assert first.out.splitlines()[0] == "add table authors", first.err

    second = migrator("generate", "-m", "y", cwd=books.root, env=url)
    assert second.code == 5
    assert "is at base, behind" in second.err
    assert sorted(path.name for path in books.root.iterdir()) == before


def test_generate_does_not_wait_for_a_writer_on_sqlite(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    on_sqlite.query("CREATE TABLE present (id INTEGER)")
    with sqlite3.connect(on_sqlite.sync_url.removeprefix("sqlite:///"), isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        ran = migrator("generate", "-m", "x", cwd=books.root, env=on_sqlite.env)
        writer.execute("ROLLBACK")

    assert ran.code == 0, ran.err
