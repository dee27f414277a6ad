"""What `doctor` finds on further connections: a lock that is held, a pooler in front, privileges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from migrator.bridge.env_py.connected_database import ConnectedDatabase
from migrator.config.select import Workspace
from migrator.config.url import address
from migrator.database.connecting.pooler import (
    SessionsSeen,
    failed_by_pooler,
    looks_pooled,
    past_pooler,
    plain_connections,
    sessions_seen,
)
from migrator.database.connecting.second_connection import SecondConnection
from migrator.database.failures import database_error
from migrator.database.own.facts import LockName, Privileges
from migrator.database.round_trips.probe import missing_names
from migrator.results.environment_status import Finding
from migrator.results.run import Holder, describe_holder


@dataclass(frozen=True)
class SessionFindings:
    """What was found on further connections. `privileges` is None where they are not asked for."""

    findings: tuple[Finding, ...]
    privileges: Privileges | None = None


def look_again(workspace: Workspace, found: ConnectedDatabase) -> SessionFindings:
    """Connect twice more, and look at what the server's sessions say. Never fails."""
    if not found.kind.has_session_locks:
        return SessionFindings(())
    try:
        with plain_connections(found.engine, 2) as connections:
            return _look(workspace, found, connections) if connections else SessionFindings(())
    except (SQLAlchemyError, OSError) as exc:
        by_pooler = failed_by_pooler(exc)
        if by_pooler is not None:
            return SessionFindings((pooled(workspace, by_pooler),))
        error = database_error(exc, address(found.url), "env.py")
        text = f"no further connection, which holds the lock of a run, can be made or used. {error.message}"
        return SessionFindings((Finding("connection", "problem", text, error.hint),))


def _look(
    workspace: Workspace, found: ConnectedDatabase, connections: list[SecondConnection]
) -> SessionFindings:
    first, kind = connections[0], found.kind
    asked = first.call(lambda c: kind.read_privileges(c, found.facts, found.version_table))
    seen = sessions_seen(connections, kind)
    findings = (*_locks(found, first, seen), _pooler(workspace, found, seen), *_round_trips(workspace, first))
    return SessionFindings(findings, asked)


def _locks(found: ConnectedDatabase, connection: SecondConnection, seen: SessionsSeen) -> Iterator[Finding]:
    table = found.qualified_version_table
    for working in (False, True):
        name = LockName(found.facts, table, working=working)
        holder = connection.call(partial(found.kind.holder_of, name=name))
        if holder is not None:
            yield _held(found, holder, working=working, ours=holder.pid in seen.every)
            return
    yield Finding("lock", "ok", "no run is at work")


def _held(found: ConnectedDatabase, holder: Holder, *, working: bool, ours: bool) -> Finding:
    """Name the holder; `ours` is a session that we were given with the lock, and have not asked for it."""
    end = found.kind.end_session(holder.pid)
    hint = f"Wait for it to end; if nobody knows of it, end it: {end}"
    what = "the last statement of a run that has ended still works" if working else "a run is at work"
    if ours:
        what, hint = "a run has left its lock on a session of the pooler", f"End that session: {end}"
    return Finding("lock", "problem", f"{what}: {describe_holder(holder)}", hint)


def _pooler(workspace: Workspace, found: ConnectedDatabase, seen: SessionsSeen) -> Finding:
    if seen.shared:
        return pooled(workspace, "a connection is given the sessions of others")
    return address_finding(workspace, found.url) or Finding(
        "pooler", "ok", "each connection keeps its own session"
    )


def _round_trips(workspace: Workspace, connection: SecondConnection) -> Iterator[Finding]:
    """Name what an installed package lacks for fewer round trips, unless nobody asks for those."""
    if workspace.environment.settings.round_trips == "plain":
        return
    for missing in connection.call(missing_names):
        yield Finding(
            "round trips",
            "note",
            f"{missing.package} {missing.version} has no {missing.name}: {missing.costs}",
            f"Runs are slower, and otherwise the same. Upgrade migrator, or use a {missing.package} that has"
            " it; to leave it so: round_trips = plain",
        )


def address_finding(workspace: Workspace, url: URL) -> Finding | None:
    """Note an address that looks like a pooler's; None for any other."""
    sign = looks_pooled(url)
    if sign is None:
        return None
    text = f"the address looks like that of a pooler ({sign}), where the locks of a session may not hold"
    return Finding("pooler", "note", text, past_pooler(workspace))


def pooled(workspace: Workspace, sign: str) -> Finding:
    """Give the finding for a pooler that hands sessions around; `sign` is how it was noticed."""
    return Finding(
        "pooler",
        "problem",
        f"a pooler in front of the server hands sessions around ({sign}): the lock of a run does not hold,"
        " and settings reach others",
        past_pooler(workspace),
    )
