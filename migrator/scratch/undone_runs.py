"""Runs a revision and undoes it at its commit, so that it can be tried out on a template.

A sequence keeps what it has given out, whatever is rolled back: on a template it would give the next data
migration other ids. So a revision that may ask one, or run anything that does, is not tried out.
"""

from __future__ import annotations

import re
from contextlib import closing
from inspect import currentframe
from traceback import walk_stack
from typing import Any

from sqlalchemy import Connection, event

from migrator.bridge.revision_files.plan import PlannedStep, script_of
from migrator.errors import MigratorError

# Statements that change shapes, or only look, and of those not the ones that name a function of sequences.
_UNDONE_WHOLE = re.compile(
    r"\s*(?:alter|comment|create|drop|grant|reindex|revoke|select|set|show|truncate|savepoint|release|rollback)\b"
    r"(?!.*\b(?:nextval|setval)\b)",
    re.IGNORECASE | re.DOTALL,
)


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
        self._given_up = False

    def watch(self, connection: Connection, step: PlannedStep) -> None:
        """Take note that a step is about to run on a connection."""
        script = script_of(step)
        self._path = script.path if script is not None else ""
        if self._connection is not connection:
            # Another one: the revision begins again, as a role was made for it.
            self._connection, self._transaction = connection, None
            # The revision may open a second connection, which comes from the same engine.
            event.listen(connection.engine, "before_cursor_execute", self._before)
            event.listen(connection.engine, "commit", self._commit)

    def _before(self, connection: Connection, _cursor: Any, sql: str, *_: Any) -> None:
        if connection is self._connection and self._transaction is None:
            self._transaction = self._current(connection)
        undoable = connection is self._connection and _UNDONE_WHOLE.match(sql)
        if self._inside() and not undoable:
            # A revision may catch the error, and go on without the statement.
            self._given_up = True
            self._undone()

    def _commit(self, connection: Connection) -> None:
        if connection is self._connection:
            self._undone()

    def _undone(self) -> None:
        connection = self._connection
        # A driver's own commit is seen by no event: the transaction is another one after it.
        clean = connection is None or self._transaction in (None, self._current(connection))
        raise UndoneError(whole=clean and not self._given_up and not self._inside(), clean=clean)

    def _current(self, connection: Connection) -> str:
        # Past SQLAlchemy's events: nobody else is to take it for a statement of the revision.
        raw: Any = connection.connection
        with closing(raw.cursor()) as cursor:
            # Its newer name, pg_current_xact_id(), is not known before PostgreSQL 13.
            cursor.execute("SELECT txid_current()")
            return str(cursor.fetchone()[0])

    def _inside(self) -> bool:
        """Whether it is the revision that runs: its own commit is that of an autocommit block."""
        return any(frame.f_code.co_filename == self._path for frame, _ in walk_stack(currentframe()))
