"""`require_head` and `arequire_head`: one query on the application's own engine, before it serves anybody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from migrator import Migrator
from migrator.errors import (
    ConfigurationError,
    DatabaseError,
    NotAtHeadError,
    RevisionsError,
    UnknownRevisionError,
    UsageError,
)
from tests.conftest import Database, Ran
from tests.mariadb import MariaDatabase
from tests.projects.small import versions
from tests.projects.steps import write_step, write_steps

_TABLE = "CREATE TABLE {} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """A project with two revisions."""
    return write_steps(tmp_path / "a project", "aaa1", "bbb2")


@pytest.fixture
def testing(steps: Path) -> Migrator:
    """Its environment `testing`, without any database."""
    return Migrator(env="testing", directory=steps)


class Service:
    """An application on PostgreSQL, with its own engine."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def stands_at(self, *revisions: str, table: str = "alembic_version") -> None:
        """Make the version table, with these revisions."""
        self.database.query(_TABLE.format(table))
        for revision in revisions:
            self.database.query(f"INSERT INTO {table} VALUES ('{revision}')")

    def run(self, story: Callable[[AsyncEngine], Awaitable[None]]) -> None:
        """Let a story use the engine, in an event loop."""

        async def serve() -> None:
            engine = create_async_engine(self.database.url.replace("postgresql", "postgresql+asyncpg"))
            try:
                await story(engine)
            finally:
                await engine.dispose()

        asyncio.run(serve())

    def refused(self, testing: Migrator, *, allow_ahead: bool = False) -> NotAtHeadError:
        """Give the error with which the application does not start, having run one statement."""
        raised: list[NotAtHeadError] = []

        async def story(engine: AsyncEngine) -> None:
            with _statements(engine.sync_engine) as run, pytest.raises(NotAtHeadError) as info:
                await testing.arequire_head(engine, allow_ahead=allow_ahead)
            assert len(run) == 1
            raised.append(info.value)

        self.run(story)
        return raised[0]


@pytest.fixture
def service(postgres_database: Database) -> Service:
    """An application whose database is empty."""
    return Service(postgres_database)


@contextmanager
def _statements(engine: Engine) -> Iterator[list[str]]:
    run: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        run.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield run
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_at_head_it_is_silent_after_one_query(service: Service, testing: Migrator) -> None:
    service.stands_at("bbb2")

    async def story(engine: AsyncEngine) -> None:
        with _statements(engine.sync_engine) as run:
            await testing.arequire_head(engine)
        assert [" ".join(each.split()) for each in run] == ["SELECT version_num FROM alembic_version"]
        # The pool has its connection back.
        assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]

    service.run(story)


def test_behind_it_tells_where_the_database_is_and_what_to_type(service: Service, testing: Migrator) -> None:
    service.stands_at("aaa1")

    error = service.refused(testing)

    assert type(error) is NotAtHeadError
    assert (error.environment, error.current, error.expected) == ("testing", ("aaa1",), ("bbb2",))
    assert f"{service.database.name} is at aaa1; testing is at bbb2 here." in error.message
    assert service.database.password not in str(error)
    assert error.hint == "Upgrade it: migrator upgrade --env testing"


def test_a_database_without_a_version_table_is_told_from_one_at_base(
    service: Service, testing: Migrator
) -> None:
    assert "has no table alembic_version: it was never upgraded" in service.refused(testing).message

    service.stands_at()

    error = service.refused(testing)
    assert "is at base" in error.message
    assert (error.current, error.expected) == ((), ("bbb2",))


def test_a_revision_that_no_file_has_is_another_error_or_accepted(
    service: Service, testing: Migrator
) -> None:
    service.stands_at("ccc3")

    error = service.refused(testing)

    assert isinstance(error, UnknownRevisionError)
    assert "is at ccc3, which no version file here has" in error.message
    assert error.hint.endswith("allow_ahead=True. See: migrator status --env testing")
    service.run(lambda engine: testing.arequire_head(engine, allow_ahead=True))


