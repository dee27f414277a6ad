"""Compares named CHECK constraints of PostgreSQL by name, which Alembic does not do unless told to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy import CheckConstraint, Table, text
from sqlalchemy.schema import CreateTable

from migrator.bridge.autogenerate.dependents import Renamed

Key = tuple[str | None, str]

_CHECKS = """
SELECT n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'c' AND k.conislocal AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1, 2, 3
"""


def compare_checks(up: ops.UpgradeOps, autogen: AutogenContext, renamed: Renamed) -> None:
    """Add the drops and adds of named CHECK constraints of tables that are on both sides.

    A constraint whose name is on both sides is taken for the same, whatever its text says. What is dropped
    goes first, before any column of it does, and what is added comes last.
    """
    if autogen.dialect.name != "postgresql" or autogen.connection is None or _compared(up):
        return
    default = autogen.dialect.default_schema_name
    created = {(op.schema, op.table_name) for op in up.ops if isinstance(op, ops.CreateTableOp)}
    there: dict[Key, dict[str, str]] = {}
    for schema, table, name, definition in autogen.connection.execute(text(_CHECKS)):
        there.setdefault((None if schema == default else schema, table), {})[name] = definition
    first: list[ops.MigrateOperation] = []
    last: list[ops.MigrateOperation] = []
    for table in autogen.sorted_tables:
        if (table.schema, table.name) in created or not _included(autogen, table):
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


def _included(autogen: AutogenContext, table: Table) -> bool:
    return autogen.run_object_filters(table, table.name, "table", False, None)


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
    for check in every:
        if not isinstance(check, CheckConstraint) or not _made(check, table, autogen):
            continue
        # A naming convention may give the name, or leave it to the server.
        preparer = autogen.dialect.identifier_preparer
        name = None if check.name is None else preparer.format_constraint(check)
        yield (None if name is None else _bare(name), check)


def _made(check: CheckConstraint, table: Table, autogen: AutogenContext) -> bool:
    """Whether a check is made at all: a type may make its own on some dialects only."""
    rule = getattr(check, "_create_rule", None)
    # It asks the compiler which dialect this is.
    return rule is None or bool(rule(CreateTable(table).compile(dialect=autogen.dialect)))


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _given_by_server(name: str, table: Table) -> bool:
    return re.fullmatch(rf"{re.escape(table.name[:20])}.*_check\d*", name) is not None


def _drop(schema: str | None, table: str, name: str, definition: str) -> ops.DropConstraintOp:
    condition = definition.removeprefix("CHECK ").removesuffix(" NOT VALID").removesuffix(" NO INHERIT")
    condition = condition[1:-1] if condition.startswith("(") and condition.endswith(")") else condition
    made = ops.CreateCheckConstraintOp(name, table, condition, schema=schema)
    return ops.DropConstraintOp(name, table, "check", schema=schema, _reverse=made)
