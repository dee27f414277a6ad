"""PostgreSQL's lock_timeout and statement_timeout on a connection."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event


@dataclass(frozen=True)
class Timeouts:
    """Timeouts in seconds; None is no limit."""

    lock: float | None = None
    statement: float | None = None

    def sql(self) -> str:
        """Give the statements that set both for a session."""
        lock, statement = _milliseconds(self.lock), _milliseconds(self.statement)
        return f"SET lock_timeout = {lock}; SET statement_timeout = {statement}"


_NONE = Timeouts()


def _milliseconds(seconds: float | None) -> int:
    # A timeout of 0 means none to PostgreSQL, so that a very short one must not be rounded to it.
    return max(1, round(seconds * 1000)) if seconds is not None else 0


def run_plainly(connection: Connection, sql: str) -> None:
    """Run statements without parameters on a connection, in the transaction that it is in, if any."""
    run_at_once(connection.connection.dbapi_connection, sql)


def run_at_once(dbapi_connection: Any, sql: str) -> None:
    """Run statements without parameters on a driver's connection.

    asyncpg sends all of them in one round trip; through its cursor each would be prepared.
    """
    if "asyncpg" in type(dbapi_connection).__module__:
        dbapi_connection.run_async(lambda driver: driver.execute(sql))
        return
    cursor = dbapi_connection.cursor()
    try:
        cursor.execute(sql)
    finally:
        cursor.close()


class SessionTimeouts:
    """The timeouts of one session, lifted for what may not be cut short.

    CREATE INDEX CONCURRENTLY waits for every older transaction: a timeout would leave it INVALID.
    """

    def __init__(self, target: Connection | Engine, already: Timeouts) -> None:
        """Listen to a connection, or to all of an engine, whose sessions have the timeouts `already`."""
        self.wanted = self._set = already
        event.listen(target, "before_cursor_execute", self._before)
        event.listen(target, "after_cursor_execute", self._after)
        engine = target if isinstance(target, Engine) else target.engine
        event.listen(engine, "handle_error", self._failed)
        self._engine = engine

    def apply(self, connection: Connection, wanted: Timeouts) -> None:
        """Set timeouts for the session, where they are not set already."""
        self.wanted = wanted
        if self._set != wanted:
            run_plainly(connection, wanted.sql())
            self._set = wanted

    def stop(self) -> None:
        """Leave the engine's further connections alone, where one connection was listened to."""
        event.remove(self._engine, "handle_error", self._failed)

    def _before(self, connection: Connection, _cursor: Any, statement: str, *_: object) -> None:
        if self.wanted != _NONE and _concerns(connection, statement):
            run_plainly(connection, _NONE.sql())

    def _after(self, connection: Connection, _cursor: Any, statement: str, *_: object) -> None:
        if self.wanted != _NONE and _concerns(connection, statement):
            run_plainly(connection, self.wanted.sql())

    def _failed(self, context: ExceptionContext) -> None:
        # A revision may catch the error and go on, and must not go on without timeouts.
        connection, statement = context.connection, context.statement
        if connection is not None and statement and not context.is_disconnect:
            self._after(connection, None, statement)


def _concerns(connection: Connection, statement: str) -> bool:
    # Inside a transaction the statement fails anyway, and the settings must not be touched there.
    if "CONCURRENTLY" not in statement.upper():
        return False
    level = connection.get_execution_options().get("isolation_level")
    return level == "AUTOCOMMIT" and re.search(r"\bCONCURRENTLY\b", statement, re.IGNORECASE) is not None
