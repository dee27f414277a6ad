"""Engines that connect through a function of env.py's own, so that their URL says nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Database, Ran
from tests.projects.small import write_revision

Migrator = Callable[..., Ran]

PSYCOPG = """
import os
import psycopg
from alembic import context
from sqlalchemy import create_engine

engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(os.environ["SHOP_DSN"]))
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
ASYNCPG = """
import asyncio
import os
import asyncpg
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

async def connect():
    return await asyncpg.connect(os.environ["SHOP_DSN"])

def run(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()

async def main():
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()

asyncio.run(main())
"""
IN_VARIABLES = PSYCOPG.replace(', creator=lambda: psycopg.connect(os.environ["SHOP_DSN"])', "")


@pytest.fixture(params=["psycopg", "asyncpg", "libpq's variables"])
def foreign_root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A plain Alembic project with two revisions; where its database is, only a function knows."""
    (tmp_path / "alembic" / "versions").mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/alembic\n")
    env_py = {"psycopg": PSYCOPG, "asyncpg": ASYNCPG, "libpq's variables": IN_VARIABLES}[request.param]
    (tmp_path / "alembic" / "env.py").write_text(env_py)
    write_revision(tmp_path / "alembic" / "versions", "aaa1", None, "op.execute('CREATE TABLE one (id int)')")
    write_revision(
        tmp_path / "alembic" / "versions", "bbb2", "aaa1", "op.execute('CREATE TABLE two (id int)')"
    )
    return tmp_path


@pytest.fixture
def run_foreign(migrator: Migrator, foreign_root: Path, postgres_database: Database) -> Migrator:
    """Runs a command in the project."""
    env = variables(postgres_database)
    return lambda *args: migrator(*args, "--config", "alembic.ini", cwd=foreign_root, env=env)


def variables(at: Database) -> dict[str, str]:
    """Give what the functions look for a database in."""
    names = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE")
    values = (at.host, str(at.port), at.user, at.password, at.name)
    return {"SHOP_DSN": at.url, **dict(zip(names, values, strict=True))}


def shown(database: Database) -> str:
    """Give the address as the banner has it."""
    return f"{database.user}@{database.host}:{database.port}/{database.name}"


def test_the_banner_names_the_database_that_it_really_is(
    run_foreign: Migrator, postgres_database: Database
) -> None:
    ran = run_foreign("upgrade")

    assert ran.code == 0, ran.err
    assert f" | {shown(postgres_database)} | from env.py" in ran.err
    assert postgres_database.query("SELECT version_num FROM alembic_version") == [("bbb2",)]
    assert postgres_database.tables() == ["alembic_version", "one", "two"]


def test_results_and_plans_name_it_too(run_foreign: Migrator, postgres_database: Database) -> None:
    planned = json.loads(run_foreign("upgrade", "--dry-run", "--json").out)
    current = json.loads(run_foreign("current", "--json").out)
    doctor = run_foreign("doctor")

    assert planned["data"]["database"] == shown(postgres_database)
    assert current["data"]["database"] == shown(postgres_database)
    assert f"ok\tconnection\t{shown(postgres_database)}" in doctor.out


OBSERVED = """
    driver = connection.connection.driver_connection
    asked = getattr(driver, "is_in_transaction", lambda: driver.info.transaction_status != 0)
    print("open before" if asked() or connection.in_transaction() else "none is open")
"""


def test_asking_leaves_no_transaction_open(
    run_foreign: Migrator, foreign_root: Path, postgres_database: Database
) -> None:
    env_py = foreign_root / "alembic" / "env.py"
    configure = "    context.configure(connection=connection)\n"
    env_py.write_text(env_py.read_text().replace(configure, configure + OBSERVED.lstrip("\n")))

    ran = run_foreign("current")

    assert (ran.code, ran.err.count("none is open")) == (0, 1), ran.err
    assert f" | {shown(postgres_database)} | from env.py" in ran.err


def test_a_transaction_that_env_py_has_open_stays_open(
    run_foreign: Migrator, foreign_root: Path, postgres_database: Database
) -> None:
    env_py = foreign_root / "alembic" / "env.py"
    configure = "    context.configure(connection=connection)\n"
    before = "    from sqlalchemy import text\n    connection.execute(text('CREATE TABLE mine (id int)'))\n"
    env_py.write_text(env_py.read_text().replace(configure, before + configure + OBSERVED.lstrip("\n")))

    ran = run_foreign("current")

    assert (ran.code, ran.err.count("open before")) == (0, 1), ran.err
    assert f" | {shown(postgres_database)} | from env.py" in ran.err
    assert postgres_database.tables() == []


def test_an_error_of_a_further_connection_names_it(
    migrator: Migrator, foreign_root: Path, postgres_database: Database
) -> None:
    """The lock has a connection of its own, and this login may have no second one."""
    login = replace(postgres_database, user=f"one_{postgres_database.name}", password="one-password")
    postgres_database.query(f"CREATE ROLE {login.user} LOGIN PASSWORD 'one-password' CONNECTION LIMIT 1")
    postgres_database.query(f"GRANT ALL ON SCHEMA public TO {login.user}")

    ran = migrator("upgrade", "--config", "alembic.ini", cwd=foreign_root, env=variables(login))

    postgres_database.query(f"DROP OWNED BY {login.user}; DROP ROLE {login.user}")
    assert ran.code == 6, ran.err
    assert f"The database {shown(login)} cannot be used." in ran.err
    assert "too many connections" in ran.err
