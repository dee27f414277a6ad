"""Says in words why a database cannot be used."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from migrator import secrets
from migrator.database.kinds import KINDS
from migrator.database.kinds.interface import ErrorMeaning, Explanation
from migrator.database.kinds.mysql import is_numbered
from migrator.database.kinds.postgresql_errors import NO_DATABASE, REFUSED_PASSWORD
from migrator.errors import DatabaseError, ExitCode

_REFUSED = ("Nothing listens there.", "Start the server, or correct host and port in: {origin}")
_NO_HOST = ("The host's name is not known.", "Correct the host in: {origin}")
_NO_ANSWER = ("It did not answer in time.", "Check the network, and host and port in: {origin}")
_BY_CLASS = {ConnectionRefusedError: _REFUSED, socket.gaierror: _NO_HOST, TimeoutError: _NO_ANSWER}
_BY_WORDS = (
    ("password authentication failed", REFUSED_PASSWORD),
    ('database ".*" does not exist', NO_DATABASE),
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


class BusyError(DatabaseError):
    """Another connection is writing to the database."""

    exit_code = ExitCode.LOCKED


def database_error(exc: BaseException, address: str, origin: str) -> DatabaseError:
    """Make the error for a database that cannot be used.

    `address` is `user@host:port/database`, `origin` the place that the URL came from.
    """
    what, hint = _reason(exc)
    kind = BusyError if means(exc, ErrorMeaning.BUSY) else DatabaseError
    return kind(f"The database {address} cannot be used. {what}", hint=hint.format(origin=origin or "env.py"))


def _reason(exc: BaseException) -> Explanation:
    for each in causes(exc):
        said = next((found for kind in KINDS if (found := kind.explain(each))), None)
        if said:
            return f"{said[0]} ({first_line(each)})", said[1]
    known = next((found for each in causes(exc) if (found := _known_reason(each))), None)
    last = first_line(list(causes(exc))[-1])
    return known or (last, "Check that the server runs, and the address in: {origin}")


def _known_reason(exc: BaseException) -> Explanation | None:
    for kind, reason in _BY_CLASS.items():
        if isinstance(exc, kind):
            return reason
    text = str(exc)
    if isinstance(exc, OSError) and f"[Errno {errno.ECONNREFUSED}]" in text:
        # A host with several addresses, of which each refused: asyncio has one error for all.
        return _REFUSED
    # The drivers over libpq tell why a connection failed in words alone, without a code.
    if type(exc).__module__.partition(".")[0] in ("psycopg", "psycopg2"):
        return next((reason for words, reason in _BY_WORDS if re.search(words, text)), None)
    return None


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
    text = str(original.args[1] if is_numbered(original) else original).strip() or type(original).__name__
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


def meaning_of(exc: BaseException) -> ErrorMeaning | None:
    """Return what one exception means to the kind of database it comes from; None if that is not known."""
    return next((found for kind in KINDS if (found := kind.meaning_of(exc))), None)


def means(exc: BaseException, *meanings: ErrorMeaning) -> bool:
    """Return whether an exception, or one that it was raised from, means one of these."""
    return any(meaning_of(each) in meanings for each in causes(exc))


def failing_statement(exc: BaseException) -> str | None:
    """Give the SQL statement that an exception came from, on one line and scrubbed."""
    for each in causes(exc):
        if isinstance(each, DBAPIError) and each.statement:
            return secrets.scrub(" ".join(each.statement.split()))
    return None
