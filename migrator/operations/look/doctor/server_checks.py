"""What `doctor` finds in a server: its version, what a role may do there, its sessions, a pooler in front."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from migrator.bridge.env_py.connected_database import ConnectedDatabase, log_table_name
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
from migrator.database.kinds.postgresql import drop_index
from migrator.database.own.facts import PRIVILEGES_NEEDED, Facts, LockName, Privileges
from migrator.database.own.log_records import places_for_records
from migrator.database.round_trips.probe import missing_names
from migrator.errors import DatabaseError
from migrator.results.environment_status import Finding
from migrator.results.run import Holder, describe_holder

_OLDEST, _CHECKS_CONNECTIONS = 12, 14


def server_version(facts: Facts) -> Iterator[Finding]:
    """Say whether the server is old; SQLite comes with the driver and says nothing."""
    if not facts.major:
        if facts.version:
            yield Finding("server", "ok", facts.version)
    elif facts.major < _OLDEST:
        newer = (
            f"Move the database to PostgreSQL {_CHECKS_CONNECTIONS} or newer: pg_dump, then pg_restore there."
        )
        yield Finding("server", "problem", f"PostgreSQL {facts.major} is not supported", newer)
    elif facts.major < _CHECKS_CONNECTIONS:
        yield Finding(
            "server",
            "note",
            f"PostgreSQL {facts.major} has no client_connection_check_interval: the last statement of a"
            " killed run goes on to its end",
            "After a kill, find it: SELECT pid, query FROM pg_stat_activity WHERE state = 'active';"
            " then SELECT pg_terminate_backend(pid)",
        )
    else:
        yield Finding("server", "ok", facts.version.partition(" on ")[0])


def invalid_indexes(facts: Facts) -> Iterator[Finding]:
    """Name the indexes that a concurrent build has left behind."""
    if facts.major and not facts.invalid_indexes:
        yield Finding("indexes", "ok", "none is INVALID")
    for index in facts.invalid_indexes:
        yield Finding(
            "indexes",
            "problem",
            f"{index} is INVALID: a concurrent build of it was broken off, or is at work just now",
            f"If none is at work: {drop_index(index)}; then run that revision again.",
        )


@dataclass(frozen=True)
class _Role:
    """A role, and the names of what it needs, as SQL writes them."""

    found: ConnectedDatabase

    @property
    def name(self) -> str:
        return self.quoted(self.found.facts.role or "")

    @property
    def schema(self) -> str:
        return self.quoted(self.found.facts.schema or "public")

    @property
    def version_table(self) -> str:
        return f"{self.schema}.{self.quoted(self.found.version_table)}"

    def quoted(self, name: str) -> str:
        return self.found.engine.dialect.identifier_preparer.quote(name)


def privileges(workspace: Workspace, found: ConnectedDatabase, asked: Privileges | None) -> list[Finding]:
    """Name what the role lacks, with the statement that grants it. `asked` is None where nobody could ask.

    Where a kind of database has no roles, nothing is said.
    """
    if not found.kind.has_roles:
        return []
    role = _Role(found)
    findings = [*_tables(role, asked), *_own_tables(role, workspace), *_seen(role, asked)]
    if any(finding.topic == "privileges" for finding in findings):
        return findings
    enough = Finding("privileges", "ok", f"the role {found.facts.role} may do what a run needs")
    return [enough, *findings]


def _tables(role: _Role, asked: Privileges | None) -> Iterator[Finding]:
    found = role.found
    if not found.facts.may_make_tables:
        yield Finding(
            "privileges",
            "problem",
            f"the role {found.facts.role} may make no table in the schema {found.facts.schema or 'public'}",
            f"As its owner: GRANT USAGE, CREATE ON SCHEMA {role.schema} TO {role.name}",
        )
    if asked is not None and asked.lacking:
        yield Finding(
            "privileges",
            "problem",
            f"the role {found.facts.role} may not {', '.join(asked.lacking)} in"
            f" {found.qualified_version_table}",
            f"As its owner: GRANT {', '.join(PRIVILEGES_NEEDED)} ON {role.version_table} TO {role.name}",
        )


def _own_tables(role: _Role, workspace: Workspace) -> Iterator[Finding]:
    facts = role.found.facts
    if facts.mark is None and facts.log is None and not facts.may_make_schema:
        instead = "the log goes beside the version table, as migrator_log"
        yield Finding(
            "privileges",
            "note",
            f"the role {facts.role} may make no schema in {facts.database}:"
            f" {instead if role.found.by_our_env else 'no log is kept'}",
            f"GRANT CREATE ON DATABASE {role.quoted(facts.database)} TO {role.name}",
        )
    if (facts.mark or facts.log) and not facts.may_read_records:
        ours = [name for name in (facts.mark, facts.log) if name is not None]
        tables = ", ".join(str(name) for name in ours)
        yield Finding(
            "privileges",
            "problem",
            f"the role {facts.role} may not read {tables}, migrator's own",
            f"As their owner: GRANT USAGE ON SCHEMA {role.quoted(ours[0].schema or '')} TO {role.name};"
            f" GRANT SELECT, INSERT, DELETE ON {tables} TO {role.name}",
        )
        return
    try:
        places_for_records(
            facts,
            log_table_name(workspace),
            log_off=workspace.environment.settings.log_off,
        )
    except DatabaseError as exc:
        yield Finding("privileges", "problem", exc.message, exc.hint)


def _seen(role: _Role, asked: Privileges | None) -> Iterator[Finding]:
    facts = role.found.facts
    if asked is not None and not asked.sees_sessions:
        yield Finding(
            "sessions",
            "note",
            f"the role {facts.role} sees of other sessions only pid, user and application name",
            f"To see who holds a lock, and since when: GRANT pg_read_all_stats TO {role.name}",
        )
    if not facts.tells_identifier:
        yield Finding(
            "sessions",
            "note",
            f"the role {facts.role} may not ask for the server's identifier: a copy of the same name on"
            " another server is not recognised",
            f"GRANT EXECUTE ON FUNCTION pg_control_system() TO {role.name}",
        )


def look_again(workspace: Workspace, found: ConnectedDatabase) -> tuple[list[Finding], Privileges | None]:
    """Connect twice more, and look at what the server's sessions say: a lock that is held, a pooler.

    Never fails. Returns the role's privileges too, None where nobody could ask.
    """
    if not found.kind.has_session_locks:
        return [], None
    try:
        with plain_connections(found.engine, 2) as connections:
            return _look(workspace, found, connections) if connections else ([], None)
    except (SQLAlchemyError, OSError) as exc:
        by_pooler = failed_by_pooler(exc)
        if by_pooler is not None:
            return [pooled(workspace, by_pooler)], None
        error = database_error(exc, address(found.url), "env.py")
        text = f"no further connection, which holds the lock of a run, can be made or used. {error.message}"
        return [Finding("connection", "problem", text, error.hint)], None


def _look(
    workspace: Workspace, found: ConnectedDatabase, connections: list[SecondConnection]
) -> tuple[list[Finding], Privileges | None]:
    first, kind = connections[0], found.kind
    asked = first.call(lambda c: kind.read_privileges(c, found.facts, found.version_table))
    seen = sessions_seen(connections, kind)
    findings = [*_locks(found, first, seen), _pooler(workspace, found, seen), *_round_trips(workspace, first)]
    return findings, asked


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
