"""asyncpg: a statement without parameters and rows in one round trip, with BEGIN, with what came before it.

SQLAlchemy prepares every statement, which takes a trip of its own and often two. Sent as plain text it is
parsed and run at once, in the same transaction and with the same errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, event

# What gives no rows. Anything else, such as a SELECT, goes the usual way.
_WITHOUT_ROWS = re.compile(
    r"\s*(?:alter|comment|create|drop|grant|reindex|revoke|truncate|(insert|update|delete))\b", re.IGNORECASE
)
# Where a connection keeps the one that shortens its statements' way.
_KEY = "migrator_one_trip"
# What Alembic writes into the version table, and then asks whether it met one row: the server can be too.
_VERSION_ROW = re.compile(
    r"""(?:UPDATE\ (?P<updated>\S+)\ SET\ version_num='[^'%\\]*'\ WHERE\ (?P=updated)
        |DELETE\ FROM\ (?P<deleted>\S+)\ WHERE\ (?P=deleted))\.version_num\ =\ '[^'%\\]*'""",
    re.VERBOSE,
)
_COUNTED = re.compile(r"(?:SELECT|UPDATE|DELETE|INSERT \d+) (\d+)")


class OneTrip:
    """Shortens the way of one connection's statements while it is in use; other drivers are left alone."""

    def __init__(self, connection: Connection, version_table: str | None = None) -> None:
        """Begin with a connection that is open.

        With a `version_table`, Alembic's without its schema, its row may go with the COMMIT, which then has
        to come after each revision.
        """
        self._engine = connection.engine
        self._adapted: Any = connection.connection.dbapi_connection
        self._serves = connection.dialect.driver == "asyncpg"
        self._version_table = version_table
        self._inside = self._one_by_one = False
        self._holding = False
        self._sent: list[str] | None = None
        self._lock_timeout: float | None = None
        # Whether a text failed of which nobody can tell what in it did.
        self.failed_held = False
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
        if self._adapted._transaction is None:
            return False
        self._held_transaction().held.append(statement)
        return True

    @contextmanager
    def revision(self, lock_timeout: float | None, *, hold: bool, one_by_one: bool) -> Iterator[None]:
        """Run a revision's function in the block, and what comes of it until the next one.

        With `hold` its statements are held back until something else follows. `lock_timeout` is in seconds:
        they share it, since nobody can look at the clock between them. With `one_by_one` not even the version
        table's row is held back for the COMMIT.
        """
        self._inside, self._holding, self._one_by_one = True, hold, one_by_one
        self._lock_timeout, self.failed_held = lock_timeout, False
        self._sent = [] if hold else None
        try:
            yield
        finally:
            self._inside = self._holding = False

    @property
    def sent(self) -> tuple[str, ...] | None:
        """What the present revision has sent so far, None where not all of it was held back."""
        return tuple(self._sent) if self._sent is not None else None

    def repeat(self, statements: Sequence[str]) -> bool:
        """Hold back what a revision is known to send, in its place; whether that could be done."""
        if not self._holding or not self._may_begin():
            return False
        if not statements:
            return True
        transaction = self._held_transaction()
        transaction.held.extend(statements)
        transaction.shared += len(statements)
        return True

    def release(self) -> None:
        """Send what is held."""
        transaction = self._adapted._transaction if self._serves else None
        if isinstance(transaction, _Holding) and transaction.held:
            last = transaction.held.pop()
            self._adapted.run_async(lambda driver: self._send(driver, last))

    def _held_transaction(self) -> _Holding:
        """Give the present transaction as one that holds statements; it may begin with them."""
        adapted = self._adapted
        if adapted._transaction is None:
            _note_begun(adapted, adapted._connection)
            adapted._transaction = _Holding(self, adapted._transaction, begins=True)
        elif not isinstance(adapted._transaction, _Holding):
            adapted._transaction = _Holding(self, adapted._transaction)
        return adapted._transaction

    def _may_begin(self) -> bool:
        adapted = self._adapted
        special = adapted.isolation_level or adapted.readonly or adapted.deferrable
        return adapted._transaction is not None or not special

    def _execute(self, cursor: Any, statement: str, parameters: Any, _context: object) -> bool:
        """Run a statement in SQLAlchemy's place, where that can be; gives whether it was."""
        if cursor._adapt_connection is not self._adapted:
            return False
        if parameters or not goes_plainly(statement):
            self._sent = None
            self.release()
            return False
        if self._holds_version_row(statement):
            transaction = self._held_transaction()
            transaction.held.append(met_one_row(statement))
            transaction.uncounted += 1
            _count_rows(cursor, 1)
            return True
        if self._holding and ends_by_itself(statement) and self._may_begin():
            transaction = self._held_transaction()
            transaction.held.append(statement)
            transaction.shared += 1
            if self._sent is not None:
                self._sent.append(statement)
            _count_rows(cursor, -1)
            return True
        self._sent = None
        status: str = self._adapted.run_async(lambda driver: self._send(driver, statement))
        counted = _COUNTED.match(status)
        _count_rows(cursor, int(counted[1]) if counted else -1)
        return True

    def _holds_version_row(self, statement: str) -> bool:
        """Whether a statement is Alembic's own for the version table, and may go with the COMMIT."""
        if self._inside or self._one_by_one or self._version_table is None or not self._may_begin():
            return False
        found = _VERSION_ROW.fullmatch(statement)
        table = (found["updated"] or found["deleted"]) if found is not None else ""
        return table.rpartition(".")[2].strip('"') == self._version_table

    async def _send(self, driver: Any, statement: str) -> str:
        adapted = self._adapted
        async with adapted._execute_mutex:
            before, unclear = "", False
            if isinstance(adapted._transaction, _Holding):
                unclear = adapted._transaction.is_unclear
                before = adapted._transaction.taken(self._lock_timeout)
            if adapted._transaction is None and adapted.isolation_level != "autocommit":
                if adapted.isolation_level or adapted.readonly or adapted.deferrable:
                    await adapted._start_transaction()
                else:
                    before = "BEGIN;\n"
                    _note_begun(adapted, driver)
            try:
                status: str = await driver.execute(before + statement)
            except Exception as exc:
                self.failed_held = self.failed_held or unclear
                # It raises the error that SQLAlchemy's own cursor would.
                adapted._handle_exception(exc)
                raise
            return status


