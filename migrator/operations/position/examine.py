"""Reads what a run must know of a database before it changes it, and refuses what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from migrator.bridge.env_py.connected_database import (
    ConnectedDatabase,
    ask,
    connected_database,
    connection_of,
    heads_again,
    log_table_name,
)
from migrator.bridge.env_py.session import Session
from migrator.bridge.revision_files.plan import PlannedStep, applied_revisions, known_script, step_info
from migrator.config.select import Workspace
from migrator.database.connecting.second_connection import SecondConnection
from migrator.database.own.log_records import Identity, read_identity, read_log
from migrator.database.own.own_tables import excluder, is_own_table
from migrator.errors import ConfigurationError, Effect
from migrator.results.records import LogEntry, Mark
from migrator.results.run import Step
from migrator.revisions.archives import stood_for
from migrator.revisions.fingerprint import file_hash, tree_hash

StepPlanner = Callable[[tuple[str, ...]], Sequence[PlannedStep]]


@dataclass(frozen=True)
class Examined:
    """One database: where it stands, what it says of itself, and what would be done to it.

    `identifier` tells its server from others, None where it does not say or is not asked. `unknown_tables`
    are what a database, or a tenant's schema, holds that nothing says is ours: no version row, mark, or log.
    """

    found: ConnectedDatabase
    identifier: str | None
    mark: Mark | None
    log: tuple[LogEntry, ...]
    unknown_tables: tuple[str, ...]
    steps: tuple[Step, ...] = ()


def examine(session: Session, plan: StepPlanner | None = None, **options: Any) -> tuple[Examined, ...]:
    """Run env.py, reading only, and give what it reached: several databases where env.py has several.

    `plan` gives the steps from a database's heads, and may raise. `options` are what env.py may ask for.
    Raises MigratorErrors as `Session.run` does, and RevisionsError as `plan` does.
    """
    seen: list[Examined] = []

    def at(heads: tuple[str, ...], context: MigrationContext) -> None:
        seen.append(examined(heads, context, session, plan))

    session.look(at, **options)
    return tuple(seen)


def has_moved(connection: SecondConnection, workspace: Workspace, before: Examined) -> bool:
    """Whether somebody else has changed a database since it was examined: its revisions, mark or log.

    Asked once the lock is held, on its connection. Raises DatabaseError.
    """
    found = before.found

    def moved(c: Connection) -> bool:
        if set(heads_again(c, found)) != set(found.heads):
            return True
        log_table = log_table_name(workspace)
        facts = found.kind.read_facts(c, found.version_table, found.version_schema, log_table)
        if workspace.environment.managed and read_identity(c, facts).mark != before.mark:
            return True
        newest = read_log(c, facts, found.qualified_version_table, limit=1)
        return [entry.id for entry in newest] != [entry.id for entry in before.log[-1:]]

    return ask(connection, found, moved)


def examined(
    heads: tuple[str, ...], context: MigrationContext, session: Session, plan: StepPlanner | None = None
) -> Examined:
    """Give what the database of one context is. Raises RevisionsError as `plan` does."""
    workspace = session.workspace
    found = connected_database(heads, context, workspace)
    connection = connection_of(context)
    identity, unknown = Identity(None, None), ()
    if workspace.environment.managed:
        identity = read_identity(connection, found.facts)
    log = read_log(connection, found.facts, found.qualified_version_table)
    if workspace.environment.managed and not heads and not _is_ours(workspace, found, identity.mark, log):
        unknown = _unknown_tables(connection, found, workspace)
    steps = tuple(step_info(step, workspace) for step in plan(heads)) if plan is not None else ()
    return Examined(found, identity.server, identity.mark, log, unknown, steps)


def _is_ours(
    workspace: Workspace, found: ConnectedDatabase, mark: Mark | None, log: Sequence[LogEntry]
) -> bool:
    """Whether a database without revisions is migrator's; tenants' schemas share the mark of theirs."""
    if workspace.database.url is None:
        # The embedded one, which migrator has made.
        return True
    schema = workspace.tenant.schema if workspace.tenant is not None else None
    return mark is not None and (schema is None or bool(log) or found.has_version_table)


def _unknown_tables(
    connection: Connection, found: ConnectedDatabase, workspace: Workspace
) -> tuple[str, ...]:
    """Give the tables that are neither migrator's nor excluded: of a tenant's schema, or of the database."""
    tenant, log, here = workspace.tenant, log_table_name(workspace), found.facts.schema
    excluded = excluder(workspace.environment.settings.exclude_tables)
    return tuple(
        table.name if table.schema == here else str(table)
        for table in found.kind.tables(connection, here if tenant is not None and tenant.schema else None)
        if table.name != found.version_table
        and not is_own_table(table.name, table.schema, log)
        and not excluded(table.name, table.schema)
    )


def edited_revisions(session: Session, examined: Examined) -> tuple[str, ...]:
    """Give the revisions of a database whose files no longer do what the log says was applied, oldest first.

    Reformatting a file, or changing a comment in it, is no edit.
    """
    logged = {
        entry.revision: entry for entry in examined.log if entry.revision and entry.direction != "downgrade"
    }
    if not logged:
        return ()
    applied = applied_revisions(session.scripts, examined.found.heads)
    return tuple(
        revision
        for revision, entry in logged.items()
        if revision in applied and _differs(session, revision, entry.hash, entry.file_hash)
    )


def _differs(session: Session, revision: str, tree: str | None, file: str | None) -> bool:
    script = known_script(session.scripts, revision)
    if script is None or tree is None:
        return False
    content = Path(script.path).read_bytes()
    # Parsing every file of a long history would take longer than anything else that is done here.
    if file_hash(content) == file or tree_hash(content) == tree:
        return False
    # A file that was made of that one and those before it, with proof, is no edit.
    return tree not in stood_for(content)


def refuse_log_table(workspace: Workspace, found: ConnectedDatabase) -> None:
    """Raise ConfigurationError where `log_table` names a missing schema, or a table that is no log."""
    name, fault = log_table_name(workspace), found.facts.log_fault
    if name is None or fault not in ("no schema", "no log"):
        return
    file = workspace.environment.shown(workspace.environment.config_file)
    said = f"The key log_table in the [migrator] section of {file} names {name}"
    if fault == "no schema":
        schema = found.engine.dialect.identifier_preparer.quote(name.schema or "")
        raise ConfigurationError(
            f"{said}, but the database {found.facts.database} has no schema {name.schema}.",
            effect=Effect.NOTHING_DONE,
            hint=f"Create it: CREATE SCHEMA {schema}; or correct log_table.",
        )
    raise ConfigurationError(
        f"{said}, which the database {found.facts.database} has, but not as a log of migrator.",
        effect=Effect.NOTHING_DONE,
        hint="Correct log_table: name a table that is not there yet, in a schema that is.",
    )
