"""Looks at the databases that env.py reaches before anything is done to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from migrator.bridge.revision_files.plan import PlannedStep, step_info
from migrator.config.select import Workspace
from migrator.database.connecting.second_connection import SecondConnection
from migrator.database.own.facts import is_empty, read_facts
from migrator.database.own.log_records import Identity, read_identity, read_log
from migrator.results.records import LogEntry, Mark
from migrator.results.run import Step

StepPlanner = Callable[[tuple[str, ...]], Sequence[PlannedStep]]


@dataclass(frozen=True)
class Examined:
    """One database: where it stands, what it says of itself, and what would be done to it.

    `identifier` tells its server from others, None where it does not say or is not asked. `empty` is only
    asked of a database without a mark. `error` is what the planner raised.
    """

    found: ConnectedDatabase
    identifier: str | None
    mark: Mark | None
    log: tuple[LogEntry, ...]
    empty: bool
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
        facts = read_facts(c, found.version_table, found.version_schema, log_table_name(workspace))
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
    identity, empty = Identity(None, None), False
    if workspace.environment.managed:
        identity = read_identity(connection, found.facts)
        empty = identity.mark is None and not heads and is_empty(connection, found.facts, found.version_table)
    return Examined(
        found,
        identity.server,
        identity.mark,
        read_log(connection, found.facts, found.qualified_version_table),
        empty,
        tuple(step_info(step, workspace) for step in plan(heads)) if plan is not None else (),
    )
