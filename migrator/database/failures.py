"""Says in words why a database cannot be used."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from migrator import secrets
from migrator.errors import DatabaseError

_BY_SQLSTATE = {
    "28P01": ("The server refused the password.", "Check the password in: {origin}"),
    "28000": ("The server refused the login.", "Check the user, and pg_hba.conf on the server."),
    "3D000": ("The database does not exist.", "Create it (createdb), or correct: {origin}"),
    "53300": ("The server has too many connections.", "Try again, or raise max_connections."),
    "57P03": ("The server is starting up or shutting down.", "Try again in a moment."),
    "57P01": ("The server ended the connection.", "Look into the server's log, then run the command again."),
    "42501": ("The role lacks a privilege.", "Grant it, or use another user: {origin}"),
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
        state = getattr(each, "sqlstate", None)
        if state in _BY_SQLSTATE:
            return f"{_BY_SQLSTATE[state][0]} ({first_line(each)})", _BY_SQLSTATE[state][1]
    for each in causes(exc):
        known = _network_reason(each) or _libpq_reason(each)
        if known:
            return known
    last = first_line(list(causes(exc))[-1])
    return f"{last}", "Check that the server runs, and the address in: {origin}"


def _network_reason(exc: BaseException) -> tuple[str, str] | None:
    if isinstance(exc, ConnectionRefusedError):
        return _REFUSED
    if isinstance(exc, socket.gaierror):
        return _NO_HOST
    if isinstance(exc, TimeoutError):
        return _NO_ANSWER
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
    text = str(original).strip() or type(original).__name__
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


def failing_statement(exc: BaseException) -> str | None:
    """Give the SQL statement that an exception came from, on one line and scrubbed."""
    for each in causes(exc):
        if isinstance(each, DBAPIError) and each.statement:
            return secrets.scrub(" ".join(each.statement.split()))
    return None
