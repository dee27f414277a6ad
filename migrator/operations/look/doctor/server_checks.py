"""What `doctor` finds in what a server says of itself, and of what a role may do there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migrator.bridge.env_py.connected_database import ConnectedDatabase, log_table_name
from migrator.config.select import Workspace
from migrator.database.kinds.postgresql import drop_index
from migrator.database.own.facts import PRIVILEGES_NEEDED, Facts, Privileges
from migrator.database.own.log_records import places_for_records
from migrator.errors import DatabaseError
from migrator.results.environment_status import Finding

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
