"""asyncpg: a statement without parameters and rows in one round trip, with BEGIN, with what came before it.

SQLAlchemy prepares every statement, which takes a trip of its own and often two. Sent as plain text it is
parsed and run at once, in the same transaction and with the same errors.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, event

# What gives no rows. Anything else, such as a SELECT, goes the usual way.
_WITHOUT_ROWS = re.compile(
    r"\s*(?:alter|comment|create|drop|grant|reindex|revoke|truncate|(insert|update|delete))\b", re.IGNORECASE
)
# Where a connection keeps the one that shortens its statements' way.
_KEY = "migrator_one_trip"
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
            connection.info[_KEY] = self
            self._info = connection.info

    def stop(self) -> None:
        """Let every statement go SQLAlchemy's way again."""
        if self._serves:
            self._serves = False
            event.remove(self._engine, "do_execute", self._execute)
            self._info.pop(_KEY, None)

    def hold(self, statement: str) -> bool:
        """Keep a statement whose result nobody asks for until the next one or the COMMIT, if that can be."""
        transaction = self._adapted._transaction
        if transaction is None:
            return False
        if not isinstance(transaction, _Holding):
            transaction = self._adapted._transaction = _Holding(transaction)
        transaction.held.append(statement)
        return True

    def release(self) -> None:
        """Send what is held."""
        if self._serves and (held := self._held()):
            self._adapted.run_async(lambda driver: self._send(driver, held.removesuffix("; ")))

    def _held(self) -> str:
        """Give what is held as the beginning of a text, and hold it no longer."""
        transaction = self._adapted._transaction
        return transaction.taken() if isinstance(transaction, _Holding) else ""

    def _execute(self, cursor: Any, statement: str, parameters: Any, _context: object) -> bool:
        """Run a statement in SQLAlchemy's place, where that can be; gives whether it was."""
        if cursor._adapt_connection is not self._adapted:
            return False
        if parameters or not goes_plainly(statement):
            self.release()
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
            before = self._held()
            if adapted._transaction is None and adapted.isolation_level != "autocommit":
                if adapted.isolation_level or adapted.readonly or adapted.deferrable:
                    await adapted._start_transaction()
                else:
                    before = "BEGIN; "
                    _note_begun(adapted, driver)
            try:
                status: str = await driver.execute(before + statement)
            except Exception as exc:
                # It raises the error that SQLAlchemy's own cursor would.
                adapted._handle_exception(exc)
                raise
            return status


class _Holding:
    """asyncpg's transaction, with statements that its COMMIT takes along."""

    def __init__(self, transaction: Any) -> None:
        self._transaction = transaction
        self.held: list[str] = []

    def taken(self) -> str:
        """Give what is held, each statement with its end, and hold it no longer."""
        held, self.held = self.held, []
        return "".join(f"{each}; " for each in held)

    async def commit(self) -> None:
        """Run what is held, and commit. Raises asyncpg's errors, with nothing committed."""
        from asyncpg import InterfaceError, PostgresError  # type: ignore[import-untyped]
        from asyncpg.transaction import TransactionState  # type: ignore[import-untyped]

        held, transaction = self.taken(), self._transaction
        if not held:
            await transaction.commit()
            return
        driver = transaction._connection
        try:
            await driver.execute(f"{held}COMMIT")
        except BaseException:
            # A statement failed, and the transaction is still there; or the connection is not.
            with suppress(InterfaceError, PostgresError, OSError):
                await transaction.rollback()
            raise
        driver._top_xact = None
        transaction._state = TransactionState.COMMITTED

    async def rollback(self) -> None:
        """Take all back, and what is held with it."""
        self.held = []
        await self._transaction.rollback()


def hold_for_commit(connection: Connection, statement: str) -> bool:
    """Let a statement travel with the COMMIT, where a connection's way is shortened; whether it will."""
    one_trip = connection.info.get(_KEY)
    return one_trip is not None and one_trip.hold(statement)


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
    from asyncpg.transaction import TransactionState

    transaction = driver.transaction()
    transaction._state = TransactionState.STARTED
    driver._top_xact = transaction
    adapted._transaction = transaction
    if hasattr(adapted, "_started"):
        # SQLAlchemy 2.0.
        adapted._started = True
