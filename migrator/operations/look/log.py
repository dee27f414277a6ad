"""`migrator log`: what was done to a database, and by whom."""

from __future__ import annotations

from alembic.runtime.migration import MigrationContext

from migrator.bridge.env_py.connected_database import connected_database, connection_of
from migrator.bridge.env_py.session import Needs, database_session
from migrator.config.select import Workspace
from migrator.database.own.facts import Facts
from migrator.database.own.log_records import read_log
from migrator.errors import DatabaseError
from migrator.operations.position.examine import refuse_log_table
from migrator.results.events import Report
from migrator.results.records import LogEntry, LogList


def refuse_unreadable(facts: Facts) -> None:
    """Raise DatabaseError where the role may not read the log that is there."""
    if facts.log is not None and not facts.may_read_records:
        raise DatabaseError(
            f"The role {facts.role} may not read {facts.log}.",
            hint=f"Grant it: GRANT USAGE ON SCHEMA {facts.log.schema} TO {facts.role};"
            f" GRANT SELECT ON {facts.log} TO {facts.role}",
        )


def log(
    workspace: Workspace, report: Report, *, limit: int | None = None, revision: str | None = None
) -> LogList:
    """Read the log of the environment's database, newest first: the newest `limit` rows, or a revision's.

    `revision` may be the beginning of an id. Raises DatabaseError, also where the role may not read the log,
    and ConfigurationError, also where log_table names what can be none.
    """
    tables: list[str] = []
    entries: list[LogEntry] = []

    def at(heads: tuple[str, ...], context: MigrationContext) -> None:
        found = connected_database(heads, context, workspace)
        refuse_log_table(workspace, found)
        if found.facts.log is None:
            return
        refuse_unreadable(found.facts)
        tables.append(str(found.facts.log))
        table = found.qualified_version_table
        entries.extend(read_log(connection_of(context), found.facts, table, limit=limit, revision=revision))

    with database_session(workspace, ["current"], report, Needs(writes=False, models=False)) as session:
        session.look(at)
    newest = sorted(entries, key=lambda entry: (entry.started_at, entry.id), reverse=True)
    return LogList(", ".join(tables) or None, tuple(newest[:limit]))
