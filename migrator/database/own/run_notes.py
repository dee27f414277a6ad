"""What is noted while a revision runs: statements that can no longer be rolled back, and waits for locks."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event

from migrator import secrets
from migrator.database.kinds import kind_of
from migrator.results.run import Holder

# A revision that ends its transaction by itself goes on without one.
_BY_HAND = re.compile(r"\s*(?:(commit|end)|rollback|abort)\s*(?:work|transaction)?\s*;?\s*$", re.IGNORECASE)


class CommittedStatements:
    """Notes what one connection runs while a revision runs.

    `committed` are statements that stay although the version table does not tell of their revision yet;
    `pending` those that the transaction still holds.
    """

    def __init__(self, connection: Connection, refuse: Callable[[str], None]) -> None:
        """Listen to a connection. `refuse` is called before each statement of a revision and may raise."""
        self.committed: list[str] = []
        self.pending: list[str] = []
        self.inside = False
        self._by_hand = False
        self._refuse = refuse
        self._kind = kind_of(connection.dialect.name)
        event.listen(connection, "before_cursor_execute", self._before)
        event.listen(connection, "after_cursor_execute", self._after)
        event.listen(connection, "commit", self._commit)
        event.listen(connection, "rollback", self._rollback)

    def begin(self) -> None:
        """Begin a revision."""
        self.inside, self._by_hand = True, False

    def end(self) -> None:
        """End a revision's own statements; what follows is the version table's and the log's."""
        self.inside = False

    def _before(self, connection: Connection, _cursor: Any, statement: str, *_: object) -> None:
        if not self.inside:
            return
        self._refuse(statement)
        if self._is_final(connection, statement):
            # What is pending stays even where this statement fails.
            self._commit(connection)

    def _after(self, connection: Connection, _cursor: Any, statement: str, *_: object) -> None:
        if not self.inside:
            return
        ended = _BY_HAND.match(statement)
        if ended:
            self._by_hand = True
            self._commit(connection) if ended[1] else self._rollback(connection)
            return
        self.pending.append(statement)
        if self._is_final(connection, statement):
            self._commit(connection)

    def _is_final(self, connection: Connection, statement: str) -> bool:
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            return True
        return self._by_hand or self._kind.commits_itself(statement)

    def _commit(self, _connection: Connection) -> None:
        # Outside of a revision its row in the version table is committed with it.
        self.committed = self.committed + self.pending if self.inside else []
        self.pending = []

    def _rollback(self, _connection: Connection) -> None:
        self.pending = []

    def shown(self) -> tuple[str, ...]:
        """Give the committed statements, each on one line and scrubbed."""
        return tuple(secrets.scrub(" ".join(statement.split())) for statement in self.committed)


class LockWatch:
    """What has been seen of one backend's waits since the last revision began.

    `waited` is in seconds, of all its waits together. It is written in the watching connection's thread and
    read in another.
    """

    def __init__(self) -> None:
        self.pid: int | None = None
        self.waited = 0.0
        self.blockers: tuple[Holder, ...] = ()
        self._last: float | None = None

    def begin(self, pid: int | None) -> None:
        """Watch a backend anew."""
        self.pid, self.waited, self.blockers, self._last = pid, 0.0, (), None

    def look(self, connection: Connection) -> None:
        """Look once whether the backend waits for a lock."""
        pid = self.pid
        if pid is None:
            return
        found = kind_of(connection.dialect.name).blockers_of(connection, pid)
        now = time.monotonic()
        if found:
            self.blockers = found
            if self._last is not None:
                self.waited += now - self._last
        self._last = now if found else None