def test_ahead_is_not_behind(service: Service, testing: Migrator) -> None:
    service.stands_at("aaa1")

    assert service.refused(testing, allow_ahead=True).current == ("aaa1",)


def test_all_heads_are_required_where_there_are_several(
    service: Service, testing: Migrator, steps: Path
) -> None:
    write_step(versions(steps), "ccc3", "aaa1")
    service.stands_at("bbb2")

    assert service.refused(testing).expected == ("bbb2", "ccc3")
    service.database.query("INSERT INTO alembic_version VALUES ('ccc3')")
    service.run(testing.arequire_head)


@pytest.mark.parametrize("stands", [True, False])
def test_a_connection_in_a_transaction_goes_on_as_it_was(
    stands: bool, service: Service, testing: Migrator
) -> None:
    if stands:
        service.stands_at("bbb2")

    async def story(engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE theirs (id integer)"))
            if stands:
                await testing.arequire_head(connection)
            else:
                with pytest.raises(NotAtHeadError):
                    await testing.arequire_head(connection)
            assert connection.in_transaction()
        async with engine.connect() as connection:
            with _statements(engine.sync_engine) as run:
                if stands:
                    await testing.arequire_head(connection)
                    assert len(run) == 1
            assert not connection.in_transaction()

    service.run(story)
    assert "theirs" in service.database.tables()


@pytest.mark.parametrize("driver", ["postgresql+psycopg", "sqlite"])
def test_a_sync_engine_has_a_method_of_its_own(
    driver: str, testing: Migrator, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    if driver != "sqlite":
        url = request.getfixturevalue("postgres_database").url.replace("postgresql", driver)
    engine = create_engine(url, poolclass=NullPool)

    with _statements(engine) as run, pytest.raises(NotAtHeadError, match="no table alembic_version"):
        testing.require_head(engine)
    assert len(run) == 1
    with engine.begin() as connection:
        connection.execute(text(_TABLE.format("alembic_version")))
        connection.execute(text("INSERT INTO alembic_version VALUES ('bbb2')"))
        testing.require_head(connection)
    testing.require_head(engine)


@pytest.mark.slow
def test_mariadb_has_its_own_word_for_a_table_that_is_not_there(
    testing: Migrator, mariadb_database: MariaDatabase
) -> None:
    async def story() -> None:
        engine = create_async_engine(mariadb_database.url("mysql+asyncmy"))
        try:
            async with engine.begin() as connection:
                with pytest.raises(NotAtHeadError, match="no table alembic_version"):
                    await testing.arequire_head(connection)
                await connection.execute(text(_TABLE.format("alembic_version")))
                await connection.execute(text("INSERT INTO alembic_version VALUES ('bbb2')"))
            await testing.arequire_head(engine)
        finally:
            await engine.dispose()

    asyncio.run(story())


def test_the_wrong_kind_of_engine_is_told_the_right_method(testing: Migrator) -> None:
    sync, wrong = create_engine("sqlite://"), create_async_engine("sqlite+aiosqlite://")

    with pytest.raises(UsageError, match="arequire_head takes an AsyncEngine or an AsyncConnection"):
        asyncio.run(testing.arequire_head(sync))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="require_head takes an Engine or a Connection"):
        testing.require_head(wrong)  # type: ignore[arg-type]


def test_a_database_that_is_not_there_is_an_error_without_a_password(testing: Migrator) -> None:
    engine = create_async_engine("postgresql+asyncpg://user:S3cr3tS3cr3t@127.0.0.1:1/nowhere")

    with pytest.raises(DatabaseError) as raised:
        asyncio.run(testing.arequire_head(engine))

    assert raised.value.message.startswith("The database user@127.0.0.1:1/nowhere cannot be used.")
    assert raised.value.hint == "Start the server, or correct host and port in: the engine that was given"


@pytest.mark.slow
def test_files_whose_headers_are_computed_are_loaded_elsewhere(
    service: Service, testing: Migrator, steps: Path
) -> None:
    (versions(steps) / "ccc3.py").write_text('revision = "cc" + "c3"\ndown_revision = "bbb2"\n')
    service.stands_at("bbb2")

    assert service.refused(testing).expected == ("ccc3",)
    (versions(steps) / "ddd4.py").write_text("revision = 1 / 0\n")
    with pytest.raises(RevisionsError, match=r"ddd4\.py"):
        service.run(testing.arequire_head)


_DEEP = "x = " + "-" * 100_000 + "1"
_ENV_PY = "from migrator.env import run_migrations\n\n{}\n"


@pytest.mark.parametrize(
    ("source", "table"),
    [
        ('run_migrations(version_table="theirs")', "theirs"),
        ('NAME: str = "theirs"\nrun_migrations(version_table=NAME, version_table_schema=None)', "theirs"),
        (
            'import alembic.context\nalembic.context.configure(version_table_schema="shop")',
            "shop.alembic_version",
        ),
        (r'run_migrations(version_table="theirs", include="\d")', "theirs"),
    ],
)
@pytest.mark.filterwarnings("error:.*invalid escape")
def test_the_version_table_is_the_one_that_env_py_names(
    source: str, table: str, service: Service, testing: Migrator, steps: Path
) -> None:
    (steps / "migrations" / "env.py").write_text(_ENV_PY.format(source))
    service.database.query("CREATE SCHEMA shop")
    service.stands_at("aaa1")
    assert f"has no table {table}" in service.refused(testing).message

    service.stands_at("bbb2", table=table)

    service.run(testing.arequire_head)


def test_an_env_py_that_python_cannot_parse_is_named(testing: Migrator, steps: Path) -> None:
    (steps / "migrations" / "env.py").write_text(_ENV_PY.format(_DEEP))
    engine = create_engine("sqlite://")

    with pytest.raises(ConfigurationError, match=r"^migrations/env\.py cannot be read: "):
        testing.require_head(engine)


def test_a_version_table_that_is_computed_has_to_be_said(
    service: Service, testing: Migrator, steps: Path
) -> None:
    (steps / "migrations" / "env.py").write_text(
        _ENV_PY.format('import os\n\nrun_migrations(version_table=os.environ["TABLE"])')
    )
    service.stands_at("bbb2", table="theirs")

    with pytest.raises(ConfigurationError, match=r"env\.py, line 5, computes version_table") as raised:
        service.run(testing.arequire_head)
    assert raised.value.hint == 'Say it in the call: version_table="..."'
    service.run(lambda engine: testing.arequire_head(engine, version_table="theirs"))


def test_the_tenant_of_an_environment_has_the_table_in_its_schema(service: Service, tmp_path: Path) -> None:
    root = write_steps(tmp_path / "tenants", "aaa1")
    ini = root / "configs" / "alembic_test.ini"
    ini.write_text(ini.read_text() + "tenants = SELECT 'acme'\n")
    service.database.query("CREATE SCHEMA acme")
    service.stands_at("aaa1", table="acme.alembic_version")

    with pytest.raises(UsageError, match="has tenants, and none was named"):
        service.run(Migrator(env="testing", directory=root).arequire_head)
    service.run(Migrator(env="testing", directory=root, tenant="acme").arequire_head)


_PROGRAM = """\
import asyncio, json, sys
from sqlalchemy.ext.asyncio import create_async_engine
from migrator import Migrator
from migrator.errors import NotAtHeadError

try:
    asyncio.run(Migrator(env="testing").arequire_head(create_async_engine("sqlite+aiosqlite://")))
except NotAtHeadError as exc:
    print(json.dumps([exc.exit_code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def test_an_application_that_requires_the_head_imports_no_alembic(
    steps: Path, shell: Callable[..., Ran]
) -> None:
    ran = shell(["python", "-c", _PROGRAM], cwd=steps)

    code, loaded = json.loads(ran.out)
    assert code == 1
    assert "sqlalchemy" in loaded
    assert {"alembic", "mako", "typer", "rich"}.intersection(loaded) == set()
