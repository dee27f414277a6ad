"""Engines for our own env.py: drivers, connect arguments, timeouts, and SQLite's transactions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.pool import NullPool

from migrator.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_CONNECT_SECONDS = 10
_EXTRAS = {"aiosqlite": "sqlite"}


@dataclass(frozen=True)
class SessionOptions:
    """What each connection is given. Timeouts are in seconds; None leaves the server's own."""

    role: str | None = None
    lock_timeout: float | None = None
    statement_timeout: float | None = None
    writes: bool = True


def with_driver(url: URL) -> URL:
    """Give the URL with asyncpg as the driver of a `postgresql://` that names none."""
    if url.drivername == "postgresql":
        return url.set(drivername="postgresql+asyncpg")
    return url


def is_async(url: URL) -> bool:
    """Whether the URL's driver is an async one."""
    return bool(url.get_dialect().is_async)


def sync_engine(url: URL, options: SessionOptions) -> Engine:
    """Make an engine without a pool for a sync driver. Raises ConfigurationError for a missing driver."""
    try:
        engine = create_engine(_clean(url), poolclass=NullPool, connect_args=_connect_args(url))
    except ModuleNotFoundError as exc:
        raise _missing_driver(url, exc) from exc
    _prepare(engine, options)
    return engine


def async_engine(url: URL, options: SessionOptions) -> AsyncEngine:
    """Make an async engine without a pool. Raises ConfigurationError for a missing driver."""
    from sqlalchemy.ext.asyncio import create_async_engine

    try:
        engine = create_async_engine(_clean(url), poolclass=NullPool, connect_args=_connect_args(url))
    except ModuleNotFoundError as exc:
        raise _missing_driver(url, exc) from exc
    _prepare(engine.sync_engine, options)
    return engine


def _missing_driver(url: URL, exc: ModuleNotFoundError) -> ConfigurationError:
    package = exc.name or url.get_driver_name()
    if package in _EXTRAS:
        return MissingExtraError(f"The driver {url.drivername}", _EXTRAS[package])
    return ConfigurationError(
        f"The driver {url.drivername} needs the package {package}, which is not installed.",
        hint=f"Install it: pip install {package}",
    )


# libpq's names, as hosting services put them into URLs, and what asyncpg calls them.
_ASYNCPG_NAMES = {"sslmode": "ssl", "connect_timeout": "timeout"}


def _clean(url: URL) -> URL:
    """Take those parameters out of the URL that go to asyncpg in another form."""
    if url.get_driver_name() != "asyncpg":
        return url
    return url.difference_update_query([*_ASYNCPG_NAMES, "application_name"])


def _connect_args(url: URL) -> dict[str, Any]:
    driver = url.get_driver_name()
    if driver == "asyncpg":
        return _asyncpg_args(url.query)
    if driver.startswith("psycopg"):
        return {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_SECONDS}
    return {}


def _asyncpg_args(query: Mapping[str, Any]) -> dict[str, Any]:
    args: dict[str, Any] = {"timeout": float(query.get("connect_timeout", _CONNECT_SECONDS))}
    if "sslmode" in query:
        args["ssl"] = query["sslmode"]
    if "application_name" in query:
        args["server_settings"] = {"application_name": query["application_name"]}
    return args


def _prepare(engine: Engine, options: SessionOptions) -> None:
    _explain_refused_parameters(engine)
    if engine.dialect.name == "postgresql":
        _prepare_postgresql(engine, options)
    elif engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, options)


def _explain_refused_parameters(engine: Engine) -> None:
    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _record: object, args: list[Any], parameters: dict[str, Any]) -> Any:
        try:
            return dialect.connect(*args, **parameters)
        except TypeError as exc:
            raise ConfigurationError(
                f"The driver {engine.url.drivername} does not take a parameter of the database URL: {exc}.",
                hint="Correct what follows the ? in the URL.",
            ) from exc


def _prepare_postgresql(engine: Engine, options: SessionOptions) -> None:
    settings = _session_settings(options)
    if settings:

        @event.listens_for(engine, "connect")
        def apply_settings(dbapi_connection: Any, _record: object) -> None:
            _run_at_once(dbapi_connection, "; ".join(settings))

    timeouts = [name for name in ("lock_timeout", "statement_timeout") if getattr(options, name)]
    if timeouts:
        _lift_for_concurrently(engine, timeouts, options)


def _session_settings(options: SessionOptions) -> list[str]:
    settings = []
    if options.role:
        escaped = options.role.replace('"', '""')
        settings.append(f'SET ROLE "{escaped}"')
    for name in ("lock_timeout", "statement_timeout"):
        seconds = getattr(options, name)
        if seconds:
            settings.append(f"SET {name} = {_milliseconds(seconds)}")
    return settings


def _milliseconds(seconds: float) -> int:
    # A timeout of 0 means none to PostgreSQL, so that a very short one must not be rounded to it.
    return max(1, round(seconds * 1000))


def _run_at_once(dbapi_connection: Any, sql: str) -> None:
    """Run settings outside of any transaction, so that no rollback takes them back.

    asyncpg sends them in one round trip; through its cursor each would be prepared.
    """
    if hasattr(dbapi_connection, "run_async"):
        dbapi_connection.run_async(lambda connection: connection.execute(sql))
        return
    cursor = dbapi_connection.cursor()
    cursor.execute(sql)
    cursor.close()
    dbapi_connection.commit()


def _lift_for_concurrently(engine: Engine, timeouts: list[str], options: SessionOptions) -> None:
    """CREATE INDEX CONCURRENTLY waits for every older transaction: a timeout would leave it INVALID."""
    lift = "; ".join(f"SET {name} = 0" for name in timeouts)
    restore = "; ".join(f"SET {name} = {_milliseconds(getattr(options, name))}" for name in timeouts)

    def concerns(connection: Connection, statement: str) -> bool:
        # Inside a transaction the statement fails anyway, and the settings must not be touched there.
        level = connection.get_execution_options().get("isolation_level")
        return level == "AUTOCOMMIT" and re.search(r"\bCONCURRENTLY\b", statement, re.IGNORECASE) is not None

    @event.listens_for(engine, "before_cursor_execute")
    def before(connection: Connection, _cursor: Any, statement: str, *_: object) -> None:
        if "CONCURRENTLY" in statement.upper() and concerns(connection, statement):
            _run_at_once(connection.connection.dbapi_connection, lift)

    @event.listens_for(engine, "after_cursor_execute")
    def after(connection: Connection, _cursor: Any, statement: str, *_: object) -> None:
        if "CONCURRENTLY" in statement.upper() and concerns(connection, statement):
            _run_at_once(connection.connection.dbapi_connection, restore)

    @event.listens_for(engine, "handle_error")
    def failed(context: ExceptionContext) -> None:
        # A revision may catch the error and go on, and must not go on without timeouts.
        connection, statement = context.connection, context.statement
        if connection is not None and statement and not context.is_disconnect:
            after(connection, None, statement)


def _prepare_sqlite(engine: Engine, options: SessionOptions) -> None:
    """Make DDL really transactional: the stock driver commits on its own before each CREATE."""
    begin = "BEGIN IMMEDIATE" if options.writes else "BEGIN"

    @event.listens_for(engine, "connect")
    def leave_transactions_alone(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin_explicitly(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
