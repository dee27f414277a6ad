"""`run_migrations` in env.py, called through Alembic's own API: connections, URLs, loops, options."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, inspect, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from tests.projects.books import MODELS, AnyDatabase, BooksProject, make_project

if TYPE_CHECKING:
    from tests.conftest import Database, Ran

AGREED = "models and database agree\ndatabase and its history agree\n"
Migrator = Callable[..., "Ran"]


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BooksProject:
    """A project of two revisions, in the current folder, for which no database is configured."""
    project = make_project(tmp_path / "a project of books")
    project.tables("authors", "shelves")
    monkeypatch.chdir(project.root)
    return project


@pytest.fixture
def database(postgres_database: Database) -> AnyDatabase:
    """An empty PostgreSQL database."""
    rest = postgres_database.url.partition("://")[2]
    return AnyDatabase(f"postgresql+asyncpg://{rest}", f"postgresql+psycopg://{rest}")


def config_of(books: BooksProject, **attributes: object) -> Config:
    """Give a Config as an application makes it."""
    config = Config(str(books.ini))
    config.attributes.update(attributes)
    return config


def upgrade_on(connection: Connection, books: BooksProject) -> list[str]:
    """Upgrade on a connection, and give the tables that this connection sees then."""
    command.upgrade(config_of(books, connection=connection), "head")
    return sorted(inspect(connection).get_table_names())


def test_a_connection_handed_in_is_used_and_its_transaction_is_the_callers(
    books: BooksProject, database: AnyDatabase
) -> None:
    with create_engine(database.sync_url, poolclass=NullPool).connect() as connection:
        transaction = connection.begin()
        assert upgrade_on(connection, books) == ["alembic_version", "authors", "shelves"]
        transaction.rollback()
        assert database.tables() == []
        assert not connection.closed


def test_what_the_caller_commits_on_a_connection_handed_in_stays(
    books: BooksProject, database: AnyDatabase
) -> None:
    with create_engine(database.sync_url, poolclass=NullPool).begin() as connection:
        upgrade_on(connection, books)

    assert database.version() == ["r2"]


@pytest.mark.parametrize("make", [create_engine, create_async_engine])
def test_an_engine_handed_in_is_used_as_pytest_alembic_does(
    books: BooksProject, database: AnyDatabase, make: Callable[..., Engine | AsyncEngine]
) -> None:
    url = database.sync_url if make is create_engine else database.url
    config = config_of(books, connection=make(url, poolclass=NullPool))

    command.upgrade(config, "head")
    assert database.version() == ["r2"]
    config.output_buffer = io.StringIO()
    command.downgrade(config, "r2:base", sql=True)

    assert "DROP TABLE authors" in config.output_buffer.getvalue()


def test_an_async_connection_is_refused_with_the_way_to_do_it(
    books: BooksProject, database: AnyDatabase
) -> None:
    async def wrong() -> None:
        async with create_async_engine(database.url, poolclass=NullPool).connect() as connection:
            command.upgrade(config_of(books, connection=connection), "head")

    with pytest.raises(CommandError, match=r"AsyncConnection.*await connection\.run_sync"):
        asyncio.run(wrong())
    assert database.tables() == []


def test_an_async_connection_works_through_run_sync(books: BooksProject, database: AnyDatabase) -> None:
    async def right() -> list[str]:
        async with create_async_engine(database.url, poolclass=NullPool).begin() as connection:
            return await connection.run_sync(upgrade_on, books)

    assert "shelves" in asyncio.run(right())
    assert database.version() == ["r2"]


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+asyncpg", "postgresql+psycopg"])
def test_a_url_handed_in_by_attributes_is_used(
    books: BooksProject, database: AnyDatabase, driver: str
) -> None:
    url = database.url.replace("postgresql+asyncpg", driver)

    command.upgrade(config_of(books, url=url), "r1")
    command.upgrade(config_of(books, url=make_url(url)), "head")

    assert database.version() == ["r2"]


def test_a_url_set_as_a_main_option_is_used_before_the_environments_own(
    books: BooksProject, database: AnyDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTING_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    config = Config(str(books.ini))
    config.set_main_option("sqlalchemy.url", database.url.replace("%", "%%"))

    command.upgrade(config, "head")

    assert database.version() == ["r2"]


def test_a_url_of_another_type_is_refused(books: BooksProject) -> None:
    with pytest.raises(CommandError, match=r"must be a string or a sqlalchemy\.URL"):
        command.upgrade(config_of(books, url=Path("books.db")), "head")


@pytest.mark.usefixtures("threads_left")
@pytest.mark.parametrize("driver", ["postgresql+asyncpg", "postgresql+psycopg"])
def test_upgrade_works_inside_a_running_event_loop(
    books: BooksProject, database: AnyDatabase, driver: str
) -> None:
    url = database.url.replace("postgresql+asyncpg", driver)

    async def start_up() -> None:
        command.upgrade(config_of(books, url=url), "head")

    asyncio.run(start_up())

    assert database.version() == ["r2"]


def test_a_failure_inside_a_running_loop_reaches_the_caller(
    books: BooksProject, database: AnyDatabase
) -> None:
    books.revision("r2", "r1", "1 / 0")

    async def start_up() -> None:
        command.upgrade(config_of(books, url=database.url), "head")

    with pytest.raises(ZeroDivisionError):
        asyncio.run(start_up())
    assert database.version() == ["r1"]


@pytest.mark.parametrize("driver", ["postgresql+asyncpg", "postgresql+psycopg"])
def test_no_connection_is_left_behind(
    books: BooksProject, database: AnyDatabase, postgres_database: Database, driver: str
) -> None:
    command.upgrade(config_of(books, url=database.url.replace("postgresql+asyncpg", driver)), "head")

    left = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    # A backend that was told good-bye may need a moment to go.
    assert any(postgres_database.query(left) == [] for _ in range(50))


def test_without_a_url_alembic_itself_says_where_was_looked(books: BooksProject) -> None:
    with pytest.raises(
        CommandError, match=r"no database URL for the environment testing.*TESTING_DATABASE_URL"
    ):
        command.upgrade(Config(str(books.ini)), "head")


LOGGING = """
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = generic
[logger_root]
level = CRITICAL
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = generic
[formatter_generic]
format = %(levelname)s
"""


def test_loggers_are_left_as_the_application_has_them(books: BooksProject, database: AnyDatabase) -> None:
    books.ini.write_text(books.ini.read_text() + LOGGING)
    mine, root = logging.getLogger("an.application"), logging.getLogger()
    before = (list(root.handlers), root.level, mine.disabled)

    command.upgrade(config_of(books, url=database.url), "head")

    assert (list(root.handlers), root.level, mine.disabled) == before


@pytest.mark.slow
def test_metadata_given_to_run_migrations_goes_before_the_models_key(
    migrator: Migrator, books: BooksProject, database: AnyDatabase
) -> None:
    books.env_py.write_text(
        "import sqlalchemy as sa\nfrom migrator.env import run_migrations\n"
        "metadata = sa.MetaData()\nsa.Table('given', metadata, sa.Column('id', sa.Integer))\n"
        "run_migrations(metadata, version_table='our_version')\n"
    )

    assert migrator("upgrade", cwd=books.root, env=database.env).code == 0

    assert "our_version" in database.tables()
    found = migrator("check", cwd=books.root, env=database.env).out.splitlines()
    assert sorted(found) == [
        "add table given",
        "database and its history agree",
        "drop table authors",
        "drop table shelves",
    ]


@pytest.mark.slow
def test_options_given_to_run_migrations_override_and_join(
    migrator: Migrator, books: BooksProject, database: AnyDatabase
) -> None:
    books.models(MODELS)
    books.settings(migrator=["exclude_tables = shelves"])
    books.env_py.write_text(
        "from migrator.env import run_migrations\n"
        "def keep(obj, name, type_, reflected, compare_to):\n"
        "    return name != 'born'\n"
        "run_migrations(compare_type=False, include_object=keep)\n"
    )
    books.revision(
        "r1",
        None,
        "op.create_table('authors', sa.Column('id', sa.Integer), sa.Column('born', sa.Integer),"
        " sa.Column('name', sa.String(9), nullable=False), sa.PrimaryKeyConstraint('id', name='pk_authors'))",
    )
    assert migrator("upgrade", cwd=books.root, env=database.env).code == 0

    ran = migrator("check", cwd=books.root, env=database.env)

    assert (ran.code, ran.out) == (0, AGREED), ran.err


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_revisions_are_rendered_as_batches_on_sqlite_only(
    migrator: Migrator, books: BooksProject, database: AnyDatabase, backend: str
) -> None:
    sqlite = {"TESTING_DATABASE_URL": f"sqlite+aiosqlite:///{books.root}/books.db"}
    env = sqlite if backend == "sqlite" else database.env
    books.revision("r1", None, "op.create_table('authors', sa.Column('id', sa.Integer, primary_key=True))")
    books.settings(migrator=["exclude_tables = shelves"])
    assert migrator("upgrade", cwd=books.root, env=env).code == 0

    assert migrator("generate", "-m", "x", "--rev-id", "r3", cwd=books.root, env=env).code == 0

    text = (books.versions / "r3_x.py").read_text()
    assert ("op.batch_alter_table('authors'" in text) == (backend == "sqlite")
    assert ("op.add_column('authors'" in text) == (backend == "postgresql")


@pytest.mark.parametrize(("url", "kind"), [("sqlite://", "DATETIME"), ("postgresql+psycopg://", "TIMESTAMP")])
def test_offline_the_sql_is_for_the_kind_of_connection_that_was_handed_in(
    books: BooksProject, database: AnyDatabase, url: str, kind: str
) -> None:
    books.revision("r1", None, "op.create_table('days', sa.Column('at', sa.DateTime))")
    engine = create_engine(url if url == "sqlite://" else database.sync_url, poolclass=NullPool)
    config = config_of(books)
    config.output_buffer = io.StringIO()

    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "r1", sql=True)
        assert inspect(connection).get_table_names() == []

    assert f"at {kind}" in config.output_buffer.getvalue()
