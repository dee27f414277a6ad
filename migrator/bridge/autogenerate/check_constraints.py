"""Compares CHECK constraints by name, and the plain defaults of text and enum columns as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import CheckConstraint, Column, String, Table, text
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateTable, DefaultClause

from migrator.bridge.autogenerate.dependents import RenamedNames
from migrator.bridge.autogenerate.enums.enum_types import enum_of
from migrator.bridge.autogenerate.sql_text import (
    TableKey,
    default_text,
    included_tables,
    same_default,
)

_NAME = "migrator.literal_defaults"
_OPTION = "autogenerate_plugins"
_LITERAL = re.compile(r"'(?:[^']|'')*'(?:::[^']*)?")


# Alembic lets PostgreSQL compare two defaults. That fails where the models have a value that the type in the
# database does not have yet, or a text with a quote in it.
def compare_literal_defaults(context: MigrationContext) -> None:
    """Make the comparisons of one context, and no other, do so. What env.py has said of defaults stands."""
    if context.opts.get("compare_server_default") is True and context.dialect.name == "postgresql":
        plugins = context.opts.get(_OPTION) or ["alembic.autogenerate.*"]
        context.opts[_OPTION] = [*plugins, *([] if _NAME in plugins else [_NAME])]


def _compare(
    autogen: AutogenContext,
    alter: ops.AlterColumnOp,
    _schema: str | None,
    _table: str,
    _name: str,
    old: Column[Any],
    new: Column[Any],
) -> PriorityDispatchResult:
    defaults = (old.server_default, new.server_default)
    if all(each is None for each in defaults):
        return PriorityDispatchResult.CONTINUE
    before, after = (default_text(each, autogen.dialect) for each in defaults)
    if not (
        all(_is_textual(each.type, autogen.dialect) for each in (old, new))
        and all(each is None or isinstance(each, DefaultClause) for each in defaults)
        and all(each is None or _LITERAL.fullmatch(each) for each in (before, after))
    ):
        return PriorityDispatchResult.CONTINUE
    alter.existing_server_default = old.server_default
    if not same_default(before, after):
        alter.modify_server_default = new.server_default
    return PriorityDispatchResult.STOP


def _is_textual(type_: Any, dialect: Dialect) -> bool:
    return enum_of(type_, dialect) is not None or isinstance(type_.dialect_impl(dialect), String)


# Registered for all, and used only where a context names it.
Plugin(_NAME).add_autogenerate_comparator(
    _compare, "column", "server_default", qualifier="postgresql", priority=DispatchPriority.FIRST
)


_CHECKS = """
SELECT n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'c' AND k.conislocal AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1, 2, 3
"""


def compare_checks(up: ops.UpgradeOps, autogen: AutogenContext, renamed: RenamedNames) -> None:
    """Add the drops and adds of named CHECK constraints of tables that are on both sides.

    A constraint whose name is on both sides is taken for the same, whatever its text says. What is dropped
    goes first, before any column of it does, and what is added comes last.
    """
    if autogen.dialect.name != "postgresql" or autogen.connection is None or _compared(up):
        return
    default = autogen.dialect.default_schema_name
    created = {(op.schema, op.table_name) for op in up.ops if isinstance(op, ops.CreateTableOp)}
    there: dict[TableKey, dict[str, str]] = {}
    for schema, table, name, definition in autogen.connection.execute(text(_CHECKS)):
        there.setdefault((None if schema == default else schema, table), {})[name] = definition
    first: list[ops.MigrateOperation] = []
    last: list[ops.MigrateOperation] = []
    for table in included_tables(autogen):
        if (table.schema, table.name) in created:
            continue
        schema = None if table.schema == default else table.schema
        old = renamed.old_table(schema, table.name)
        drops, adds = _differences(autogen, table, there.get((schema, old), {}))
        if drops:
            first.append(
                ops.ModifyTableOps(old, [_drop(schema, old, *each) for each in drops], schema=schema)
            )
        if adds:
            last.append(ops.ModifyTableOps(table.name, list(adds), schema=schema))
    up.ops[:] = [*first, *up.ops, *last]


def _compared(up: ops.UpgradeOps) -> bool:
    """Whether env.py has asked Alembic for it already (its plugin `checkconstraint_byname`)."""
    return any(
        isinstance(op, ops.CreateCheckConstraintOp)
        or (isinstance(op, ops.DropConstraintOp) and op.constraint_type == "check")
        for block in up.ops
        if isinstance(block, ops.ModifyTableOps)
        for op in block.ops
    )


def _differences(
    autogen: AutogenContext, table: Table, there: dict[str, str]
) -> tuple[list[tuple[str, str]], list[ops.AddConstraintOp]]:
    said = dict(_said(autogen, table))
    unnamed = any(name is None for name in said)
    drops = [
        (name, definition)
        for name, definition in there.items()
        if name not in said and not (unnamed and _given_by_server(name, table))
    ]
    adds = [
        ops.AddConstraintOp.from_constraint(check)
        for name, check in said.items()
        if name is not None and name not in there
    ]
    return drops, adds


def _said(autogen: AutogenContext, table: Table) -> Iterator[tuple[str | None, CheckConstraint]]:
    """Give the checks that creating the table would make, as PostgreSQL would name them."""
    every = {*table.constraints, *(each for column in table.c for each in column.constraints)}
    checks = [each for each in every if isinstance(each, CheckConstraint)]
    made = _made(table, autogen) if checks else frozenset()
    for check in checks:
        if check not in made:
            continue
        # A naming convention may give the name, or leave it to the server.
        preparer = autogen.dialect.identifier_preparer
        name = None if check.name is None else preparer.format_constraint(check)
        yield (None if name is None else preparer.unformat_identifiers(name)[0], check)


def _made(table: Table, autogen: AutogenContext) -> frozenset[CheckConstraint]:
    """Return the checks that are made with a table: a type may make its own on some dialects only."""
    made: list[CheckConstraint] = []

    def note(check: CheckConstraint, **_: object) -> str:
        made.append(check)
        return ""

    make_compiler: Any = autogen.dialect.ddl_compiler
    compiler = make_compiler(autogen.dialect, None)
    compiler.visit_check_constraint = compiler.visit_column_check_constraint = note
    compiler.process(CreateTable(table))
    return frozenset(made)


def _given_by_server(name: str, table: Table) -> bool:
    return re.fullmatch(rf"{re.escape(table.name[:20])}.*_check\d*", name) is not None


def _drop(schema: str | None, table: str, name: str, definition: str) -> ops.DropConstraintOp:
    condition = definition.removeprefix("CHECK ").removesuffix(" NOT VALID").removesuffix(" NO INHERIT")
    condition = condition[1:-1] if condition.startswith("(") and condition.endswith(")") else condition
    made = ops.CreateCheckConstraintOp(name, table, condition, schema=schema)
    return ops.DropConstraintOp(name, table, "check", schema=schema, _reverse=made)
