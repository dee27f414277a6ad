"""An env.py may have any pool: revisions leave their transaction, and nothing of ours stays in the pool."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Ran
from tests.projects.books import AnyDatabase, BooksProject

SYNC = """
import sqlalchemy as sa
from alembic import context

engine = sa.create_engine({url!r}{pool})
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
with engine.connect() as connection:
    {left}
"""
ASYNC = """
import asyncio
import sqlalchemy as sa
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

def migrate(connection):
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()

async def main():
    engine = create_async_engine({url!r}{pool})
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    async with engine.connect() as connection:
        await connection.run_sync(look)
    await engine.dispose()

def look(connection):
    {left}

asyncio.run(main())
"""
LEFT = """held = connection.exec_driver_sql(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    ).scalar()
    print("LEFT", held, connection.exec_driver_sql("SHOW lock_timeout").scalar())
"""
POOLS = ["", "QueuePool", "NullPool", "StaticPool", "AssertionPool"]
ASYNC_POOLS = ["", "AsyncAdaptedQueuePool", "NullPool", "StaticPool"]
DRIVERS = [
    *(("psycopg", SYNC, pool) for pool in POOLS),
    *(("asyncpg", ASYNC, pool) for pool in ASYNC_POOLS),
    *(("psycopg", ASYNC, pool) for pool in ("", "NullPool")),
]
CONCURRENTLY = """op.create_table("t", sa.Column("id", sa.Integer))
with op.get_context().autocommit_block():
    op.create_index("ix_t_id", "t", ["id"], postgresql_concurrently=True)
op.add_column("t", sa.Column("more", sa.Integer))"""


@pytest.mark.parametrize(
    ("driver", "env_py", "pool"),
    DRIVERS,
    ids=[
        f"{driver}-{'async' if env_py is ASYNC else 'sync'}-{pool or 'default'}"
        for driver, env_py, pool in DRIVERS
    ],
)
def test_a_revision_may_leave_its_transaction_and_nothing_of_ours_stays_in_the_pool(
    books: BooksProject,
    migrator: Callable[..., Ran],
    on_postgresql: AnyDatabase,
    driver: str,
    env_py: str,
    pool: str,
) -> None:
    url = on_postgresql.sync_url.replace("+psycopg", f"+{driver}")
    poolclass = f", poolclass=sa.pool.{pool}" if pool else ""
    books.settings()
    books.env_py.write_text(env_py.format(url=url, pool=poolclass, left=LEFT))
    books.revision("r1", None, CONCURRENTLY, 'op.drop_table("t")')

    ran = migrator("upgrade", cwd=books.root, env=on_postgresql.env)

    assert ran.code == 0, ran.err
    assert on_postgresql.version() == ["r1"]
    if pool != "StaticPool":
        assert "LEFT 0 0" in ran.out + ran.err
