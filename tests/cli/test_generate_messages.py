"""A message of `migrator generate` may hold anything; and other applications' tables are left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.projects.books import MODELS, AnyDatabase, BooksProject, docstring

if TYPE_CHECKING:
    from tests.conftest import Database, Ran

AGREED = "models and database agree\ndatabase and its history agree\n"
Migrator = Callable[..., "Ran"]

NASTY = (
    "it's a \"quoted\" 'message'",
    '"""',
    'ends with a quote"',
    'ends with """ and more\\',
    "C:\\new\\table \\N{DASH} \\x41",
    "{braces} {{twice}} %(percent)s %d 100%",
    "${evil} ${1/0} <% raise %> ${'%s' % x}",
    "## a comment\n% for x in y:\nfirst\nsecond\n\nthird",
    "增加订单表",
    "ship it 🚀",
    "../../../../tmp/escaped",
    "/absolute/path",
    "",
    " ",
    "-m --empty",
    "a" * 300,
    "tab\tand\rreturn \x1b[31m",
)


@pytest.mark.parametrize("message", NASTY, ids=range(len(NASTY)))
def test_any_message_makes_a_valid_file_in_the_folder_that_says_it(
    migrator: Migrator, books: BooksProject, message: str
) -> None:
    before = {path for path in books.root.parent.rglob("*") if path.is_file() and path.suffix != ".pyc"}

    ran = migrator("generate", "--empty", "--rev-id", "r1", f"--message={message}", cwd=books.root)

    assert ran.code == 0, ran.err
    (name,) = books.files()
    made = {
        path for path in books.root.parent.rglob("*") if path.is_file() and path.suffix != ".pyc"
    } - before
    assert made == {books.versions / name}
    written = docstring(books.versions / name)
    assert written.partition("\n\nRevision ID: r1")[0] == message
    listed = migrator("history", cwd=books.root)
    assert listed.code == 0, listed.err
    assert listed.out.count("\n") == 1


@pytest.mark.parametrize("message", NASTY[:7], ids=range(7))
def test_any_message_of_a_merge_makes_a_valid_file(
    migrator: Migrator, books: BooksProject, message: str
) -> None:
    for revision in ("one", "two"):
        books.revision(revision, None)

    ran = migrator("merge", "heads", "--rev-id", "m1", f"--message={message}", cwd=books.root)

    assert ran.code == 0, ran.err
    (path,) = books.versions.glob("m1*.py")
    assert docstring(path).partition("\n\nRevision ID: m1")[0] == message


DJANGO = ("django_session", "django_migrations", "auth_user", "auth_group")
EXCLUDED = (
    MODELS
    + """
class Session(Base):
    __tablename__ = "django_session"
    id: Mapped[int] = mapped_column(primary_key=True)
    surplus: Mapped[int] = mapped_column(index=True)

class NotYetThere(Base):
    __tablename__ = "auth_permission"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
)


@pytest.mark.slow
def test_other_applications_tables_survive_generate_and_upgrade(
    migrator: Migrator, books: BooksProject, either_database: AnyDatabase
) -> None:
    for table in DJANGO:
        either_database.query(
            f"CREATE TABLE {table} (session_key VARCHAR(40) PRIMARY KEY, expires TIMESTAMP)"
        )
        either_database.query(f"CREATE INDEX ix_{table} ON {table} (expires)")
        either_database.query(f"INSERT INTO {table} (session_key) VALUES ('kept')")
    on_server = [f"scratch_url = {either_database.url}"] if either_database.backend == "postgresql" else []
    books.settings(migrator=["exclude_tables = django_*, auth_*", "scratch_keep = 0", *on_server])
    books.models(EXCLUDED)

    generated = migrator("generate", "-m", "add authors", cwd=books.root, env=either_database.env)

    assert generated.code == 0, generated.err
    assert generated.out.splitlines()[:-1] == ["add table authors"]
    assert migrator("upgrade", cwd=books.root, env=either_database.env).code == 0
    assert migrator("check", cwd=books.root, env=either_database.env).out == AGREED
    assert migrator("downgrade", "base", cwd=books.root, env=either_database.env).code == 0
    assert either_database.tables() == sorted(("alembic_version", *DJANGO))
    for table in DJANGO:
        assert either_database.columns(table).keys() == {"session_key", "expires"}
        assert either_database.query(f"SELECT session_key FROM {table}") == [("kept",)]


def test_without_exclude_tables_it_is_left_alone_and_named(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    on_sqlite.query("CREATE TABLE django_session (session_key VARCHAR(40) PRIMARY KEY)")

    ran = migrator("generate", "-m", "x", cwd=books.root, env=on_sqlite.env)

    assert ran.out.splitlines()[-1] == (
        "note: table django_session is not in the models, and no revision creates it: left alone;"
        " name it in exclude_tables"
    )
    assert "django_session" not in (books.versions / books.files()[0]).read_text()


@pytest.mark.slow
def test_the_line_about_other_applications_in_a_new_configuration_works_as_it_stands(
    migrator: Migrator, postgres_database: Database, checkout: Path
) -> None:
    ini = checkout / "configs" / "alembic_test.ini"
    commented = "# exclude_tables = django_*, auth_*"
    assert commented in ini.read_text()
    ini.write_text(ini.read_text().replace(commented, commented.removeprefix("# ")))
    postgres_database.query("CREATE TABLE django_session (session_key text primary key)")
    postgres_database.query("CREATE TABLE auth_user (id serial primary key, email text unique)")
    url = {"TESTING_DATABASE_URL": postgres_database.url}
    assert migrator("upgrade", env=url, cwd=checkout).code == 0

    checked = migrator("check", "--against", "database", env=url, cwd=checkout)

    assert (checked.code, checked.out) == (0, AGREED), checked.err
    assert {"django_session", "auth_user", "orders"} <= set(postgres_database.tables())


def test_a_message_that_looks_like_an_option_is_no_option(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    ran = migrator("generate", "-m", "--echo", cwd=books.root, env=on_sqlite.env)

    assert ran.code == 0, ran.err
    assert "SELECT" not in ran.err
    assert "PRAGMA" not in ran.err
