"""Says in words why a database cannot be used."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from migrator import secrets
from migrator.errors import DatabaseError

# Another client's session was given to us, with his prepared statements or without ours.
_POOLED = (
    "A pooler in front of the server hands sessions around.",
    "Connect to the server itself, past the pooler: correct {origin}",
)
_BY_SQLSTATE = {
    "42P05": _POOLED,
    "26000": _POOLED,
    "28P01": ("The server refused the password.", "Check the password in: {origin}"),
    "28000": ("The server refused the login.", "Check the user, and pg_hba.conf on the server."),
    "3D000": ("The database does not exist.", "Create it (createdb), or correct: {origin}"),
    "53300": ("The server has too many connections.", "Try again, or raise max_connections."),
    "57P03": ("The server is starting up or shutting down.", "Try again in a moment."),
    "57P01": ("The server ended the connection.", "Look into the server's log, then run the command again."),
    "42501": ("The role lacks a privilege.", "Grant it, or use another user: {origin}"),
}
_LOGIN = ("The server refused the login.", "Check user and password in: {origin}")
_FULL = ("The server has too many connections.", "Try again, or raise max_connections.")
_LACKING = ("The user lacks a privilege.", "Grant it, or use another user: {origin}")
# MySQL's and MariaDB's own numbers: their SQLSTATEs put several of these under one code.
_BY_NUMBER = {
    1040: _FULL,
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
_REFUSED = ("Nothing listens there.", "Start the server, or correct host and port in: {origin}")
_NO_HOST = ("The host's name is not known.", "Correct the host in: {origin}")
_NO_ANSWER = ("It did not answer in time.", "Check the network, and host and port in: {origin}")
_BY_WORDS = (
    ("password authentication failed", _BY_SQLSTATE["28P01"]),
    ('database ".*" does not exist', _BY_SQLSTATE["3D000"]),
    ("Connection refused", _REFUSED),
    ("failed to resolve host|could not translate host name", _NO_HOST),
    ("timeout expired", _NO_ANSWER),
)


def is_database_failure(exc: BaseException) -> bool:
    """Whether an exception comes from a database driver or from the network below it."""
    if isinstance(exc, OSError):
        # Where a file is named it was one of env.py's own: a socket has no name.
        return exc.filename is None
    if isinstance(exc, DBAPIError):
        return True
    return type(exc).__module__.partition(".")[0] in ("asyncpg", "psycopg", "sqlite3", "aiosqlite", "asyncmy")


def database_error(exc: BaseException, address: str, origin: str) -> DatabaseError:
    """Make the error for a database that cannot be used.

    `address` is `user@host:port/database`, `origin` the place that the URL came from.
    """
    what, hint = _reason(exc)
    return DatabaseError(
        f"The database {address} cannot be used. {what}", hint=hint.format(origin=origin or "env.py")
    )


def _reason(exc: BaseException) -> tuple[str, str]:
    for each in causes(exc):
        said = _server_reason(each)
        if said:
            return f"{said[0]} ({first_line(each)})", said[1]
    for each in causes(exc):
        known = _network_reason(each) or _libpq_reason(each)
        if known:
            return known
    last = first_line(list(causes(exc))[-1])
    return f"{last}", "Check that the server runs, and the address in: {origin}"


def _server_reason(exc: BaseException) -> tuple[str, str] | None:
    if _is_mysql(exc):
        return _BY_NUMBER.get(exc.args[0])
    return _BY_SQLSTATE.get(getattr(exc, "sqlstate", None) or "")


def _is_mysql(exc: BaseException) -> bool:
    """Whether an exception is a MySQL driver's: its arguments are a number and a text."""
    named = type(exc).__module__.partition(".")[0] in ("asyncmy", "pymysql", "MySQLdb")
    return named and len(exc.args) == 2 and isinstance(exc.args[0], int)


def _network_reason(exc: BaseException) -> tuple[str, str] | None:
    if isinstance(exc, ConnectionRefusedError):
        return _REFUSED
    if isinstance(exc, socket.gaierror):
        return _NO_HOST
    if isinstance(exc, TimeoutError):
        return _NO_ANSWER
    if isinstance(exc, OSError) and f"[Errno {errno.ECONNREFUSED}]" in str(exc):
        # A host with several addresses, of which each refused: asyncio has one error for all.
        return _REFUSED
    return None


def _libpq_reason(exc: BaseException) -> tuple[str, str] | None:
    # The drivers over libpq tell why a connection failed in words alone, without a code.
    if type(exc).__module__.partition(".")[0] not in ("psycopg", "psycopg2"):
        return None
    text = str(exc)
    return next((reason for words, reason in _BY_WORDS if re.search(words, text)), None)


def causes(exc: BaseException | None) -> Iterator[BaseException]:
    """Give an exception, then what it was raised from, down to the first cause."""
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen:
        seen.add(id(exc))
        yield exc
        original = exc.orig if isinstance(exc, DBAPIError) else None
        exc = original or exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)


def first_line(exc: BaseException) -> str:
    """Give the first line of the driver's own message, without what SQLAlchemy adds, and scrubbed."""
    original = exc.orig if isinstance(exc, DBAPIError) and exc.orig is not None else exc
    text = str(original.args[1] if _is_mysql(original) else original).strip() or type(original).__name__
    line = text.splitlines()[0]
    # asyncpg's errors arrive as "<class 'asyncpg...'>: message".
    if line.startswith("<class '"):
        line = line.partition(">: ")[2] or line
    return secrets.scrub(line)


def connection_lost(exc: BaseException) -> bool:
    """Whether the connection broke, rather than a statement failed."""
    return any(
        isinstance(each, ConnectionError)
        or (isinstance(each, InterfaceError | OperationalError) and each.connection_invalidated)
        for each in causes(exc)
    )


# Lock timeout, deadlock, serialization failure; on MySQL its own numbers for the first two.
_IN_VAIN = frozenset({"55P03", "40P01", "40001", 1205, 1213})
_SQLITE_BUSY = 5


def is_lock_failure(exc: BaseException) -> bool:
    """Whether a statement failed because of what other sessions did: the same may go well a moment later."""
    return any(
        getattr(each, "sqlstate", None) in _IN_VAIN or (bool(each.args) and each.args[0] in _IN_VAIN)
        for each in causes(exc)
        if not isinstance(each, DBAPIError)
    )


def is_busy(exc: BaseException) -> bool:
    """Whether another connection is writing to an SQLite file."""
    # The lowest byte of a code is its kind.
    return any(getattr(each, "sqlite_errorcode", 0) & 0xFF == _SQLITE_BUSY for each in causes(exc))


def failing_statement(exc: BaseException) -> str | None:
    """Give the SQL statement that an exception came from, on one line and scrubbed."""
    for each in causes(exc):
        if isinstance(each, DBAPIError) and each.statement:
            return secrets.scrub(" ".join(each.statement.split()))
    return None
