"""What tests of commands share: their projects, and the databases that these projects use."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import sql

from tests.conftest import PASSWORD, Database, Ran, forget_secrets
from tests.projects.books import AnyDatabase, BooksProject, make_project
from tests.projects.growing import Growing
from tests.projects.shops import Shop, entrusted, hushed, write_shops
from tests.slow import slow


@pytest.fixture
def books(tmp_path: Path) -> BooksProject:
    """A project with one model and no revision."""
    return make_project(tmp_path / "a project of books")


@pytest.fixture
def go(migrator: Callable[..., Ran], books: BooksProject, on_sqlite: AnyDatabase) -> Callable[..., Ran]:
    """Runs a command in a project of three revisions, on an SQLite database."""
    books.tables("authors", "shelves", "loans")
    return lambda *args: migrator(*args, cwd=books.root, env=on_sqlite.env)


@pytest.fixture
def growing(migrator: Callable[..., Ran], books: BooksProject, on_postgresql: AnyDatabase) -> Growing:
    """A project whose models change step by step, on PostgreSQL."""
    return Growing(migrator, books, on_postgresql)


@pytest.fixture
def growing_on_either(
    migrator: Callable[..., Ran], books: BooksProject, either_database: AnyDatabase
) -> Growing:
    """The same project, once on PostgreSQL and once on SQLite."""
    return Growing(migrator, books, either_database)


@pytest.fixture(
    params=("postgresql+asyncpg", "sqlite", slow("postgresql+psycopg"), slow("sqlite+aiosqlite")),
)
def any_database(request: pytest.FixtureRequest, tmp_path: Path) -> AnyDatabase:
    """An empty database, once through each driver."""
    return _database(str(request.param), request, tmp_path)


@pytest.fixture(params=("postgresql+asyncpg", slow("sqlite")))
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


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of testing, staging and production with three revisions each."""
    return write_shops(tmp_path / "a project")


@pytest.fixture
def shop(postgres_database: Database) -> Shop:
    """An empty PostgreSQL database whose owner has a distinctive password."""
    return entrusted(postgres_database)


@pytest.fixture
def bare_role(postgres_database: Database) -> Iterator[Shop]:
    """A database whose role may create tables in `public`, and no schemas."""
    role = f"bare_{uuid.uuid4().hex[:10]}"
    names = {"role": sql.Identifier(role), "password": sql.Literal(PASSWORD)}
    with postgres_database.connect() as connection:
        for text in ("CREATE ROLE {role} LOGIN PASSWORD {password}", "GRANT ALL ON SCHEMA public TO {role}"):
            connection.execute(sql.SQL(text).format(**names))
    yield Shop(replace(postgres_database, user=role, password=PASSWORD))
    postgres_database.query(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.fixture
def run(migrator: Callable[..., Ran], project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Runs a command in `project`, and fails where its output shows the password of `shop`."""

    def hushed_run(*args: str, env: Mapping[str, str], cwd: Path = project) -> Ran:
        forget_secrets(monkeypatch)
        return hushed(migrator(*args, cwd=cwd, env=env))

    return hushed_run


@pytest.fixture
def run_staging(run: Callable[..., Ran]) -> Callable[..., Ran]:
    """Runs a command as `run` does, with staging as the environment."""

    def as_staging(*args: str, env: Mapping[str, str], **more: Path) -> Ran:
        return run(*args, env={"ALEMBIC_ENV": "staging", **env}, **more)

    return as_staging


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never sends a byte."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]
