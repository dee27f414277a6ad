"""Looks at the databases that env.py reaches before anything is done to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from alembic.runtime.migration import MigrationContext

from migrator.bridge.plan import PlannedStep, step_info
from migrator.bridge.reached import Reached, connection_of, reached
from migrator.bridge.session import Session
from migrator.database.facts import is_empty
from migrator.database.records import read_identifier, read_log, read_mark
from migrator.results.records import LogEntry, Mark
from migrator.results.run import Step

Planner = Callable[[tuple[str, ...]], Sequence[PlannedStep]]


@dataclass(frozen=True)
class Examined:
    """One database: where it stands, what it says of itself, and what would be done to it.

    `identifier` tells its server from others, None where it does not say or is not asked. `empty` is only
    asked of a database without a mark. `error` is what the planner raised.
    """

    found: Reached
    identifier: str | None
    mark: Mark | None
    log: tuple[LogEntry, ...]
    empty: bool
    steps: tuple[Step, ...] = ()


def examine(session: Session, plan: Planner | None = None, **options: Any) -> tuple[Examined, ...]:
    """Run env.py, reading only, and give what it reached: several databases where env.py has several.

    `plan` gives the steps from a database's heads, and may raise. `options` are what env.py may ask for.
    Raises MigratorErrors as `Session.run` does, and RevisionsError as `plan` does.
    """
    seen: list[Examined] = []

    def at(heads: tuple[str, ...], context: MigrationContext) -> None:
        seen.append(_examined(heads, context, session, plan))

    session.look(at, **options)
    return tuple(seen)


def _examined(
    heads: tuple[str, ...], context: MigrationContext, session: Session, plan: Planner | None
) -> Examined:
    workspace = session.workspace
    found = reached(heads, context, workspace)
    connection = connection_of(context)
    mark, identifier, empty = None, None, False
    if workspace.environment.managed:
        mark, identifier = read_mark(connection, found.facts), read_identifier(connection, found.facts)
        empty = mark is None and not heads and is_empty(connection, found.facts, found.version_table)
    return Examined(
        found,
        identifier,
        mark,
        read_log(connection, found.facts, found.qualified_version_table),
        empty,
        tuple(step_info(step, workspace) for step in plan(heads)) if plan is not None else (),
    )
