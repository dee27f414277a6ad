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

from migrator.database.connecting.timeouts import milliseconds
from migrator.database.round_trips.probe import missing_for_statements, set_row_count

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


def shortened(connection: Connection, *, fast: bool, version_table: str | None = None) -> OneTrip | None:
    """Return what shortens the way of an open connection's statements; None where they go SQLAlchemy's way.

    That is so without `fast`, with other drivers than asyncpg, and where a private name is missing. With a
    `version_table`, Alembic's without its schema, its row may go with the COMMIT, which then has to come
    after each revision.
    """
    if not fast or connection.dialect.driver != "asyncpg":
        return None
    if missing_for_statements(connection.connection.dbapi_connection):
        return None
    return OneTrip(connection, version_table)


class OneTrip:
    """Shortens the way of one connection's statements while it is in use."""

    def __init__(self, connection: Connection, version_table: str | None) -> None:
        self._engine = connection.engine
        self._adapted: Any = connection.connection.dbapi_connection
        self._version_table = version_table
        self._inside = self._one_by_one = False
        self._holding = False
        self._sent: list[str] | None = None
        self.lock_timeout: float | None = None
        # Whether a text failed of which nobody can tell what in it did.
        self.failed_held = False
        event.listen(self._engine, "do_execute", self._execute)
        connection.info[_KEY] = self
        self._info = connection.info

    def stop(self) -> None:
        """Let every statement go SQLAlchemy's way again."""
        if event.contains(self._engine, "do_execute", self._execute):
            event.remove(self._engine, "do_execute", self._execute)
            self._info.pop(_KEY, None)

    def hold(self, statement: str) -> bool:
        """Keep a statement whose result nobody asks for until the next one or the COMMIT, if that can be."""
        if self._adapted._transaction is None:
            return False
        self._current().held.append(statement)
        return True

    @contextmanager
    def revision(self, lock_timeout: float | None, *, hold: bool, one_by_one: bool) -> Iterator[None]:
        """Run a revision's function in the block, and what comes of it until the next one.

        With `hold` its statements are held back until something else follows. `lock_timeout` is in seconds:
        they share it, since nobody can look at the clock between them. With `one_by_one` not even the version
        table's row is held back for the COMMIT.
        """
        self._inside, self._holding, self._one_by_one = True, hold, one_by_one
        self.lock_timeout, self.failed_held = lock_timeout, False
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
        transaction = self._current()
        transaction.held.extend(statements)
        transaction.shared += len(statements)
        return True

    def release(self) -> None:
        """Send what is held."""
        transaction = self._adapted._transaction
        if isinstance(transaction, _Transaction) and transaction.held:
            last = transaction.held.pop()
            self._adapted.run_async(lambda driver: self._send(driver, last))

    def _current(self) -> _Transaction:
        """Return the present transaction as one that holds statements; it may begin with them."""
        adapted = self._adapted
        current = adapted._transaction
        if isinstance(current, _Transaction):
            return current
        driver = adapted.driver_connection
        if current is None:
            # A revision may use the driver itself: a transaction of its own is then a savepoint in this one.
            driver._top_xact = driver.transaction()
        adapted._transaction = held = _Transaction(self, driver, current)
        if hasattr(adapted, "_started"):
            # SQLAlchemy 2.0.
            adapted._started = True
        return held

    def _may_begin(self) -> bool:
        adapted = self._adapted
        special = adapted.isolation_level or adapted.readonly or adapted.deferrable
        return adapted._transaction is not None or not special

    def _execute(self, cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        """Run a statement in SQLAlchemy's place, where that can be; return whether it was."""
        if context.root_connection.connection.dbapi_connection is not self._adapted:
            return False
        if parameters or not goes_plainly(statement) or not self._may_begin():
            self._sent = None
            self.release()
            return False
        if self._holds_version_row(statement):
            transaction = self._current()
            transaction.held.append(met_one_row(statement))
            transaction.uncounted += 1
            set_row_count(cursor, 1)
            return True
        if self._holding and ends_by_itself(statement):
            transaction = self._current()
            transaction.held.append(statement)
            transaction.shared += 1
            if self._sent is not None:
                self._sent.append(statement)
            set_row_count(cursor, -1)
            return True
        self._sent = None
        status: str = self._adapted.run_async(lambda driver: self._send(driver, statement))
        counted = _COUNTED.match(status)
        set_row_count(cursor, int(counted[1]) if counted else -1)
        return True

    def _holds_version_row(self, statement: str) -> bool:
        """Whether a statement is Alembic's own for the version table, and may go with the COMMIT."""
        if self._inside or self._one_by_one or self._version_table is None:
            return False
        found = _VERSION_ROW.fullmatch(statement)
        table = (found["updated"] or found["deleted"]) if found is not None else ""
        return table.rpartition(".")[2].strip('"') == self._version_table

    async def _send(self, driver: Any, statement: str) -> str:
        transaction = self._current()
        unclear, before = transaction.is_unclear, transaction.taken(self.lock_timeout)
        try:
            status: str = await driver.execute(before + statement)
        except Exception as exc:
            self.failed_held = self.failed_held or unclear
            # It raises the error that SQLAlchemy's own cursor would.
            self._adapted._handle_exception(exc)
            raise
        return status


class _Transaction:
    """Stands for asyncpg's transaction, with statements that the next one or the COMMIT takes along."""

    def __init__(self, one_trip: OneTrip, driver: Any, begun: Any) -> None:
        """Stand for the transaction `begun`, or for one that begins with the first thing sent (None)."""
        self._one_trip = one_trip
        self._driver = driver
        self._begun = begun
        self._begins = begun is None
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
            share, whole = (milliseconds(each) for each in (lock_timeout / self.shared, lock_timeout))
            held = [f"SET LOCAL lock_timeout = {share}", *held, f"SET LOCAL lock_timeout = {whole}"]
        if self._begins:
            held = ["BEGIN", *held]
        self.held, self.shared, self.uncounted, self._begins = [], 0, 0, False
        return "".join(f"{each.rstrip().removesuffix(';')}\n;\n" for each in held)

    async def commit(self) -> None:
        """Run what is held, and commit. Raises asyncpg's errors, with nothing committed."""
        # Imported here: other drivers' runs come through this module too.
        from asyncpg import InterfaceError, PostgresError  # type: ignore[import-untyped]

        if self._begun is not None and not self.held:
            await self._begun.commit()
            return
        unclear, one_trip = self.is_unclear, self._one_trip
        try:
            await self._driver.execute(f"{self.taken(one_trip.lock_timeout)}COMMIT")
        except BaseException:
            one_trip.failed_held = one_trip.failed_held or unclear
            # A statement failed, and the transaction is still there; or the connection is not.
            with suppress(InterfaceError, PostgresError, OSError):
                await self.rollback()
            raise
        self._driver._top_xact = None

    async def rollback(self) -> None:
        """Take all back, and what is held with it."""
        unknown, self._begins = self._begins, False
        self.held, self.shared, self.uncounted = [], 0, 0
        if self._begun is not None:
            await self._begun.rollback()
            return
        self._driver._top_xact = None
        if not unknown:
            await self._driver.execute("ROLLBACK")


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
