"""Engines for our own env.py: drivers, connect arguments, roles, timeouts, and SQLite's transactions."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from migrator.database.connecting.pooled_sessions import leave_session, set_through_pooler
from migrator.database.connecting.timeouts import SessionTimeouts, Timeouts
from migrator.database.failures import meaning_of
from migrator.database.kinds import kind_of
from migrator.database.kinds.interface import ErrorMeaning
from migrator.database.kinds.postgresql import quoted
from migrator.database.round_trips.first_questions import know_array_types
from migrator.errors import ConfigurationError, Effect, MissingExtraError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from migrator.database.round_trips.kept_connections import HeldConnections

_CONNECT_SECONDS = 10
_SCHEMA, _POOLED = "migrator_schema", "migrator_pooled"
_EXTRAS = {"aiosqlite": "sqlite", "asyncmy": "mysql"}


@dataclass(frozen=True)
class Role:
    """A role of PostgreSQL, and the file whose key `role` names it, as it is shown."""

    name: str
    config_file: str

    def sql(self) -> str:
        """Give the statement that takes the role on."""
        # Quoted in any case: NONE would take the role off.
        return f"SET ROLE {quoted(self.name)}"

    @contextmanager
    def taken_on(self, user: str | None) -> Iterator[None]:
        """Translate what a driver raises where `sql` is run in the block.

        `user` is who has logged in, None where that is not known. Raises ConfigurationError for a role that
        does not exist, or that the user may not take on.
        """
        try:
            yield
        except Exception as exc:
            # Every driver has a class of its own for this.
            meaning = meaning_of(exc)
            said = f"The key role in the [migrator] section of {self.config_file} names {self.name}"
            if meaning in (ErrorMeaning.NO_OBJECT, ErrorMeaning.BAD_VALUE):
                raise ConfigurationError(
                    f"{said}, but the server has no such role.",
                    effect=Effect.NOTHING_DONE,
                    hint=f"Correct the key role, or create it: CREATE ROLE {_quoted(self.name)}",
                ) from exc
            if meaning is ErrorMeaning.NO_PRIVILEGE:
                who = user or "the user of the database URL"
                raise ConfigurationError(
                    f"{said}, a role that {who} may not take on.",
                    effect=Effect.NOTHING_DONE,
                    hint=f"Grant it: GRANT {_quoted(self.name)} TO {_quoted(user) if user else who};"
                    " or correct the key role.",
                ) from exc
            raise


def _quoted(name: str) -> str:
    # As a person would write it; a keyword as a name is quoted by whoever has one.
    return name if re.fullmatch("[a-z_][a-z0-9_]*", name) else quoted(name)


@dataclass(frozen=True)
class SessionOptions:
    """What each connection is given. Timeouts are in seconds; None leaves the server's own.

    With `fast`, asyncpg is told what it would ask the server for (`round_trips`).
    """

    role: Role | None = None
    lock_timeout: float | None = None
    statement_timeout: float | None = None
    writes: bool = True
    fast: bool = False


def with_driver(url: URL) -> URL:
    """Give the URL with the async driver that is meant where none is named: asyncpg or asyncmy."""
    driver = kind_of(url.drivername).driver
    return url.set(drivername=f"{url.drivername}+{driver}") if driver else url


def with_async_driver(url: URL) -> URL:
    """Give the URL with an async driver in the place of a sync one; the same URL where none is known."""
    driver = kind_of(url).async_driver
    return url.set(drivername=f"{url.get_backend_name()}+{driver}") if driver and not is_async(url) else url


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


def async_engine(url: URL, options: SessionOptions, held: HeldConnections | None = None) -> AsyncEngine:
    """Make an async engine without a pool, over `held` connections where the driver is asyncpg.

    Raises ConfigurationError for a missing driver.
    """
    from sqlalchemy.ext.asyncio import create_async_engine

    args = _connect_args(url)
    if held is not None and url.get_driver_name() == "asyncpg":
        args["async_creator_fn"] = held.connect_to_write if options.writes else held.connect
        if not options.writes:
            # Second connections are made by this engine too, and a statement that was prepared for one schema
            # does not fit the tables of the next.
            args["prepared_statement_cache_size"] = 0
    try:
        engine = create_async_engine(_clean(url), poolclass=NullPool, connect_args=args)
    except ModuleNotFoundError as exc:
        raise _missing_driver(url, exc) from exc
    _prepare(engine.sync_engine, options)
    return engine


def any_engine(url: URL, options: SessionOptions) -> Engine:
    """Make an engine without a pool for a driver of either kind, as a SecondConnection takes it.

    A URL without a driver means what it means elsewhere. Raises ConfigurationError for a missing driver.
    """
    url = with_driver(url)
    return async_engine(url, options).sync_engine if is_async(url) else sync_engine(url, options)


def look_in(engine: Engine, schema: str | None) -> None:
    """Let PostgreSQL connections that an engine makes from now on look for names in one schema alone.

    None changes nothing; other kinds of databases have no such schemas.
    """
    if schema is not None and kind_of(engine.dialect.name).has_schemas:
        engine.update_execution_options(**{_SCHEMA: schema})
        # SQLAlchemy asks only with the first connection.
        engine.dialect.default_schema_name = schema


def _missing_driver(url: URL, exc: ModuleNotFoundError) -> ConfigurationError:
    package = exc.name or url.get_driver_name()
    if package in _EXTRAS:
        return MissingExtraError(f"The driver {url.drivername}", _EXTRAS[package])
    return ConfigurationError(
        f"The driver {url.drivername} needs the package {package}, which is not installed.",
        hint=f"Install it: pip install {package}",
    )


# What a session begins with, of libpq's parameters.
_SERVER_SETTINGS = ("application_name", "options")


def _clean(url: URL) -> URL:
    """Take libpq's parameters, which hosting services put into URLs, out of one for asyncpg."""
    if url.get_driver_name() != "asyncpg":
        return url
    return url.difference_update_query(["sslmode", "connect_timeout", *_SERVER_SETTINGS])


