"""Tells whether a pooler stands before a server: there, locks and settings of a session do not hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from sqlalchemy import URL, Engine

from migrator.config.select import Workspace
from migrator.config.url import own_variable
from migrator.database.connecting.second_connection import SecondConnection, can_connect_again
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


@contextmanager
def plain_connections(engine: Engine, count: int) -> Iterator[list[SecondConnection]]:
    """Give connections on which nothing is set: behind a pooler it would stay on sessions of others.

    There are none where the driver's pool is bound to env.py's event loop.
    """
    with ExitStack() as opened:
        connections: list[SecondConnection] = []
        for _ in range(count if can_connect_again(engine) else 0):
            try:
                connections.append(SecondConnection(engine, lambda _connection: None))
            except RuntimeError:
                break
            opened.callback(connections[-1].close)
        yield connections


def hands_sessions_around(engine: Engine, kind: DatabaseKind) -> bool:
    """Whether two connections, side by side, share a session. Raises what the driver raises."""
    with plain_connections(engine, 2) as connections:
        return sessions_seen(connections, kind).shared


def past_pooler(workspace: Workspace) -> str:
    """Say how to reach the server itself."""
    says = "Connect to the server itself, past the pooler"
    if not workspace.resolves_url:
        return f"{says}: correct the address that env.py uses (PostgreSQL's port is usually 5432)"
    name = own_variable(workspace.environment.name)
    return f"{says}: {name}=postgresql://user:password@host:5432/database"


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
