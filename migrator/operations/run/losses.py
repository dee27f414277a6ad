"""What a run destroys, and who has agreed to it.

The text of the version files tells before anything runs, so a deploy machine needs no scratch server and no
squawk. What only shows when a revision runs (a loop, a computed statement) is stopped there, and rolled back.
The end of a table that the same plan makes is no loss.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection, MetaData, Table, inspect, literal, select

from migrator import secrets
from migrator.bridge.env_py.connected_database import ConnectedDatabase, ask, connect_again
from migrator.config.select import Workspace
from migrator.errors import ExitCode
from migrator.operations.run.connection_guard import GuardError
from migrator.operations.run.consent import consent_hint
from migrator.operations.run.run_lock import application_name
from migrator.results.run import Loss, Step
from migrator.revisions.destructive import (
    UNKNOWN,
    Destruction,
    destructive,
    superseded_types,
    tables_made,
)

if TYPE_CHECKING:
    from migrator.lint.excuses import Excuse
    from migrator.lint.tokens import Token

T = TypeVar("T")

# The rule that forbids each kind of destruction. A change of type is one where the new type is narrower.
_RULES = {
    "drop table": "ban-drop-table",
    "drop column": "ban-drop-column",
    "drop type": "ban-drop-type",
    "drop schema": "ban-drop-schema",
    "drop database": "ban-drop-database",
    "truncate": "truncate",
    "truncate cascade": "ban-truncate-cascade",
    "delete from": "delete-without-where",
    "change type": "narrowing",
}
# Those that take whole rows with them.
_OF_ROWS = frozenset({"drop table", "drop schema", "truncate", "truncate cascade", "delete from"})
# How many characters of a statement an error shows.
_SHOWN = 120
# What a statement has to hold for it to be worth a closer look.
_SUSPECT = re.compile(r"\b(?:DROP|TRUNCATE|DELETE)\b", re.IGNORECASE)


def is_gated(workspace: Workspace) -> bool:
    """Whether an upgrade of the environment needs consent for what it destroys."""
    environment = workspace.environment
    gate = environment.settings.lint_gate
    return environment.protected if gate is None else gate


def guards_rows(workspace: Workspace) -> bool:
    """Whether a downgrade of the environment needs consent for the rows that it loses.

    A protected environment has to be confirmed in any case. A plain Alembic configuration goes by Alembic's
    rules, and the embedded PostgreSQL is the developer's own.
    """
    environment = workspace.environment
    return environment.managed and not environment.protected and workspace.database.url is not None


def losses_of(workspace: Workspace, found: ConnectedDatabase, steps: Sequence[Step]) -> tuple[Loss, ...]:
    """Give what the steps of an upgrade destroy and no comment in a file excuses.

    Only what counts as an error in the environment is given. The database is asked for the present type of a
    column whose type changes.

    Raises ConfigurationError for a rule in the settings that nobody knows, RevisionsError for a bad excuse.
    """
    # Imported here: few runs destroy anything.
    from migrator.lint.lint_settings import RULES, lint_settings_of

    destroyed = list(_destroyed(workspace.environment.root, steps))
    if not destroyed:
        return ()
    settings, allowed = lint_settings_of(workspace), excuses_of(workspace, steps)
    narrowed = _narrowed(found, [each for _step, each in destroyed if each.kind == "change type"])
    return tuple(
        Loss(narrowed.get(each, each.what), rule, step.path, each.line)
        for step, each in destroyed
        if settings.severity(RULES[rule := _RULES[each.kind]]) == "error"
        if each.kind != "change type" or each in narrowed
        if not any(excuse.holds_for(rule, each.line) for excuse in allowed[step.path])
    )


def excuses_of(workspace: Workspace, steps: Iterable[Step]) -> dict[str, tuple[Excuse, ...]]:
    """Read the excuses in the files of steps, by their paths. Raises RevisionsError for a bad one."""
    from migrator.lint.excuses import excuses
    from migrator.lint.lint_settings import source_reader

    read = source_reader(workspace)
    return {step.path: excuses(read(step.path), step.path) for step in steps if step.path}


def _destroyed(root: Path, steps: Iterable[Step]) -> Iterator[tuple[Step, Destruction]]:
    """Yield what the steps destroy of that which they have not made themselves."""
    new: set[str] = set()
    for step in steps:
        made = list(tables_made(root / step.path))
        for each in destructive(root / step.path):
            new.update(table for table, line in made if line < each.line)
            made = [(table, line) for table, line in made if line >= each.line]
            if not each.tables or not new.issuperset(each.tables):
                yield step, each
            if each.kind == "drop table":
                # Another may take its name.
                new.difference_update(each.tables)
        new.update(table for table, _line in made)


def _narrowed(found: ConnectedDatabase, changes: Sequence[Destruction]) -> dict[Destruction, str]:
    """Say of each change of type that makes a column narrower what it does."""
    from migrator.lint.own_rules import compare

    def old_type(connection: Connection, change: Destruction) -> str:
        schema, name = _place(change.tables[0])
        if not inspect(connection).has_table(name, schema):
            return change.old_type
        columns = {each["name"]: each["type"] for each in inspect(connection).get_columns(name, schema)}
        known = columns.get(change.column)
        return change.old_type if known is None else known.compile(connection.dialect).lower()

    narrowed = {}
    known = [each for each in changes if each.new_type and UNKNOWN not in each.tables[0]]
    for change, old in zip(known, _asked(found, old_type, known) or (), strict=False):
        if old and compare(old, change.new_type) == "narrowing":
            narrowed[change] = f"{change.what} ({old} -> {change.new_type})"
    return narrowed


def rows_lost(workspace: Workspace, found: ConnectedDatabase, steps: Sequence[Step]) -> tuple[Loss, ...]:
    """Give what the steps of a downgrade destroy of tables that have rows now, as far as that is known."""
    root = workspace.environment.root
    destroyed = [
        (step, each)
        for step in steps
        if step.path
        for each in destructive(root / step.path, "downgrade")
        if each.kind in _OF_ROWS
    ]
    with_rows = _asked(found, _has_rows, [each for _step, each in destroyed])
    return tuple(
        Loss(each.what, _RULES[each.kind], step.path, each.line)
        for (step, each), lost in zip(destroyed, with_rows or (), strict=False)
        if lost
    )


def _has_rows(connection: Connection, destruction: Destruction) -> bool:
    """Whether a table that goes has rows; one that is not named, or not there by now, may have some."""
    for table in destruction.tables or (UNKNOWN,):
        schema, name = _place(table)
        if UNKNOWN in table:
            return True
        if inspect(connection).has_table(name, schema):
            row = select(literal(1)).select_from(Table(name, MetaData(), schema=schema)).limit(1)
            if connection.execute(row).first() is not None:
                return True
    return False


def _place(table: str) -> tuple[str | None, str]:
    schema, _dot, name = table.rpartition(".")
    return schema or None, name


def _asked(
    found: ConnectedDatabase, question: Callable[[Connection, Destruction], T], each: Sequence[Destruction]
) -> list[T] | None:
    """Ask a question of the database for each; None where there is no second connection to it."""
    if not each:
        return []
    connection = connect_again(found, application_name())
    if connection is None:
        return None
    try:
        return ask(connection, found, lambda c: [question(c, one) for one in each])
    finally:
        connection.close()


class UnagreedLossError(GuardError):
    """A revision destroys what nobody has agreed to."""

    exit_code = ExitCode.REFUSED


class LossGuard:
    """Stops a statement that destroys what the text of its version file did not show."""

    def __init__(self, workspace: Workspace, found: ConnectedDatabase, steps: Sequence[Step]) -> None:
        """Guard the steps of an upgrade. Raises RevisionsError for a bad excuse."""
        self._workspace = workspace
        self._dialect = found.engine.dialect.name
        self._excuses = excuses_of(workspace, steps)
        # What has run so far; it is read where a statement is suspect.
        self._earlier: list[str] = []

    def refuse(self, step: Step, statement: str) -> None:
        """Raise UnagreedLossError for a statement of a step that loses data, and is not excused there."""
        if not _SUSPECT.search(statement):
            self._earlier.append(statement)
            return
        from migrator.lint.ddl import dropped
        from migrator.lint.lint_settings import RULES, lint_settings_of
        from migrator.lint.new_objects import NewObjects
        from migrator.lint.own_rules import own_rules

        new = NewObjects()
        for tokens in self._cut("\n;\n".join(self._earlier)):
            new.learn(tokens)
        settings, superseded = lint_settings_of(self._workspace), superseded_types("; ".join(self._earlier))
        excused = {rule for excuse in self._excuses.get(step.path, ()) for rule in excuse.rules}
        for tokens in self._cut(statement):
            objects = {each.name for each in dropped(tokens)}
            is_new = new.covers(tokens) or (objects and objects <= superseded)
            for rule in () if is_new else own_rules(tokens, {}):
                lost = rule in _RULES.values() and settings.severity(RULES[rule]) == "error"
                if lost and rule not in excused:
                    shown = secrets.scrub(" ".join(statement.split()))[:_SHOWN]
                    raise UnagreedLossError(
                        f"it destroys data, and nobody has agreed to that: {shown} [{rule}]",
                        hint=consent_hint(self._workspace, step.path, rule),
                    )
            new.learn(tokens)
        self._earlier.append(statement)

    def _cut(self, sql: str) -> list[tuple[Token, ...]]:
        from migrator.lint.tokens import statements

        return statements(sql, self._dialect)
