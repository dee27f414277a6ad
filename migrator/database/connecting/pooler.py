"""Tells whether a pooler stands before a server: there, locks and settings of a session do not hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import URL

from migrator.database.connecting.second_connection import SecondConnection
from migrator.database.failures import causes, meaning_of
from migrator.database.kinds.interface import DatabaseKind, ErrorMeaning

_ROUNDS = 5
_POOLERS_PORT = 6432
# PgBouncer's own words: it has one SQLSTATE for all that it refuses.
_STATEMENT_MODE = "statement pooling mode"


@dataclass(frozen=True)
class SessionsSeen:
    """The server's numbers of the sessions that connections, open side by side, were given in turn."""

    of_each: tuple[frozenset[int], ...]

    @property
    def every(self) -> frozenset[int]:
        """The sessions of all connections together."""
        return frozenset().union(*self.of_each)

    @property
    def shared(self) -> bool:
        """Whether a connection was given another's session, or changed its own."""
        return any(len(each) > 1 for each in self.of_each) or len(self.every) < len(self.of_each)


def sessions_seen(connections: Sequence[SecondConnection], kind: DatabaseKind) -> SessionsSeen:
    """Ask connections in turn, again and again, which session they are in. Raises what the driver raises."""
    rounds = [[connection.call(kind.session_id) for connection in connections] for _ in range(_ROUNDS)]
    return SessionsSeen(
        tuple(frozenset(each for each in seen if each is not None) for seen in zip(*rounds, strict=True))
    )


def failed_by_pooler(exc: BaseException) -> str | None:
    """Say by what a failure is that of a pooler which hands sessions around; None for any other failure."""
    for each in causes(exc):
        if meaning_of(each) is ErrorMeaning.POOLED:
            return "prepared statements are lost between two of them"
        if _STATEMENT_MODE in str(each):
            return _STATEMENT_MODE
    return None


def looks_pooled(url: URL) -> str | None:
    """Say what of an address is usually a pooler's, such as `port 6432`; None for nothing."""
    host = url.host or str(url.query.get("host", ""))
    if re.search("pooler|pgbouncer", host, re.IGNORECASE):
        return f"host {host}"
    return f"port {_POOLERS_PORT}" if url.port == _POOLERS_PORT else None
