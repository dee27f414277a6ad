"""MySQL and MariaDB."""

from __future__ import annotations

import hashlib
import re

from sqlalchemy import Connection, text

from migrator.database.kinds.interface import DatabaseKind, ErrorMeaning, Explanation
from migrator.database.own.facts import Facts, LockName
from migrator.database.own.own_tables import TableName, TableNames
from migrator.results.run import Holder

_LONGEST_LOCK_NAME = 64

# Each of these commits what was before it, and itself.
_COMMITS_ITSELF = re.compile(
    r"\s*(?:create|alter|drop|rename|truncate|grant|revoke|lock\s+tables|analyze|optimize)\b", re.IGNORECASE
)
_TEMPORARY = re.compile(r"\s*(?:create|drop)\s+temporary\b", re.IGNORECASE)

_HOLDER = text("""
SELECT id, user, command, host FROM information_schema.processlist WHERE id = IS_USED_LOCK(:n)
""")

# The servers' own numbers: their SQLSTATEs put several of these under one code.
_MEANINGS = {1146: ErrorMeaning.NO_TABLE, 1205: ErrorMeaning.LOCKED, 1213: ErrorMeaning.LOCKED}
_LOGIN = ("The server refused the login.", "Check user and password in: {origin}")
_LACKING = ("The user lacks a privilege.", "Grant it, or use another user: {origin}")
_EXPLANATIONS: dict[int, Explanation] = {
    1040: ("The server has too many connections.", "Try again, or raise max_connections."),
    1203: ("The user has too many connections.", "Try again, or raise max_user_connections."),
    1044: (
        "The user may not use the database, or it does not exist.",
        "Create it (CREATE DATABASE), grant privileges on it, or correct: {origin}",
    ),
    1045: _LOGIN,
    1698: _LOGIN,
    1049: ("The database does not exist.", "Create it (CREATE DATABASE), or correct: {origin}"),
    1053: ("The server is shutting down.", "Try again in a moment."),
    1130: ("The server refuses connections from this host.", "Check the user's host on the server."),
    1142: _LACKING,
    1143: _LACKING,
    1226: (
        "The user has used up what the server allows.",
        "Try again later, or raise the user's limits on the server.",
    ),
    1227: _LACKING,
}


class MySQL(DatabaseKind):
    """MySQL and MariaDB: a schema is a database, locks belong to sessions, and DDL commits itself."""

    name = "mysql"
    driver = async_driver = "asyncmy"
    has_session_locks = True
    creates_index_if_missing = False

    def read_facts(self, connection: Connection, version: TableName, log: TableName | None) -> Facts:
        database, pid, user, said = connection.execute(
            text("SELECT database(), connection_id(), current_user(), version()")
        ).one()
        found = connection.execute(
            text(
                "SELECT table_name FROM information_schema.tables"
                " WHERE table_schema = database() AND table_name IN ('migrator_mark', 'migrator_log')"
            )
        ).scalars()
        names = TableNames.among([str(name) for name in found], None, None)
        return Facts(
            self.name,
            str(database),
            pid=int(pid),
            user=str(user),
            schema=version.schema,
            version=str(said),
            mark=names.mark,
            log=names.log,
        )

    def session_id(self, connection: Connection) -> int | None:
        return int(connection.execute(text("SELECT connection_id()")).scalar_one())

    def try_lock(self, connection: Connection, name: LockName) -> bool:
        taken = connection.execute(text("SELECT GET_LOCK(:n, 0)"), {"n": _lock_name(name)}).scalar_one()
        return bool(taken == 1)

    def unlock(self, connection: Connection, name: LockName) -> None:
        connection.execute(text("SELECT RELEASE_LOCK(:n)"), {"n": _lock_name(name)})

    def holder_of(self, connection: Connection, name: LockName) -> Holder | None:
        row = connection.execute(_HOLDER, {"n": _lock_name(name)}).first()
        if row is None:
            return None
        user, command, host = (None if value is None else str(value) for value in row[1:])
        return Holder(int(row[0]), user, None, command, host, None, None, hidden=False)

    def commits_itself(self, statement: str) -> bool:
        return bool(_COMMITS_ITSELF.match(statement)) and not _TEMPORARY.match(statement)

    def meaning_of(self, exc: BaseException) -> ErrorMeaning | None:
        number = exc.args[0] if exc.args else None
        return _MEANINGS.get(number) if isinstance(number, int) else None

    def explain(self, exc: BaseException) -> Explanation | None:
        return _EXPLANATIONS.get(exc.args[0]) if is_numbered(exc) else None

    def database_names(self, connection: Connection) -> list[str]:
        return [str(row[0]) for row in connection.execute(text("SHOW DATABASES"))]


def is_numbered(exc: BaseException) -> bool:
    """Return whether an exception is one of these servers' drivers: its arguments are a number and a text."""
    named = type(exc).__module__.partition(".")[0] in ("asyncmy", "pymysql", "MySQLdb")
    return named and len(exc.args) == 2 and isinstance(exc.args[0], int)


def _lock_name(name: LockName) -> str:
    """Return the name of a lock: all databases of a server share those, so the database is a part of it."""
    whole = f"{name.facts.database}:{name.text}"
    if len(whole) <= _LONGEST_LOCK_NAME:
        return whole
    return "migrator:" + hashlib.sha256(whole.encode()).hexdigest()[:40]
