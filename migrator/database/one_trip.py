"""asyncpg: a statement without parameters and rows in one round trip, and BEGIN together with the first.

SQLAlchemy prepares every statement, which takes a trip of its own and often two. Sent as plain text it is
parsed and run at once, in the same transaction and with the same errors.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, event

# What gives no rows. Anything else, such as a SELECT, goes the usual way.
_WITHOUT_ROWS = re.compile(
    r"\s*(?:alter|comment|create|drop|grant|reindex|revoke|truncate|(insert|update|delete))\b", re.IGNORECASE
)
_COUNTED = re.compile(r"(?:SELECT|UPDATE|DELETE|INSERT \d+) (\d+)")


class OneTrip:
    """Shortens the way of one connection's statements while it is in use; other drivers are left alone."""

    def __init__(self, connection: Connection) -> None:
        """Begin with a connection that is open."""
        self._engine = connection.engine
        self._adapted: Any = connection.connection.dbapi_connection
        self._serves = connection.dialect.driver == "asyncpg"
        if self._serves:
            event.listen(self._engine, "do_execute", self._execute)

    def stop(self) -> None:
        """Let every statement go SQLAlchemy's way again."""
        if self._serves:
            self._serves = False
            event.remove(self._engine, "do_execute", self._execute)

    def _execute(self, cursor: Any, statement: str, parameters: Any, _context: object) -> bool:
        """Run a statement in SQLAlchemy's place, where that can be; gives whether it was."""
        if parameters or cursor._adapt_connection is not self._adapted or not goes_plainly(statement):
            return False
        status: str = self._adapted.run_async(lambda driver: self._send(driver, statement))
        counted = _COUNTED.match(status)
        rows = int(counted[1]) if counted else -1
        # The cursor of SQLAlchemy 2.0 has plain attributes, that of 2.1 has properties over these.
        setattr(cursor, "_rowcount" if hasattr(cursor, "_rowcount") else "rowcount", rows)
        return True

    async def _send(self, driver: Any, statement: str) -> str:
        adapted = self._adapted
        async with adapted._execute_mutex:
            begin = ""
            if adapted._transaction is None and adapted.isolation_level != "autocommit":
                if adapted.isolation_level or adapted.readonly or adapted.deferrable:
                    await adapted._start_transaction()
                else:
                    begin = "BEGIN; "
                    _note_begun(adapted, driver)
            try:
                status: str = await driver.execute(begin + statement)
            except Exception as exc:
                # It raises the error that SQLAlchemy's own cursor would.
                adapted._handle_exception(exc)
                raise
            return status


def goes_plainly(statement: str) -> bool:
    """Whether a text gives no rows and is certainly one statement: of several the server would run all."""
    found = _WITHOUT_ROWS.match(statement)
    if found is None or ";" in statement.rstrip().removesuffix(";"):
        return False
    return found[1] is None or "returning" not in statement.lower()


def _note_begun(adapted: Any, driver: Any) -> None:
    """Give SQLAlchemy and asyncpg the transaction that begins with the next statement, as if it had begun.

    A revision may use the driver itself: a transaction of its own is then a savepoint in this one.
    """
    # Imported here: other drivers' runs come through this module too.
    from asyncpg.transaction import TransactionState  # type: ignore[import-untyped]

    transaction = driver.transaction()
    transaction._state = TransactionState.STARTED
    driver._top_xact = transaction
    adapted._transaction = transaction
    if hasattr(adapted, "_started"):
        # SQLAlchemy 2.0.
        adapted._started = True
