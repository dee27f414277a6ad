"""The lock of a run, and who waits for whom."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from migrator.database.failures import is_database_failure
from migrator.database.own.facts import Facts
from migrator.results.run import Holder

_LONGEST_MYSQL_NAME = 64


@dataclass(frozen=True)
class LockName:
    """A lock's name. `working` is the one that the migrating connection itself holds."""

    facts: Facts
    version_table: str
    working: bool = False

    @property
    def text(self) -> str:
        """The name in words: independent of the project, so that two checkouts exclude each other."""
        kind = "working" if self.working else "run"
        return f"migrator:{kind}:{self.facts.schema or ''}.{self.version_table}"

    @property
    def key(self) -> int:
        """PostgreSQL's key: 64 bits with a sign."""
        return int.from_bytes(hashlib.sha256(self.text.encode()).digest()[:8], signed=True)

    @property
    def mysql(self) -> str:
        """MySQL's name of a lock: the whole server shares those, so the database is a part of it."""
        name = f"{self.facts.database}:{self.text}"
        if len(name) <= _LONGEST_MYSQL_NAME:
            return name
        return "migrator:" + hashlib.sha256(name.encode()).hexdigest()[:40]


def try_lock(connection: Connection, name: LockName) -> bool:
    """Take a lock for the session if it is free. Other kinds of databases have no such lock: always True.

    A statement that waits would hold a snapshot, for which a concurrent index build of the holder waits.
    """
    if name.facts.postgresql:
        return bool(connection.execute(text("SELECT pg_try_advisory_lock(:k)"), {"k": name.key}).scalar_one())
    if name.facts.backend == "mysql":
        return bool(connection.execute(text("SELECT GET_LOCK(:n, 0)"), {"n": name.mysql}).scalar_one() == 1)
    return True


def unlock(connection: Connection, name: LockName) -> None:
    """Give a lock back."""
    if name.facts.postgresql:
        connection.execute(text("SELECT pg_advisory_unlock(:k)"), {"k": name.key})
    elif name.facts.backend == "mysql":
        connection.execute(text("SELECT RELEASE_LOCK(:n)"), {"n": name.mysql})


def session_id(connection: Connection, facts: Facts) -> int | None:
    """Give the server's number of a session: behind a pooler it may be another one than before."""
    if facts.postgresql:
        return _backend_pid(connection)
    if facts.backend == "mysql":
        return int(connection.execute(text("SELECT connection_id()")).scalar_one())
    connection.execute(text("SELECT 1"))
    return None


_PID = "SELECT pg_backend_pid()"


def _backend_pid(connection: Connection) -> int:
    """Ask between any two revisions: asyncpg itself prepares the question once in a session.

    SQLAlchemy's adapter prepares it anew each time where it may keep no statements. Raises SQLAlchemy's
    errors.
    """
    if connection.dialect.driver != "asyncpg":
        return int(connection.execute(text(_PID)).scalar_one())
    adapted: Any = connection.connection.dbapi_connection
    try:
        return int(adapted.run_async(lambda driver: driver.fetchval(_PID)))
    except Exception as exc:
        if not is_database_failure(exc):
            raise
        raise OperationalError(_PID, None, exc) from exc


_SESSION = """
    a.pid, a.usename, a.application_name, a.state, CAST(a.client_addr AS text),
    CAST(date_trunc('second', a.xact_start) AS text), CAST(date_trunc('second', a.backend_start) AS text),
    a.backend_start IS NULL
"""
_HOLDER = text(f"""
SELECT {_SESSION}
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid = CAST(CAST(:high AS bigint) AS oid) AND l.objid = CAST(CAST(:low AS bigint) AS oid)
""")
_BLOCKERS = text(f"""
SELECT {_SESSION}
FROM unnest(pg_blocking_pids(:pid)) AS b(pid) JOIN pg_stat_activity a ON a.pid = b.pid
""")
_MYSQL_HOLDER = text("""
SELECT id, user, NULL, command, host, NULL, NULL, 0 FROM information_schema.processlist
WHERE id = IS_USED_LOCK(:n)
""")


def holder_of(connection: Connection, name: LockName) -> Holder | None:
    """Give the session that holds a lock, as far as the role may see it."""
    if name.facts.postgresql:
        unsigned = name.key % 2**64
        parts = {"high": unsigned >> 32, "low": unsigned & 0xFFFFFFFF}
        row = connection.execute(_HOLDER, parts).first()
    elif name.facts.backend == "mysql":
        row = connection.execute(_MYSQL_HOLDER, {"n": name.mysql}).first()
    else:
        row = None
    return None if row is None else _holder(tuple(row))


def blockers_of(connection: Connection, pid: int) -> tuple[Holder, ...]:
    """Give the sessions that a PostgreSQL backend waits for."""
    return tuple(_holder(tuple(row)) for row in connection.execute(_BLOCKERS, {"pid": pid}))


def _holder(row: tuple[object, ...]) -> Holder:
    user, application, state, client, transaction, connected = (
        None if value is None else str(value) for value in row[1:7]
    )
    return Holder(
        int(str(row[0])), user, application, state, client, transaction, connected, hidden=bool(row[7])
    )


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
        found = blockers_of(connection, pid)
        now = time.monotonic()
        if found:
            self.blockers = found
            if self._last is not None:
                self.waited += now - self._last
        self._last = now if found else None
