"""Finds what a run destroys, in the text of its version files and in the statements that run.

migrator reads the text before anything runs, so a deploy machine needs no scratch server and no squawk.
`LossGuard` stops statements that the text does not show, such as computed ones. Dropping a table that the
same plan creates destroys nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, MetaData, Table, inspect, literal, select

from migrator import secrets
from migrator.bridge.revision_files.plan import Heads
from migrator.config.select import Workspace
from migrator.errors import ExitCode
from migrator.operations.run.connection_guard import GuardError
from migrator.operations.run.consent import consent_hint
from migrator.results.events import Direction
from migrator.results.run import Loss, Step
from migrator.revisions.destructive import destructive, tables_made
from migrator.revisions.destructive_sql import UNKNOWN, Destruction, superseded_types

if TYPE_CHECKING:
    from migrator.lint.excuses import Excuse
    from migrator.lint.tokens import Token

# The rule that forbids each kind of destruction. A change of type counts if the new type is narrower.
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
# The kinds that delete whole rows.
_OF_ROWS = frozenset({"drop table", "drop schema", "truncate", "truncate cascade", "delete from"})
# The number of characters of a statement that an error shows.
_SHOWN = 120
# Only a statement with one of these words is parsed.
_SUSPECT = re.compile(r"\b(?:DROP|TRUNCATE|DELETE)\b", re.IGNORECASE)


def is_gated(workspace: Workspace, direction: Direction, heads: Heads) -> bool:
    """Return whether a run from `heads` needs consent for what it destroys.

    Only an upgrade does. A database without a revision passes: what its whole history drops, it has created.
    """
    gate = workspace.environment.settings.lint_gate
    gated = workspace.environment.protected if gate is None else gate
    return direction == "upgrade" and bool(heads) and gated


def _guards_rows(workspace: Workspace, direction: Direction) -> bool:
    """Return whether a run needs consent for the rows that it deletes.

    Only a downgrade does. A protected environment needs confirmation in any case, a plain Alembic
    configuration follows Alembic's rules, and the embedded PostgreSQL belongs to one developer.
    """
    environment = workspace.environment
    unprotected = environment.managed and not environment.protected and workspace.database.url is not None
    return direction == "downgrade" and unprotected


def with_losses(
    workspace: Workspace, direction: Direction, heads: Heads, steps: Sequence[Step], connection: Connection
) -> tuple[tuple[Step, ...], tuple[Loss, ...]]:
    """Return the steps of a run from `heads` with what each destroys, and the losses that need consent.

    `connection` leads to the database before the run. Raises ConfigurationError for an unknown rule in the
    settings, and RevisionsError for a bad excuse.
    """
    function = "downgrade" if direction == "downgrade" else "upgrade"
    root = workspace.environment.root
    destroyed = {step: destructive(root / step.path, function) for step in steps if step.path}
    losses: tuple[Loss, ...] = ()
    if any(destroyed.values()):
        if is_gated(workspace, direction, heads):
            losses = _not_excused(workspace, connection, destroyed)
        elif _guards_rows(workspace, direction):
            losses = tuple(
                Loss(each.what, _RULES[each.kind], step.path, each.line)
                for step, found in destroyed.items()
                for each in found
                if each.kind in _OF_ROWS and _has_rows(connection, each)
            )
    shown = (replace(step, destroys=tuple(each.what for each in destroyed.get(step, ()))) for step in steps)
    return tuple(shown), losses


def _not_excused(
    workspace: Workspace, connection: Connection, destroyed: Mapping[Step, Sequence[Destruction]]
) -> tuple[Loss, ...]:
    """Return what counts as an error in the environment and has no excuse in its file."""
    # Imported here because few runs destroy anything.
    from migrator.lint.lint_settings import RULES, lint_settings_of

    settings, allowed = lint_settings_of(workspace), excuses_of(workspace, destroyed)
    return tuple(
        Loss(what, rule, step.path, each.line)
        for step, each in _of_earlier_tables(workspace.environment.root, destroyed)
        if settings.severity(RULES[rule := _RULES[each.kind]]) == "error"
        if (what := each.what if each.kind != "change type" else _narrowed(connection, each))
        if not any(excuse.holds_for(rule, each.line) for excuse in allowed[step.path])
    )


def excuses_of(workspace: Workspace, steps: Iterable[Step]) -> dict[str, tuple[Excuse, ...]]:
    """Return the excuses in the files of steps, by path. Raises RevisionsError for a bad one."""
    from migrator.lint.excuses import excuses
    from migrator.lint.lint_settings import source_reader

    read = source_reader(workspace)
    return {step.path: excuses(read(step.path), step.path) for step in steps if step.path}


def _of_earlier_tables(
    root: Path, destroyed: Mapping[Step, Sequence[Destruction]]
) -> Iterator[tuple[Step, Destruction]]:
    """Yield what the steps destroy of tables that they have not created themselves."""
    new: set[str] = set()
    for step, found in destroyed.items():
        made = list(tables_made(root / step.path))
        for each in found:
            new.update(table for table, line in made if line < each.line)
            made = [(table, line) for table, line in made if line >= each.line]
            if not each.tables or not new.issuperset(each.tables):
                yield step, each
            if each.kind == "drop table":
                # Another table may get its name.
                new.difference_update(each.tables)
        new.update(table for table, _line in made)


def _narrowed(connection: Connection, change: Destruction) -> str:
    """Return what a change of type does if it makes the column narrower, else an empty text."""
    from migrator.lint.own_rules import compare

    old, (schema, name) = change.old_type, _place(change.tables[0])
    if UNKNOWN not in change.tables[0] and inspect(connection).has_table(name, schema):
        columns = {each["name"]: each["type"] for each in inspect(connection).get_columns(name, schema)}
        if change.column in columns:
            old = columns[change.column].compile(connection.dialect).lower()
    narrows = old and change.new_type and compare(old, change.new_type) == "narrowing"
    return f"{change.what} ({old} -> {change.new_type})" if narrows else ""


def _has_rows(connection: Connection, destruction: Destruction) -> bool:
    """Return whether a table has rows. A table that the file does not name may have some."""
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


class UnagreedLossError(GuardError):
    """A revision destroys data without consent."""

    exit_code = ExitCode.REFUSED


class LossGuard:
    """Stops a statement that destroys data and that the text of its version file does not show.

    It finds dropped and emptied tables, columns and types; only the text shows that a type becomes narrower.
    """

    def __init__(self, workspace: Workspace, dialect: str, steps: Sequence[Step]) -> None:
        """Guard the steps of an upgrade. Raises RevisionsError for a bad excuse."""
        self._workspace = workspace
        self._dialect = dialect
        self._excuses = excuses_of(workspace, steps)
        # The statements so far. They are parsed when a suspect statement comes.
        self._earlier: list[str] = []

    def refuse(self, step: Step, statement: str) -> None:
        """Raise UnagreedLossError for a statement that destroys data without an excuse in the step's file."""
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
        excuses = (each for each in self._excuses[step.path] if not each.in_downgrade)
        excused = {rule for excuse in excuses for rule in excuse.rules}
        for tokens in self._cut(statement):
            types = {each.name for each in dropped(tokens) if each.kind == "TYPE"}
            is_new = new.covers(tokens) or (
                bool(types) and types <= superseded and tokens[-1].word != "CASCADE"
            )
            for rule in () if is_new else own_rules(tokens, {}):
                lost = rule in _RULES.values() and settings.severity(RULES[rule]) == "error"
                if lost and rule not in excused:
                    shown = secrets.scrub(" ".join(statement.split()))[:_SHOWN]
                    raise UnagreedLossError(
                        f"it destroys data without consent: {shown} [{rule}]",
                        hint=consent_hint(self._workspace, step.path, rule),
                    )
            new.learn(tokens)
        self._earlier.append(statement)

    def _cut(self, sql: str) -> list[tuple[Token, ...]]:
        from migrator.lint.tokens import statements

        return statements(sql, self._dialect)
