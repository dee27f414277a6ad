"""`stamp` and `ensure-version`: the version table set by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.projects.books import AnyDatabase, BooksProject

if TYPE_CHECKING:
    from tests.conftest import Ran

Migrator = Callable[..., "Ran"]
Go = Callable[..., "Ran"]


def test_stamp_sets_the_revision_and_runs_nothing(
    migrator: Migrator, books: BooksProject, any_database: AnyDatabase
) -> None:
    books.tables("authors", "shelves", "loans")

    ran = migrator("stamp", "r2", cwd=books.root, env=any_database.env)

    assert (ran.code, ran.out) == (0, "stamped testing: base -> r2\n"), ran.err
    assert any_database.tables() == ["alembic_version"]
    assert any_database.version() == ["r2"]


@pytest.mark.parametrize(
    ("targets", "at"),
    [("head", ["r3"]), ("heads", ["r3"]), ("r1", ["r1"]), ("base", [])],
)
def test_stamp_goes_anywhere_from_anywhere(
    go: Go, on_sqlite: AnyDatabase, targets: str, at: list[str]
) -> None:
    assert go("stamp", "r2").code == 0

    assert go("stamp", targets).code == 0
    assert on_sqlite.version() == at


def test_stamping_where_it_stands_changes_nothing_and_says_so(go: Go) -> None:
    assert go("stamp", "head").code == 0

    again = go("stamp", "head")
    assert (again.code, again.out) == (0, "testing is already at head (r3): nothing to do\n")


def test_several_revisions_are_stamped_at_once(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    for revision in ("one", "two", "three"):
        books.revision(revision, None)

    ran = migrator("stamp", "one", "three", "--json", cwd=books.root, env=on_sqlite.env)

    assert on_sqlite.version() == ["one", "three"], ran.err
    assert sorted(json.loads(ran.out)["data"]["after"]) == ["one", "three"]
    assert migrator("stamp", "heads", cwd=books.root, env=on_sqlite.env).code == 0
    assert on_sqlite.version() == ["one", "three", "two"]


def test_purge_gets_rid_of_a_revision_that_no_file_has(
    migrator: Migrator, books: BooksProject, either_database: AnyDatabase
) -> None:
    books.tables("authors", "shelves")

    def stamp(*args: str) -> Ran:
        return migrator("stamp", *args, cwd=books.root, env=either_database.env)

    assert stamp("head").code == 0
    either_database.query("UPDATE alembic_version SET version_num = 'long_gone'")

    refused = stamp("head")
    assert refused.code == 5
    assert "long_gone" in refused.err
    assert stamp("--purge", "nowhere").code == 5
    assert either_database.version() == ["long_gone"]

    assert stamp("--purge", "head").code == 0
    assert either_database.version() == ["r2"]


def test_purge_where_the_revision_is_right_already_keeps_it(go: Go, on_sqlite: AnyDatabase) -> None:
    assert go("stamp", "head").code == 0

    assert go("stamp", "--purge", "head").code == 0
    assert on_sqlite.version() == ["r3"]
    assert go("stamp", "--purge", "base").code == 0
    assert on_sqlite.version() == []


def test_an_unknown_revision_is_not_stamped(go: Go, on_sqlite: AnyDatabase) -> None:
    assert go("stamp", "r1").code == 0

    for line in ("stamp nowhere", "stamp --purge nowhere"):
        ran = go(*line.split())
        assert ran.code == 5
        assert "nowhere" in ran.err
        assert on_sqlite.version() == ["r1"]


def test_stamp_wants_a_revision(go: Go) -> None:
    assert go("stamp").code == 2


def test_a_protected_environment_is_stamped_with_its_name_only(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    books.tables("authors")
    books.settings(migrator=["protected = true"])

    def stamp(*options: str) -> int:
        return migrator("stamp", "head", *options, cwd=books.root, env=on_sqlite.env).code

    assert stamp() == 4
    assert stamp("--confirm", "production") == 4
    assert on_sqlite.tables() == []
    assert stamp("--confirm", "testing") == 0
    assert on_sqlite.version() == ["r1"]


def test_ensure_version_makes_the_version_table_once(
    migrator: Migrator, books: BooksProject, any_database: AnyDatabase
) -> None:
    first = migrator("ensure-version", cwd=books.root, env=any_database.env)
    assert (first.code, first.out) == (0, "created alembic_version\n"), first.err
    assert any_database.tables() == ["alembic_version"]

    again = migrator("ensure-version", "--json", cwd=books.root, env=any_database.env)
    data = json.loads(again.out)["data"]
    assert data == {"table": "alembic_version", "created": False}
    text = migrator("ensure-version", cwd=books.root, env=any_database.env)
    assert text.out == "alembic_version is there already\n"


def test_ensure_version_keeps_what_the_table_holds(go: Go, on_sqlite: AnyDatabase) -> None:
    assert go("stamp", "r2").code == 0

    assert go("ensure-version").code == 0
    assert on_sqlite.version() == ["r2"]


def test_ensure_version_looks_before_it_makes_the_table_and_only_looks_the_second_time(
    go: Go, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    books.env_py.write_text("print('env.py runs')\n" + books.env_py.read_text())

    ran = go("ensure-version")

    assert (ran.code, ran.out) == (0, "created alembic_version\n"), ran.err
    assert ran.err.count("env.py runs") == 2
    assert go("ensure-version").err.count("env.py runs") == 1
    assert on_sqlite.tables() == ["alembic_version"]


def test_purge_cannot_be_written_as_sql(go: Go) -> None:
    ran = go("stamp", "--purge", "--sql", "head")

    assert (ran.code, ran.out) == (2, "")
    assert "--purge needs the database, and --sql contacts none." in ran.err
