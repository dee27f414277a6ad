"""What an error of a driver means is told by its code."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from migrator.database.failures import means
from migrator.database.kinds.interface import ErrorMeaning


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """Make an SQLite file into which another connection is writing."""
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("CREATE TABLE one (id INTEGER)")
        other.execute("BEGIN IMMEDIATE")
        yield file


def run(file: Path, statement: str) -> None:
    """Run a statement by the driver of the standard library, waiting for nobody."""
    with create_engine(f"sqlite:///{file}", connect_args={"timeout": 0}).begin() as connection:
        connection.execute(text(statement))


def run_by_aiosqlite(file: Path, statement: str) -> None:
    """Do as `run`, by the driver that migrator uses."""

    async def main() -> None:
        engine = create_async_engine(f"sqlite+aiosqlite:///{file}", connect_args={"timeout": 0})
        async with engine.begin() as connection:
            await connection.execute(text(statement))

    asyncio.run(main())


@pytest.mark.parametrize("by", [run, run_by_aiosqlite])
def test_a_file_that_another_connection_writes_to_is_busy(
    locked: Path, by: Callable[[Path, str], None]
) -> None:
    with pytest.raises(DBAPIError) as caught:
        by(locked, "INSERT INTO one VALUES (1)")

    assert means(caught.value, ErrorMeaning.BUSY)


@pytest.mark.parametrize("by", [run, run_by_aiosqlite])
def test_another_error_of_sqlite_is_none_of_a_busy_file(
    tmp_path: Path, by: Callable[[Path, str], None]
) -> None:
    with pytest.raises(DBAPIError) as caught:
        by(tmp_path / "shop.db", "INSERT INTO one VALUES (1)")

    assert not means(caught.value, ErrorMeaning.BUSY)
    assert not means(RuntimeError("database is locked"), ErrorMeaning.BUSY)
