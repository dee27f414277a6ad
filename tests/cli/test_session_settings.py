"""Timeouts and the role of the `[migrator]` section, as a revision on PostgreSQL meets them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url

from tests.projects.books import AnyDatabase, BooksProject

if TYPE_CHECKING:
    from tests.conftest import Ran

Migrator = Callable[..., "Ran"]

NOTES = 'op.execute("CREATE TABLE notes (place text, lock text, statement text, who text)")\n'
NOTE = (
    "op.execute(\"INSERT INTO notes SELECT '{place}', current_setting('lock_timeout'), "
    "current_setting('statement_timeout'), current_user\")\n"
)
DRIVERS = ("asyncpg", "psycopg")


@pytest.fixture(params=DRIVERS)
def database(request: pytest.FixtureRequest, on_postgresql: AnyDatabase) -> AnyDatabase:
    """An empty PostgreSQL database, through each driver."""
    url = on_postgresql.url.replace("+asyncpg", f"+{request.param}")
    return AnyDatabase(url, on_postgresql.sync_url)


def notes(database: AnyDatabase) -> dict[str, tuple[object, ...]]:
    """Give what the revisions noted, by place."""
    return {str(place): rest for place, *rest in database.query("SELECT * FROM notes")}  # type: ignore[misc]


def test_timeouts_hold_in_every_revision(
    migrator: Migrator, books: BooksProject, database: AnyDatabase
) -> None:
    books.settings(migrator=["lock_timeout = 1500ms", "statement_timeout = 2m"])
    books.revision("r1", None, NOTES + NOTE.format(place="first"))
    books.revision("r2", "r1", NOTE.format(place="second"))

    ran = migrator("upgrade", cwd=books.root, env=database.env)

    assert ran.code == 0, ran.err
    found = notes(database)
    assert found["first"][:2] == found["second"][:2]
    assert list(found["first"][:2]) == ["1500ms", "2min"]


def test_the_lock_timeout_is_three_seconds_unless_said_otherwise(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase
) -> None:
    books.revision("r1", None, NOTES + NOTE.format(place="here"))

    assert migrator("upgrade", cwd=books.root, env=on_postgresql.env).code == 0
    assert list(notes(on_postgresql)["here"][:2]) == ["3s", "0"]


def test_no_lock_timeout_is_set_where_it_is_turned_off(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase
) -> None:
    books.settings(migrator=["lock_timeout = off"])
    books.revision("r1", None, NOTES + NOTE.format(place="here"))

    assert migrator("upgrade", cwd=books.root, env=on_postgresql.env).code == 0
    assert list(notes(on_postgresql)["here"][:2]) == ["0", "0"]


def test_a_lock_that_another_session_holds_fails_the_revision_in_time(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase
) -> None:
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    books.settings(migrator=["lock_timeout = 50ms", "retries = 1", "exclude_tables = held"])
    books.revision("r1", None, "op.execute('ALTER TABLE held ADD COLUMN x int')")
    on_postgresql.query("CREATE TABLE held (id int)")
    with create_engine(on_postgresql.sync_url, poolclass=NullPool).begin() as other:
        other.execute(text("LOCK TABLE held"))
        ran = migrator("upgrade", cwd=books.root, env=on_postgresql.env)

    assert ran.code == 7
    assert "lock timeout" in ran.err
    assert on_postgresql.columns("held").keys() == {"id"}


def test_a_statement_that_takes_too_long_fails_the_revision(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase
) -> None:
    books.settings(migrator=["statement_timeout = 400ms"])
    books.revision("r1", None, "op.execute('SELECT pg_sleep(30)')")

    ran = migrator("upgrade", cwd=books.root, env=on_postgresql.env)

    assert ran.code == 7
    assert "statement timeout" in ran.err


BUILT_CONCURRENTLY = """\
with op.get_context().autocommit_block():
    op.execute("INSERT INTO notes SELECT 'before', current_setting('lock_timeout'), '', ''")
    op.execute("CREATE INDEX CONCURRENTLY ix_slow ON slow (slowly(id))")
    op.execute("INSERT INTO notes SELECT 'after', current_setting('lock_timeout'), "
               "current_setting('statement_timeout'), ''")
