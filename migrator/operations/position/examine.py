"""Reads what a run must know of a database before it changes it, and refuses one that is another's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
from migrator.config.select import ChosenBy, Workspace
from migrator.database.connecting.second_connection import SecondConnection
from migrator.database.own.log_records import Identity, read_identity, read_log
from migrator.database.own.own_tables import TableName, excluder, is_own_table
from migrator.errors import ConfigurationError, Effect, RefusedError
from migrator.results.records import LogEntry, Mark
from migrator.results.run import Loss, Step
from migrator.revisions.archives import stood_for
from migrator.revisions.fingerprint import file_hash, tree_hash

# How many tables a message names.
_SHOWN = 3
StepPlanner = Callable[[tuple[str, ...]], Sequence[PlannedStep]]
# Takes a connection, heads, and steps; returns the steps with what they destroy, and the losses.
LossFinder = Callable[
    [Connection, tuple[str, ...], tuple[Step, ...]], tuple[tuple[Step, ...], tuple[Loss, ...]]
]


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
    losses: tuple[Loss, ...] = ()


def examine(
    session: Session, plan: StepPlanner | None = None, find_losses: LossFinder | None = None, **options: Any
) -> tuple[Examined, ...]:
    """Run env.py, reading only, and return what it reached: several databases if env.py has several.

    `plan` returns the steps from a database's heads, and may raise. `find_losses` finds what they destroy, on
    env.py's connection. `options` are what env.py may ask for. Raises MigratorErrors as `Session.run` does,
    and what `plan` and `find_losses` raise.
    """
    seen: list[Examined] = []

    def at(heads: tuple[str, ...], context: MigrationContext) -> None:
        each = examined(heads, context, session, plan)
        if find_losses is not None:
            steps, losses = find_losses(connection_of(context), heads, each.steps)
            each = replace(each, steps=steps, losses=losses)
        seen.append(each)

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
        version = TableName(found.version_schema, found.version_table)
        facts = found.kind.read_facts(c, version, log_table_name(workspace))
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
    identity, managed = Identity(None, None), workspace.environment.managed
    unknown: tuple[str, ...] = ()
    if managed:
        identity = read_identity(connection, found.facts)
    log = read_log(connection, found.facts, found.qualified_version_table)
    if managed and not heads and not _is_ours(workspace, found, identity.mark, log):
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


class UnmarkedError(RefusedError):
    """A database has tables but no mark, and nothing says whose it is."""

    def __init__(self, message: str, examined: Examined, *, hint: str) -> None:
        super().__init__(message, effect=Effect.NOTHING_DONE, hint=hint)
        self.examined = examined


def refuse_other_database(workspace: Workspace, examined: Examined) -> None:
    """Refuse a database that is marked for another environment, a copy, or one that nobody has named.

    Raises RefusedError. A plain Alembic configuration has no marks: whatever it reaches is its own.
    """
    if not workspace.environment.managed:
        return
    mark, name, database = examined.mark, workspace.environment.name, database_name(examined)
    if mark is None:
        _refuse_unnamed(workspace, examined)
        return
    again = _mark_command(workspace, examined)
    if is_copy(examined):
        raise RefusedError(
            f"The database {database} is a copy of {mark.environment} (marked in {mark.database}"
            f" on {mark.marked_at:%Y-%m-%d}), and is not marked for {name} itself.",
            effect=Effect.NOTHING_DONE,
            hint=f"If this copy is to be {name}'s database: {again}",
        )
    if not belongs(workspace, mark.environment):
        raise RefusedError(
            f"The database {database} belongs to {mark.environment}, not to {name} (marked on"
            f" {mark.marked_at:%Y-%m-%d}).",
            effect=Effect.NOTHING_DONE,
            hint=f"Correct the URL of {name}. If the database has changed hands: {again} --force",
        )


def _mark_command(workspace: Workspace, examined: Examined) -> str:
    name = database_name(examined) if workspace.tenant is None else workspace.environment.name
    return workspace.again("mark", "--confirm", name)


def refuse_unknown_tables(workspace: Workspace, examined: Examined) -> None:
    """Refuse to begin in a database that holds tables of nobody knows whom. Raises UnmarkedError.

    The rule is Flyway's, which refuses a schema that is not empty and has no history.
    """
    tables, environment, tenant = examined.unknown_tables, workspace.environment, workspace.tenant
    if not tables:
        return
    schema = f"schema {tenant.schema} of the " if tenant is not None and tenant.schema is not None else ""
    more = f" and {len(tables) - _SHOWN} more" if len(tables) > _SHOWN else ""
    confirm = ("--confirm", environment.name) if environment.protected else ()
    raise UnmarkedError(
        f"The {schema}database {database_name(examined)} has tables ({', '.join(tables[:_SHOWN])}{more}), but"
        f" no revision and nothing else that says that it belongs to {environment.name}.",
        examined,
        hint=f"If it does, and has the schema already: {workspace.again('stamp', 'head', *confirm)}. If"
        f" {environment.name} shares it with these tables: name them in exclude_tables, or"
        f" {_mark_command(workspace, examined)}. If it is another's: correct {workspace.database.origin}",
    )


def _refuse_unnamed(workspace: Workspace, examined: Examined) -> None:
    """Adopt a database with tables only where somebody said which environment it is."""
    chosen_by, name = workspace.chosen_by, workspace.environment.name
    said = workspace.by_file or workspace.choice.env is not None
    by_variable = chosen_by in (ChosenBy.ENV_VARIABLE, ChosenBy.ENV_IN_DOTENV)
    holds = examined.found.heads or examined.unknown_tables
    if not holds or said or by_variable or workspace.database.own:
        return
    how = "not named" if chosen_by is ChosenBy.NOTHING else f"chosen by {workspace.choice_in_words}"
    raise UnmarkedError(
        f"The database {database_name(examined)} has tables but carries no mark, and nothing says that it"
        f" belongs to {name}: the environment was {how}, the URL came from {workspace.database.origin}.",
        examined,
        hint=f"If it does, name the environment: add --env {name}",
    )


def is_copy(examined: Examined) -> bool:
    """Whether a database is a copy of the one that its mark was written in."""
    mark, here = examined.mark, examined.found.facts
    if mark is None or examined.found.kind.in_files:
        # A file may be moved, and so may the folder that it lies in.
        return False
    if mark.system_identifier and examined.identifier and mark.system_identifier != examined.identifier:
        return True
    return mark.database != here.database


def belongs(workspace: Workspace, marked: str) -> bool:
    """Whether a database marked with `marked` may be used by the environment."""
    mine = workspace.environment
    other = next((each for each in workspace.others if each.answers_to(marked)), None)
    shared = mine.settings.shares_database_with
    if mine.answers_to(marked) or marked in shared:
        return True
    if other is None:
        return False
    theirs = other.settings.shares_database_with
    return (
        marked in theirs
        or any(mine.answers_to(name) for name in theirs)
        or any(other.answers_to(name) for name in shared)
    )


def database_name(examined: Examined) -> str:
    """Return the name that a person has for a database: of an SQLite file, its own without the folders."""
    return examined.found.kind.shown_name(examined.found.facts.database)