def _connect_args(url: URL) -> dict[str, Any]:
    driver = url.get_driver_name()
    if driver == "asyncpg":
        return _asyncpg_args(url.query)
    if driver == "asyncmy":
        return _asyncmy_args(url.query)
    if driver.startswith("psycopg"):
        said = "connect_timeout" in url.query or "PGCONNECT_TIMEOUT" in os.environ
        return {} if said else {"connect_timeout": _CONNECT_SECONDS}
    return {}


def _asyncpg_args(query: Mapping[str, Any]) -> dict[str, Any]:
    args: dict[str, Any] = {"timeout": _connect_seconds(query)}
    if "sslmode" in query:
        args["ssl"] = query["sslmode"]
    settings = {name: query[name] for name in _SERVER_SETTINGS if name in query}
    return {**args, "server_settings": settings} if settings else args


def _connect_seconds(query: Mapping[str, Any]) -> float | None:
    """Return the `connect_timeout`, None for libpq's 0, which is no limit. Raises ConfigurationError."""
    # asyncpg's own name for it is the second one.
    said = query.get("connect_timeout", query.get("timeout", _CONNECT_SECONDS))
    try:
        seconds = float(said)
    except (TypeError, ValueError) as exc:
        raise ConfigurationError(
            f"connect_timeout in the database URL is {said!r}, which is no number of seconds.",
            hint="Correct what follows the ? in the URL.",
        ) from exc
    return seconds if seconds > 0 else None


def _asyncmy_args(query: Mapping[str, Any]) -> dict[str, Any]:
    """asyncmy's own timeout ends with the TCP connection: a server that then says nothing hangs it."""
    seconds = _connect_seconds(query)

    async def connect(**parameters: Any) -> Any:
        import asyncio

        import asyncmy

        async with asyncio.timeout(seconds):
            return await asyncmy.connect(**parameters)

    args: dict[str, Any] = {"async_creator_fn": connect}
    return args if "charset" in query else {**args, "charset": "utf8mb4"}


def _prepare(engine: Engine, options: SessionOptions) -> None:
    _explain_refused_parameters(engine)
    kind = kind_of(engine.dialect.name)
    if kind.has_timeouts:
        _prepare_session(engine, options)
    elif engine.dialect.driver == "asyncmy":
        hear_all_answers(engine)
    kind.prepare_engine(engine, writes=options.writes)


def hear_all_answers(target: Engine | Connection) -> None:
    """Raise the failure of each statement in a text of several: past the first, asyncmy hides it."""
    logging.getLogger("asyncmy").addFilter(_worth_a_warning)

    @event.listens_for(target, "after_cursor_execute")
    def read_all_answers(_connection: Connection, cursor: Any, statement: str, *_: object) -> None:
        # Rows of a first statement are still to be fetched.
        if cursor.description is None:
            # As often as there may be one more; where there is none, the server is not asked.
            for _further in range(statement.count(";")):
                cursor.nextset()


def _worth_a_warning(record: logging.LogRecord) -> bool:
    # A version table names its primary key, which MySQL does not keep; IF NOT EXISTS finds what there is.
    return not record.getMessage().endswith((" ignored for PRIMARY key.", " already exists"))


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


def _prepare_session(engine: Engine, options: SessionOptions) -> None:
    timeouts = Timeouts(options.lock_timeout, options.statement_timeout)
    role = options.role
    if timeouts != Timeouts():
        SessionTimeouts(engine, timeouts)

    # Before SQLAlchemy asks for the schema that is the default one.
    @event.listens_for(engine, "connect", insert=True)
    def apply_settings(dbapi_connection: Any, record: Any) -> None:
        settings = [role.sql()] if role is not None else []
        schema = engine.get_execution_options().get(_SCHEMA)
        if schema is not None:
            settings.append(
                f"SET search_path TO {engine.dialect.identifier_preparer.quote_identifier(schema)}"
            )
        if timeouts != Timeouts():
            settings.append(timeouts.sql())
        if not settings:
            return
        with role.taken_on(engine.url.username) if role is not None else nullcontext():
            record.info[_POOLED] = set_through_pooler(dbapi_connection, "; ".join(settings))
        # So that no rollback takes them back.
        dbapi_connection.commit()

    @event.listens_for(engine, "close")
    def leave_nothing_in_a_pooler(dbapi_connection: Any, record: Any) -> None:
        if record.info.pop(_POOLED, False):
            # A lock on the session may be that of somebody else.
            leave_session(dbapi_connection, "RESET ALL; RESET ROLE")

    if options.fast and engine.dialect.driver == "asyncpg":
        # After SQLAlchemy's own listener: what it sets makes asyncpg forget.
        event.listen(engine, "connect", lambda adapted, _record: know_array_types(adapted.driver_connection))
