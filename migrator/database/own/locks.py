"""The lock of a run, and who waits for whom."""

from __future__ import annotations

import time

from sqlalchemy import Connection

from migrator.database.kinds import kind_of
from migrator.results.run import Holder


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