"""
# An index over a function that notes the timeouts it is built under, and takes longer than they allow.
SLOWLY = """
CREATE FUNCTION slowly(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_sleep(0.5);
  IF current_setting('lock_timeout') <> '0' THEN RAISE 'there is a lock_timeout'; END IF;
  RETURN $1;
END $$
"""


def test_timeouts_are_lifted_for_concurrently_in_an_autocommit_block_and_set_again(
    migrator: Migrator, books: BooksProject, database: AnyDatabase
) -> None:
    books.settings(migrator=["lock_timeout = 2s", "statement_timeout = 400ms", "exclude_tables = slow"])
    database.query(SLOWLY)
    database.query("CREATE TABLE slow AS SELECT 1 AS id")
    books.revision("r1", None, NOTES + BUILT_CONCURRENTLY + NOTE.format(place="afterwards"))
    books.revision("r2", "r1", NOTE.format(place="next"))

    ran = migrator("upgrade", cwd=books.root, env=database.env)

    assert ran.code == 0, ran.err
    assert database.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_slow'::regclass") == [
        (True,)
    ]
    found = notes(database)
    assert found["before"][0] == "2s"
    assert list(found["after"][:2]) == ["2s", "400ms"]
    assert list(found["afterwards"][:2]) == list(found["next"][:2]) == ["2s", "400ms"]


def test_timeouts_are_set_again_after_a_concurrent_statement_that_failed(
    migrator: Migrator, books: BooksProject, database: AnyDatabase
) -> None:
    books.settings(migrator=["lock_timeout = 2s", "exclude_tables = slow"])
    database.query("CREATE TABLE slow AS SELECT 1 AS id")
    books.revision(
        "r1",
        None,
        NOTES
        + "with op.get_context().autocommit_block():\n"
        + "    try:\n"
        + "        op.execute('CREATE INDEX CONCURRENTLY ix ON slow (no_such_column)')\n"
        + "    except sa.exc.DBAPIError:\n"
        + "        pass\n"
        + NOTE.format(place="afterwards"),
    )

    ran = migrator("upgrade", cwd=books.root, env=database.env)

    assert ran.code == 0, ran.err
    assert notes(database)["afterwards"][0] == "2s"


@pytest.fixture
def role(on_postgresql: AnyDatabase) -> Iterator[str]:
    """A role whose name needs quoting and which may create tables."""
    name = f'own"er {uuid.uuid4().hex[:8]}'
    quoted = '"' + name.replace('"', '""') + '"'
    on_postgresql.query(f"CREATE ROLE {quoted}")
    on_postgresql.query(f"GRANT ALL ON SCHEMA public TO {quoted}")
    yield name
    on_postgresql.query(f"DROP OWNED BY {quoted}")
    on_postgresql.query(f"DROP ROLE {quoted}")


def test_the_role_owns_what_a_run_creates(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase, role: str
) -> None:
    books.settings(migrator=[f"role = {role}"])
    books.revision("r1", None, NOTES + NOTE.format(place="first"))
    books.revision("r2", "r1", NOTE.format(place="second"))

    ran = migrator("upgrade", cwd=books.root, env=on_postgresql.env)

    assert ran.code == 0, ran.err
    assert {place: who for place, (*_, who) in notes(on_postgresql).items()} == {
        "first": role,
        "second": role,
    }
    owners = on_postgresql.query("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert owners == [(role,)]


FOREIGN_ENV_PY = """
import os
from alembic import context
from sqlalchemy import create_engine

with create_engine(os.environ["TESTING_DATABASE_URL"]).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
FOREIGN_ASYNC_ENV_PY = """
import asyncio, os
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

def run(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()

async def main():
    async with create_async_engine(os.environ["TESTING_DATABASE_URL"]).connect() as connection:
        await connection.run_sync(run)

asyncio.run(main())
"""


@pytest.fixture(params=["our env.py", "a foreign env.py"])
def any_env_py(request: pytest.FixtureRequest, books: BooksProject, database: AnyDatabase) -> str:
    """Gives the project an env.py of either kind, for the driver in use."""
    if request.param == "a foreign env.py":
        books.env_py.write_text(FOREIGN_ASYNC_ENV_PY if "asyncpg" in database.url else FOREIGN_ENV_PY)
    return str(request.param)


@pytest.mark.usefixtures("any_env_py")
@pytest.mark.parametrize("line", ["upgrade", "current"])
def test_a_role_that_is_not_there_is_an_error_of_the_configuration(
    migrator: Migrator, books: BooksProject, database: AnyDatabase, line: str
) -> None:
    books.settings(migrator=["role = Nobody knows"])
    books.tables("authors")

    ran = migrator(line, cwd=books.root, env=database.env)

    assert (ran.code, ran.out) == (3, ""), ran.err
    assert (
        "The key role in the [migrator] section of configs/alembic_test.ini names Nobody knows, but the"
        " server has no such role"
    ) in ran.err
    assert 'hint: Correct the key role, or create it: CREATE ROLE "Nobody knows"' in ran.err
    assert database.tables() == []


@pytest.mark.slow
@pytest.mark.usefixtures("any_env_py")
def test_a_role_that_the_login_may_not_take_on_is_one_too_and_the_hint_is_enough(
    migrator: Migrator, books: BooksProject, database: AnyDatabase, role: str
) -> None:
    login = f"login_{uuid.uuid4().hex[:8]}"
    database.query(f"CREATE ROLE {login} LOGIN PASSWORD 'login'")
    url = make_url(database.url).set(username=login, password="login")
    env = {"TESTING_DATABASE_URL": url.render_as_string(hide_password=False)}
    books.settings(migrator=[f"role = {role}"])
    books.tables("authors")
    try:
        ran = migrator("upgrade", cwd=books.root, env=env)

        assert (ran.code, ran.out) == (3, ""), ran.err
        assert f"configs/alembic_test.ini names {role}, a role that {login} may not take on" in ran.err
        database.query(ran.err.partition("Grant it: ")[2].partition(";")[0])
        assert migrator("upgrade", cwd=books.root, env=env).code == 0
    finally:
        database.query(f"DROP OWNED BY {login}")
        database.query(f"DROP ROLE {login}")


def test_plain_alembic_is_told_of_a_role_that_is_not_there(
    shell: Callable[..., Ran], books: BooksProject, on_postgresql: AnyDatabase
) -> None:
    books.settings(migrator=["role = nobody_knows"])
    books.tables("authors")

    ran = shell(
        ["alembic", "-c", "configs/alembic_test.ini", "upgrade", "head"],
        cwd=books.root,
        env=on_postgresql.env,
    )

    assert ran.code != 0
    assert "names nobody_knows, but the server has no such role" in ran.out + ran.err
