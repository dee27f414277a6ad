"""SQLite and MariaDB databases compared, as far as SQLAlchemy's inspector tells what they hold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from migrator.database.catalog.objects import Catalog, differences, foreign_objects
from migrator.database.catalog.reading import read_catalog
from migrator.database.own.own_tables import excluder

if TYPE_CHECKING:
    from tests.mariadb import MariaDatabase

# On lines of their own: older versions of SQLAlchemy find a CHECK's name only so.
BASE = [
    "CREATE TABLE a (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL DEFAULT 'x')",
    "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER, n INTEGER,"
    " CONSTRAINT fk FOREIGN KEY (a_id) REFERENCES a (id),\n CONSTRAINT u UNIQUE (n),\n"
    " CONSTRAINT c CHECK (n > 0))",
    "CREATE INDEX ix ON b (a_id)",
    "CREATE VIEW v AS SELECT id FROM a",
]
TRIGGER = "CREATE TRIGGER g AFTER INSERT ON a BEGIN UPDATE a SET name = 'y'; END"
B = "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER, n INTEGER"


@contextmanager
def sqlite(path: Path, *statements: str) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
        connection.commit()
        yield connection


def sqlite_differences(folder: Path, left: list[str], right: list[str]) -> list[str]:
    with sqlite(folder / "left.db", *left) as one, sqlite(folder / "right.db", *right) as other:
        return [each.text for each in differences(read_catalog(one), read_catalog(other))]


def test_equal_sqlite_files_have_no_differences(tmp_path: Path) -> None:
    reordered = [BASE[1], BASE[0], BASE[3], BASE[2].replace("INDEX ix", "INDEX  ix"), TRIGGER]

    assert sqlite_differences(tmp_path, [*BASE, TRIGGER], reordered) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (["CREATE TABLE more (id INTEGER)"], ["table more: only in the second"]),
        (["ALTER TABLE a ADD price NUMERIC(10, 2)"], ["column a.price: only in the second"]),
        (
            ["ALTER TABLE a DROP name", "ALTER TABLE a ADD name VARCHAR(30) NOT NULL DEFAULT 'x'"],
            ["column a.name: VARCHAR(20) default 'x' not null | VARCHAR(30) default 'x' not null"],
        ),
        (
            ["ALTER TABLE a DROP name", "ALTER TABLE a ADD name VARCHAR(20) DEFAULT 'z'"],
            ["column a.name: VARCHAR(20) default 'x' not null | VARCHAR(20) default 'z'"],
        ),
        (
            ["DROP INDEX ix", "CREATE UNIQUE INDEX ix ON b (lower(a_id)) WHERE n > 1"],
            [
                "index ix on b: CREATE INDEX ix ON b (a_id)"
                " | CREATE UNIQUE INDEX ix ON b (lower(a_id)) WHERE n > 1"
            ],
        ),
        (
            ["DROP VIEW v", "CREATE VIEW v AS SELECT name FROM a"],
            ["view v: CREATE VIEW v AS SELECT id FROM a | CREATE VIEW v AS SELECT name FROM a"],
        ),
        ([TRIGGER], ["trigger g on a: only in the second"]),
        (
            ["DROP TABLE b", f"{B}, CONSTRAINT u UNIQUE (n))", "CREATE INDEX ix ON b (a_id)"],
            ["constraint c on b: only in the first", "constraint fk on b: only in the first"],
        ),
        (
            ["ALTER TABLE a ADD twice INTEGER GENERATED ALWAYS AS (id * 2) VIRTUAL"],
            ["column a.twice: only in the second"],
        ),
    ],
)
def test_a_change_to_a_sqlite_file_is_told(change: list[str], expected: list[str], tmp_path: Path) -> None:
    assert sqlite_differences(tmp_path, BASE, [*BASE, *change]) == expected


def test_constraints_without_a_name_are_named_by_what_they_say(tmp_path: Path) -> None:
    left = ["CREATE TABLE a (id INTEGER PRIMARY KEY)", "CREATE TABLE b (x INTEGER UNIQUE)"]
    right = ["CREATE TABLE a (id INTEGER PRIMARY KEY)", "CREATE TABLE b (x INTEGER REFERENCES a (id))"]

    found = sqlite_differences(tmp_path, left, right)

    assert [each.partition(" on b:")[0] for each in found] == [
        "constraint foreign key constrained_columns (x), referred_columns (id), referred_table a",
        "constraint unique column_names (x)",
    ]


def test_views_and_triggers_are_what_autogenerate_does_not_see(tmp_path: Path) -> None:
    with sqlite(tmp_path / "a.db", *BASE, TRIGGER) as connection:
        found = foreign_objects(read_catalog(connection))

    assert found == [("trigger", "g on a"), ("view", "v")]


def test_excluded_tables_and_our_own_are_left_out_with_what_hangs_on_them(tmp_path: Path) -> None:
    own = ["CREATE TABLE alembic_version (version_num TEXT)", "CREATE TABLE migrator_log (id INTEGER)"]
    with sqlite(tmp_path / "a.db", *BASE, TRIGGER, *own) as connection:
        found = read_catalog(connection, leave_out=excluder(["a", "b"]))

    assert list(found.objects) == [("view", "v")]


def test_reading_a_sqlite_file_ends_only_the_transaction_that_it_began(tmp_path: Path) -> None:
    with sqlite(tmp_path / "a.db", *BASE) as connection:
        read_catalog(connection)
        assert not connection.in_transaction()
        connection.begin()
        read_catalog(connection)
        assert connection.in_transaction()


async def _read(url: str) -> Catalog:
    async with create_async_engine(url, poolclass=NullPool).connect() as connection:
        return await connection.run_sync(read_catalog)


def test_aiosqlite_reads_the_same(tmp_path: Path) -> None:
    with sqlite(tmp_path / "a.db", *BASE) as connection:
        assert asyncio.run(_read(f"sqlite+aiosqlite:///{tmp_path / 'a.db'}")) == read_catalog(connection)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("CREATE TABLE more (id INTEGER)", ["table more"]),
        ("ALTER TABLE a MODIFY name VARCHAR(30) NOT NULL DEFAULT 'x'", ["column a.name"]),
        ("ALTER TABLE a MODIFY name VARCHAR(20) NOT NULL DEFAULT 'y'", ["column a.name"]),
        ("ALTER TABLE a MODIFY name VARCHAR(20) NULL DEFAULT 'x'", ["column a.name"]),
        ("ALTER TABLE a MODIFY id INTEGER AUTO_INCREMENT", ["column a.id"]),
        ("ALTER TABLE a MODIFY name VARCHAR(20) NOT NULL DEFAULT 'x' COMMENT 'c'", ["comment column a.name"]),
        ("ALTER TABLE b DEFAULT CHARACTER SET utf8mb4", ["table b"]),
        ("ALTER TABLE a COMMENT 'c'", ["comment table a"]),
        ("ALTER TABLE b DROP FOREIGN KEY fk", ["constraint fk on b"]),
        ("ALTER TABLE b DROP CONSTRAINT c", ["constraint c on b"]),
        ("CREATE INDEX more ON a (name)", ["index more on a"]),
        ("CREATE OR REPLACE VIEW v AS SELECT name FROM a", ["view v"]),
        ("CREATE TRIGGER g BEFORE INSERT ON a FOR EACH ROW SET NEW.name = 'y'", ["trigger g on a"]),
    ],
)
def test_a_change_to_a_mariadb_database_is_told(
    change: str, expected: list[str], new_mariadb: Callable[[], MariaDatabase]
) -> None:
    left, equal, right = new_mariadb(), new_mariadb(), new_mariadb()
    for database in (left, equal, right):
        database.query(";".join(BASE).replace("id INTEGER PRIMARY KEY", "id INTEGER NOT NULL PRIMARY KEY"))
    equal.query("INSERT INTO a VALUES (7, 'z')")
    right.query(change)
    for database in (left, equal, right):
        # Who may not see a view's text, or triggers, is not told of them.
        database.query(f"GRANT SHOW VIEW, TRIGGER ON {database.name}.* TO '{database.user}'@'127.0.0.1'")

    first, second, third = (
        asyncio.run(_read(database.url("mysql+asyncmy"))) for database in (left, equal, right)
    )

    assert differences(first, second) == ()
    assert [f"{each.kind} {each.name}" for each in differences(first, third)] == expected
