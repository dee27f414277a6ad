"""What a server, a database, a role or a URL says about sessions stands where `[migrator]` says nothing."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from tests.projects.books import AnyDatabase, BooksProject

if TYPE_CHECKING:
    from tests.conftest import Ran

Migrator = Callable[..., "Ran"]

SEEN = "CREATE TABLE seen_{revision} AS SELECT name, setting FROM pg_settings"
# What a role may limit or name, in a way that no default does.
OF_THE_ROLE = {
    "statement_timeout": "71000",
    "lock_timeout": "61000",
    "idle_in_transaction_session_timeout": "51000",
    "client_connection_check_interval": "4000",
    "client_min_messages": "warning",
    "application_name": "deploys",
    "search_path": "public, pg_temp",
    "work_mem": "8192",
}


@pytest.fixture(params=["asyncpg", "psycopg"])
def limited(request: pytest.FixtureRequest, on_postgresql: AnyDatabase) -> Iterator[AnyDatabase]:
    """An empty database, through each driver, as a role that has limits of its own."""
    role = f"limited_{uuid.uuid4().hex[:8]}"
    on_postgresql.query(f"CREATE ROLE {role} LOGIN PASSWORD 'limited'")
    on_postgresql.query(f"GRANT ALL ON SCHEMA public TO {role}")
    database = make_url(on_postgresql.url).database
    on_postgresql.query(f"GRANT CREATE ON DATABASE {database} TO {role}")
    for name, value in OF_THE_ROLE.items():
        shown = value if name == "search_path" else f"'{value}'"
        on_postgresql.query(f"ALTER ROLE {role} SET {name} = {shown}")
    url = make_url(on_postgresql.url).set(
        drivername=f"postgresql+{request.param}", username=role, password="limited"
    )
    yield AnyDatabase(url.render_as_string(hide_password=False), on_postgresql.sync_url)
    on_postgresql.query(f"DROP OWNED BY {role}")
    on_postgresql.query(f"DROP ROLE {role}")


def noted(revision: str) -> str:
    """Give the line with which a revision notes all settings of its session."""
    return f'op.execute("{SEEN.format(revision=revision)}")\n'


def seen(database: AnyDatabase, revision: str) -> dict[str, str]:
    """Give the settings under which a revision ran."""
    return {str(name): str(value) for name, value in database.query(f"SELECT * FROM seen_{revision}")}


def changed(database: AnyDatabase, revision: str) -> dict[str, str]:
    """Give the settings of a revision's session that a plain session of the same role does not have."""
    plain = make_url(database.url).set(drivername="postgresql+psycopg")
    with create_engine(plain, poolclass=NullPool).connect() as connection:
        usual = {
            str(name): str(value)
            for name, value in connection.execute(text("SELECT name, setting FROM pg_settings"))
        }
    return {name: value for name, value in seen(database, revision).items() if usual[name] != value}


def test_nothing_but_the_lock_timeout_of_the_default_is_changed(
    migrator: Migrator, books: BooksProject, limited: AnyDatabase
) -> None:
    books.revision("r1", None, noted("r1"))

    ran = migrator("upgrade", cwd=books.root, env=limited.env)

    assert ran.code == 0, ran.err
    assert seen(limited, "r1").items() >= (OF_THE_ROLE | {"lock_timeout": "3000"}).items()
    assert changed(limited, "r1") == {"lock_timeout": "3000"}


def test_what_a_revision_asked_for_ends_with_it(
    migrator: Migrator, books: BooksProject, limited: AnyDatabase
) -> None:
    for number, words in enumerate(
        ("", "statement_timeout=1m lock_timeout=2s", "", "statement_timeout=none", ""), 1
    ):
        path = books.revision(
            f"r{number}", f"r{number - 1}" if number > 1 else None, noted(f"r{number}"), "pass"
        )
        if words:
            path.write_text(f"# migrator: {words}\n" + path.read_text())

    ran = migrator("upgrade", cwd=books.root, env=limited.env)

    assert ran.code == 0, ran.err
    ours = {"lock_timeout": "3000"}
    assert [changed(limited, f"r{number}") for number in range(1, 6)] == [
        ours,
        {"lock_timeout": "2000", "statement_timeout": "60000"},
        ours,
        ours | {"statement_timeout": "0"},
        ours,
    ]


@pytest.mark.parametrize("said", ["none", "off"])
def test_no_limit_has_to_be_said(
    migrator: Migrator, books: BooksProject, limited: AnyDatabase, said: str
) -> None:
    books.settings(migrator=[f"statement_timeout = {said}", f"lock_timeout = {said}"])
    books.revision("r1", None, noted("r1"))

    ran = migrator("upgrade", cwd=books.root, env=limited.env)

    assert ran.code == 0, ran.err
    assert changed(limited, "r1") == {"lock_timeout": "0", "statement_timeout": "0"}


