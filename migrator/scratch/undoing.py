"""Runs a revision and undoes it at its commit, so that it can be tried out on a template."""

from __future__ import annotations

from inspect import currentframe
from typing import Any

from sqlalchemy import Connection, event

from migrator.bridge.plan import PlannedStep, script_of
from migrator.errors import MigratorError


class UndoneError(MigratorError):
    """Says, instead of a commit, that all is taken back.

    `whole` tells whether the revision had come to its end, `clean` whether nothing of it had been committed.
    """

    def __init__(self, *, whole: bool, clean: bool) -> None:
        super().__init__("undone")
        self.whole = whole
        self.clean = clean


class Undoing:
    """Watches a connection of PostgreSQL, and raises UndoneError where its transaction would be committed."""

    def __init__(self) -> None:
        self._path = ""
        self._transaction: str | None = None
        self._connection: Connection | None = None

    def watch(self, connection: Connection, step: PlannedStep) -> None:
        """Take note that a step is about to run on a connection."""
        script = script_of(step)
        self._path = script.path if script is not None else ""
        if self._connection is None:
            self._connection = connection
            event.listen(connection, "before_cursor_execute", self._before)
            event.listen(connection, "commit", self._commit)

    def _before(self, connection: Connection, *_: Any) -> None:
        if self._transaction is None:
            self._transaction = self._current(connection)

    def _commit(self, connection: Connection) -> None:
        # A driver's own commit is seen by no event: the transaction is another one after it.
        clean = self._transaction is None or self._transaction == self._current(connection)
        raise UndoneError(whole=clean and not self._inside(), clean=clean)

    def _current(self, connection: Connection) -> str:
        # Past SQLAlchemy's events: nobody else is to take it for a statement of the revision.
        cursor: Any = connection.connection.cursor()
        try:
            cursor.execute("SELECT pg_current_xact_id()")
            return str(cursor.fetchone()[0])
        finally:
            cursor.close()

    def _inside(self) -> bool:
        """Whether the revision itself ends the transaction, as an autocommit block does."""
        frame = currentframe()
        while frame is not None:
            if frame.f_code.co_filename == self._path:
                return True
            frame = frame.f_back
        return False