class _Holding:
    """asyncpg's transaction, with statements that its COMMIT takes along."""

    def __init__(self, one_trip: OneTrip, transaction: Any, *, begins: bool = False) -> None:
        """Begin with a transaction; with `begins` the server hears of it together with what is held."""
        self._one_trip = one_trip
        self._transaction = transaction
        self._begins = begins
        self.held: list[str] = []
        # How many of the held are a revision's, and how many the version table's.
        self.shared = self.uncounted = 0

    @property
    def is_unclear(self) -> bool:
        """Whether nobody could tell which of the held statements has failed."""
        return self.shared > 0 or self.uncounted > 0

    def taken(self, lock_timeout: float | None = None) -> str:
        """Give what is held, each statement with its end, and hold it no longer."""
        held = self.held
        if lock_timeout is not None and self.shared > 1:
            share, whole = (max(1, round(each * 1000)) for each in (lock_timeout / self.shared, lock_timeout))
            held = [f"SET LOCAL lock_timeout = {share}", *held, f"SET LOCAL lock_timeout = {whole}"]
        if self._begins:
            held = ["BEGIN", *held]
        self.held, self.shared, self.uncounted, self._begins = [], 0, 0, False
        return "".join(f"{each.rstrip().removesuffix(';')}\n;\n" for each in held)

    async def commit(self) -> None:
        """Run what is held, and commit. Raises asyncpg's errors, with nothing committed."""
        from asyncpg import InterfaceError, PostgresError  # type: ignore[import-untyped]
        from asyncpg.transaction import TransactionState  # type: ignore[import-untyped]

        unclear, one_trip = self.is_unclear, self._one_trip
        held, transaction = self.taken(one_trip._lock_timeout), self._transaction
        if not held:
            await transaction.commit()
            return
        driver = transaction._connection
        try:
            await driver.execute(f"{held}COMMIT")
        except BaseException:
            one_trip.failed_held = one_trip.failed_held or unclear
            # A statement failed, and the transaction is still there; or the connection is not.
            with suppress(InterfaceError, PostgresError, OSError):
                await transaction.rollback()
            raise
        driver._top_xact = None
        transaction._state = TransactionState.COMMITTED

    async def rollback(self) -> None:
        """Take all back, and what is held with it."""
        from asyncpg.transaction import TransactionState

        unknown, self._begins = self._begins, False
        self.held, self.shared, self.uncounted = [], 0, 0
        if unknown:
            self._transaction._connection._top_xact = None
            self._transaction._state = TransactionState.ROLLEDBACK
            return
        await self._transaction.rollback()


def _count_rows(cursor: Any, rows: int) -> None:
    # The cursor of SQLAlchemy 2.0 has plain attributes, that of 2.1 has properties over these.
    setattr(cursor, "_rowcount" if hasattr(cursor, "_rowcount") else "rowcount", rows)


def hold_for_commit(connection: Connection, statement: str) -> bool:
    """Let a statement travel with the COMMIT, where a connection's way is shortened; whether it will."""
    one_trip = connection.info.get(_KEY)
    return one_trip is not None and one_trip.hold(statement)


def met_one_row(statement: str) -> str:
    """Give a statement in a form that fails where it does not meet exactly one row."""
    return (
        f"WITH met AS ({statement} RETURNING 1)"
        " SELECT 1 / CASE WHEN count(*) = 1 THEN 1 ELSE 0 END AS met_one_row FROM met"
    )


def goes_plainly(statement: str) -> bool:
    """Whether a text gives no rows and is certainly one statement: of several the server would run all."""
    found = _WITHOUT_ROWS.match(statement)
    if found is None or ";" in statement.rstrip().removesuffix(";"):
        return False
    return found[1] is None or "returning" not in statement.lower()


def ends_by_itself(statement: str) -> bool:
    """Whether nothing that is open at a statement's end, such as a comment, could take in what follows it."""
    open_ended = "--" in statement or "/*" in statement or "$" in statement
    return not open_ended and statement.count("'") % 2 == 0 and statement.count('"') % 2 == 0


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