def test_concurrently_lifts_our_own_timeouts_alone(
    migrator: Migrator, books: BooksProject, limited: AnyDatabase
) -> None:
    books.settings(migrator=["exclude_tables = shelves"])
    limited.query("CREATE TABLE shelves AS SELECT 1 AS id")
    limited.query("GRANT ALL ON shelves TO public")
    limited.query(f"ALTER TABLE shelves OWNER TO {make_url(limited.url).username}")
    limited.query(
        "CREATE FUNCTION under(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE '% %',"
        " current_setting('lock_timeout'), current_setting('statement_timeout'); END $$"
    )
    books.revision(
        "r1",
        None,
        "with op.get_context().autocommit_block():\n"
        "    op.execute('CREATE INDEX CONCURRENTLY ix_shelves ON shelves (under(id))')",
    )

    ran = migrator("upgrade", cwd=books.root, env=limited.env)

    assert ran.code == 7
    assert "0 71s" in ran.err


def test_a_foreign_env_py_keeps_what_it_sets_itself(
    migrator: Migrator, books: BooksProject, limited: AnyDatabase
) -> None:
    sync = make_url(limited.url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    books.ini.write_text(
        books.ini.read_text().partition("[migrator]")[0] + f"sqlalchemy.url = {sync}\n".replace("%", "%%")
    )
    books.env_py.write_text(FOREIGN_ENV_PY)
    books.revision("r1", None, noted("r1"))
    path = books.revision("r2", "r1", noted("r2"))
    path.write_text("# migrator: lock_timeout=1m statement_timeout=1m\n" + path.read_text())
    books.revision("r3", "r2", noted("r3"))

    ran = migrator("upgrade", "--config", "configs/alembic_test.ini", cwd=books.root)

    assert ran.code == 0, ran.err
    own = {"lock_timeout": "21000", "statement_timeout": "22000"}
    assert changed(limited, "r1") == changed(limited, "r3") == own
    assert changed(limited, "r2") == {"lock_timeout": "60000", "statement_timeout": "60000"}


FOREIGN_ENV_PY = """
from alembic import context
from sqlalchemy import create_engine, event

engine = create_engine(context.config.get_main_option("sqlalchemy.url"))

@event.listens_for(engine, "connect")
def limit(connection, _record):
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '21s'")
        cursor.execute("SET statement_timeout = '22s'")
    connection.commit()

with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_options_in_the_url_and_settings_of_the_database_stand(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase, driver: str
) -> None:
    url = make_url(on_postgresql.url)
    on_postgresql.query(f"ALTER DATABASE {url.database} SET statement_timeout = '41s'")
    on_postgresql.query(f"ALTER DATABASE {url.database} SET idle_session_timeout = '42s'")
    on_postgresql.query(f"ALTER DATABASE {url.database} SET idle_in_transaction_session_timeout = '43s'")
    url = url.set(drivername=f"postgresql+{driver}")
    url = url.update_query_dict({"options": "-c statement_timeout=51s", "application_name": "url"})
    books.revision("r1", None, noted("r1"))

    ran = migrator(
        "upgrade",
        cwd=books.root,
        env={"TESTING_DATABASE_URL": url.render_as_string(hide_password=False)},
    )

    assert ran.code == 0, ran.err
    assert (
        seen(on_postgresql, "r1").items()
        >= {
            "statement_timeout": "51000",
            "idle_session_timeout": "42000",
            "idle_in_transaction_session_timeout": "43000",
            "application_name": "url",
        }.items()
    )


@pytest.mark.parametrize("query", ["timeout=20", "connect_timeout=0", "connect_timeout=20"])
def test_the_url_says_how_long_connecting_may_take(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase, query: str
) -> None:
    ran = migrator("current", cwd=books.root, env={"TESTING_DATABASE_URL": f"{on_postgresql.url}?{query}"})

    assert ran.code == 0, ran.err


def test_a_connect_timeout_that_is_no_number_is_an_error_of_the_configuration(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase
) -> None:
    url = f"{on_postgresql.url}?connect_timeout=soon"

    ran = migrator("current", cwd=books.root, env={"TESTING_DATABASE_URL": url})

    assert ran.code == 3
    assert "connect_timeout in the database URL is 'soon'" in ran.err


def test_a_role_whose_limit_ends_a_statement_is_told_where_to_raise_it(
    migrator: Migrator, books: BooksProject, limited: AnyDatabase
) -> None:
    limited.query(f"ALTER ROLE {make_url(limited.url).username} SET statement_timeout = '700ms'")
    books.revision("r1", None, "op.execute('SELECT pg_sleep(30)')")

    ran = migrator("upgrade", cwd=books.root, env=limited.env)

    assert ran.code == 7
    assert "statement timeout" in ran.err


@pytest.mark.slow
def test_libpq_s_variable_for_connecting_stands(
    migrator: Migrator, books: BooksProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://app@127.0.0.1:{silent.getsockname()[1]}/shop"
        monkeypatch.setenv("PGCONNECT_TIMEOUT", "2")
        began = time.monotonic()
        ran = migrator("current", cwd=books.root, env={"TESTING_DATABASE_URL": url})

    assert ran.code == 6, ran.err
    assert time.monotonic() - began < 9
