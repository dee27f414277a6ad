"""What tests of commands share: a project about books, and a database reached through each driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.projects.books import AnyDatabase, BooksProject, make_project


@pytest.fixture
def books(tmp_path: Path) -> BooksProject:
    """A project with one model and no revision."""
    return make_project(tmp_path / "a project of books")


@pytest.fixture(params=("postgresql+asyncpg", "postgresql+psycopg", "sqlite+aiosqlite", "sqlite"))
def any_database(request: pytest.FixtureRequest, tmp_path: Path) -> AnyDatabase:
    """An empty database, once through each driver."""
    return _database(str(request.param), request, tmp_path)


@pytest.fixture(params=("postgresql+asyncpg", "sqlite"))
def either_database(request: pytest.FixtureRequest, tmp_path: Path) -> AnyDatabase:
    """An empty database, once on PostgreSQL and once on SQLite."""
    return _database(str(request.param), request, tmp_path)


@pytest.fixture
def on_postgresql(request: pytest.FixtureRequest, tmp_path: Path) -> AnyDatabase:
    """An empty database of PostgreSQL, through asyncpg."""
    return _database("postgresql+asyncpg", request, tmp_path)


@pytest.fixture
def on_sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> AnyDatabase:
    """An SQLite database whose file does not exist yet, through aiosqlite."""
    return _database("sqlite+aiosqlite", request, tmp_path)


def _database(driver: str, request: pytest.FixtureRequest, tmp_path: Path) -> AnyDatabase:
    if driver.startswith("sqlite"):
        file = tmp_path / "books.db"
        return AnyDatabase(f"{driver}:///{file}", f"sqlite:///{file}")
    _, _, rest = request.getfixturevalue("postgres_database").url.partition("://")
    return AnyDatabase(f"{driver}://{rest}", f"postgresql+psycopg://{rest}")
