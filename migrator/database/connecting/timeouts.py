"""PostgreSQL's lock_timeout and statement_timeout on a connection."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event


@dataclass(frozen=True)
class Timeouts:
    """Timeouts in seconds, infinite for no limit; None leaves what the server, its role or env.py has set."""

    lock: float | None = None
    statement: float | None = None

    def sql(self) -> str:
        """Return the statements that set them for a session.

        The session keeps a timeout that is not ours under another name, to get it back where nothing is said.
        """
        statements = []
        for timeout, seconds in (("lock_timeout", self.lock), ("statement_timeout", self.statement)):
            kept = f"migrator.{timeout}"
            theirs = f"COALESCE(NULLIF(current_setting('{kept}', true), ''), current_setting('{timeout}'))"
            # Of two, the second one changes what the first one reads.
            if seconds is None:
                changes = [(timeout, theirs), (kept, "''")]
            else:
                changes = [(kept, theirs), (timeout, f"'{milliseconds(seconds)}'")]
            statements += [f"SELECT set_config('{name}', {value}, false)" for name, value in changes]
        return "; ".join(statements)

    def lifted(self) -> Timeouts:
        """Return no limit for each timeout of ours."""
        return Timeouts(*(math.inf if each is not None else None for each in (self.lock, self.statement)))


def milliseconds(seconds: float) -> int:
    """Return seconds as PostgreSQL takes them: its 0 is no limit, and its shortest limit a millisecond."""
    return max(1, round(seconds * 1000)) if seconds < math.inf else 0


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
    """The timeouts that we set for one session, lifted for what may not be cut short.

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
        self._switch(connection, statement, self.wanted.lifted())

    def _after(self, connection: Connection, _cursor: Any, statement: str, *_: object) -> None:
        self._switch(connection, statement, self.wanted)

    def _switch(self, connection: Connection, statement: str, timeouts: Timeouts) -> None:
        if self.wanted != self.wanted.lifted() and _concerns(connection, statement):
            run_plainly(connection, timeouts.sql())

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
