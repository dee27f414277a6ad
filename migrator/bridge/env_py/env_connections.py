"""What our env.py runs on: a connection made here, or one of the caller's; or none, where SQL is written."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from typing import TYPE_CHECKING, Any

from alembic import context
from sqlalchemy import URL, Connection, Engine

from migrator.bridge.config import Handover
from migrator.bridge.env_py.connected_database import configured_role
from migrator.bridge.tenant_cache import cached, has_tenant_cache
from migrator.database.connecting.engine import (
    SessionOptions,
    async_engine,
    is_async,
    look_in,
    sync_engine,
    with_driver,
)
from migrator.database.kinds import kind_of
from migrator.database.round_trips.first_questions import Answers, initialize_once
from migrator.errors import UsageError
from migrator.faults import outside

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


def run_offline(url: URL | None, connection: Any, options: dict[str, Any]) -> None:
    """Write SQL, for the kind of database of a URL, or of a connection or an engine that was handed in."""
    # Of a connection that was handed in only the kind of database is taken: nothing is run on it.
    if url is None:
        kind = str((connection if _is_engine(connection) else _sync(connection)).dialect.name)
    else:
        kind = url.get_backend_name()
    database = {"url": with_driver(url)} if url is not None else {"dialect_name": kind}
    context.configure(
        **{
            **database,
            "literal_binds": True,
            "dialect_opts": {"paramstyle": "named"},
            "render_as_batch": kind_of(kind).alters_by_copying,
            **options,
        },
    )
    with context.begin_transaction():
        outside(context.run_migrations)


def _is_engine(handed: Any) -> bool:
    if isinstance(handed, Connection):
        # A sync application need not import what is async.
        return False
    from sqlalchemy.ext.asyncio import AsyncEngine

    return isinstance(handed, Engine | AsyncEngine)


def run_on_handed(handed: Any, options: dict[str, Any]) -> None:
    """Run on a connection of the caller's, or on one of the caller's engine.

    Raises UsageError for a connection that is async.
    """
    if not _is_engine(handed):
        _on_connection(handed, options)
    elif isinstance(handed, Engine):
        with handed.connect() as connection:
            _on_connection(connection, options)
    else:
        _in_loop(_on_async_engine(handed, options))


def _sync(connection: Any) -> Connection:
    if not isinstance(connection, Connection):
        raise UsageError(
            f'config.attributes["connection"] is a {type(connection).__name__}, not a sqlalchemy Connection.',
            hint="From an AsyncConnection: await connection.run_sync(lambda c: ...), and hand in that c.",
        )
    return connection


def _on_connection(connection: Any, options: dict[str, Any]) -> None:
    batch = kind_of(_sync(connection).dialect.name).alters_by_copying
    context.configure(connection=connection, **{"render_as_batch": batch, **options})
    with context.begin_transaction():
        outside(context.run_migrations)


def run_online(handover: Handover, found: URL, options: dict[str, Any]) -> None:
    """Run on a connection that is made here, with the environment's role, timeouts and schema."""
    url = with_driver(found)
    settings = handover.workspace.environment.settings
    tenant = handover.workspace.tenant
    schema = tenant.schema if tenant is not None else None
    session = SessionOptions(
        role=configured_role(handover.workspace),
        lock_timeout=None if handover.guarded else settings.lock_timeout,
        statement_timeout=None if handover.guarded else settings.statement_timeout,
        writes=handover.writes,
        fast=settings.round_trips == "fast",
    )
    if kind_of(url).begins_by_statement:
        # Engines made here run that statement, so that DDL can be rolled back.
        options.setdefault("transactional_ddl", True)
    if is_async(url):
        _run_async(url, session, schema, handover.known, options)
        return
    engine = sync_engine(url, session)
    look_in(engine, schema)
    with engine.connect() as connection:
        _on_connection(connection, options)


def _run_async(
    url: URL, session: SessionOptions, schema: str | None, known: Answers, options: dict[str, Any]
) -> None:
    held = None
    if has_tenant_cache() and session.fast:
        from migrator.database.round_trips.kept_connections import HeldConnections

        held = cached(HeldConnections, HeldConnections, HeldConnections.close)

    def make() -> AsyncEngine:
        engine = async_engine(url, session, held)
        if session.fast:
            initialize_once(engine.sync_engine, known, (url, session.role))
        return engine

    engine = cached(_Engines, _Engines).of(url, (session, schema is None), make)
    look_in(engine.sync_engine, schema)
    if held is not None:
        held.run(_on_async_engine(engine, options))
    else:
        _in_loop(_on_async_engine(engine, options))


class _Engines:
    """The engines of one database: what SQLAlchemy has compiled for one tenant in it serves the next."""

    def __init__(self) -> None:
        self._url: URL | None = None
        self._made: dict[Hashable, AsyncEngine] = {}

    def of(self, url: URL, kind: Hashable, make: Callable[[], AsyncEngine]) -> AsyncEngine:
        """Give the one of a kind of sessions. Those of the database before are forgotten."""
        if url != self._url:
            self._url, self._made = url, {}
        if kind not in self._made:
            self._made[kind] = make()
        return self._made[kind]


async def _on_async_engine(engine: AsyncEngine, options: dict[str, Any]) -> None:
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: _on_connection(sync, options))


def _in_loop(work: Coroutine[Any, Any, None]) -> None:
    import asyncio

    try:
        asyncio.get_running_loop()
        loop_runs = True
    except RuntimeError:
        loop_runs = False
    if not loop_runs:
        asyncio.run(work)
        return
    from concurrent.futures import ThreadPoolExecutor

    # A loop runs in this thread already (a service, a notebook): another thread may have one too.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="migrator") as pool:
        pool.submit(asyncio.run, work).result()
