"""Finds what may have been renamed among the drops and adds of a comparison, and writes renames instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy import Column, Table
from sqlalchemy.engine import Dialect

from migrator.bridge.autogenerate.dependents import RenamedNames, drops_of_renamed, keep_dependents
from migrator.bridge.autogenerate.reversible import RenameColumn, RenameTable
from migrator.bridge.autogenerate.sql_text import model_table, qualified, type_texts
from migrator.results.differences import Rename

_INTEGERS = ("SMALLINT", "INTEGER", "BIGINT")
# Of the columns of two tables, how many must be alike for one to be taken for the other under a new name.
_ALIKE = 0.8


def compatible(old: Column[Any], new: Column[Any], dialect: Dialect) -> bool:
    """Whether a column may be another one renamed: as nullable, and of a type as wide or wider."""
    return old.nullable == new.nullable and _widens(_type(old, dialect), _type(new, dialect))


def similarity(old: Table, new: Table, dialect: Dialect) -> bool:
    """Whether two tables share four fifths of their columns, by name and type."""
    ours, theirs = ({(column.name, _type(column, dialect)) for column in table.c} for table in (old, new))
    together = len(ours) + len(theirs)
    return together > 0 and 2 * len(ours & theirs) / together >= _ALIKE


def _type(column: Column[Any], dialect: Dialect) -> str:
    return type_texts(None, column.type, dialect)[1].upper()


def _widens(old: str, new: str) -> bool:
    if old == new:
        return True
    if old in _INTEGERS and new in _INTEGERS:
        return _INTEGERS.index(old) <= _INTEGERS.index(new)
    old_kind, old_sizes = _sizes(old)
    new_kind, new_sizes = _sizes(new)
    if old_kind == "VARCHAR" and new_kind in ("VARCHAR", "TEXT"):
        return not new_sizes or (bool(old_sizes) and old_sizes <= new_sizes)
    if old_kind == new_kind == "NUMERIC" and len(old_sizes) == len(new_sizes) == 2:
        return old_sizes[1] == new_sizes[1] and old_sizes[0] <= new_sizes[0]
    return old_kind == new_kind == "NUMERIC" and not new_sizes


def _sizes(text: str) -> tuple[str, tuple[int, ...]]:
    kind, _, rest = text.partition("(")
    return kind.strip(), tuple(int(size) for size in re.findall(r"\d+", rest))


@dataclass
class Renaming:
    """What was renamed in one comparison, and what else may have been."""

    renamed: RenamedNames = field(default_factory=RenamedNames)
    applied: list[Rename] = field(default_factory=list)
    candidates: list[Rename] = field(default_factory=list)


def rename(up: ops.UpgradeOps, autogen: AutogenContext, wished: Iterable[Rename]) -> Renaming:
    """Put renames in the place of drops and adds, where they are wished, and find candidates for more.

    `up` is changed, and its reverse is right only afterwards. The likeliest candidates of a table come first.
    """
    wishes = set(wished)
    found = Renaming()
    _rename_tables(up, autogen, wishes, found)
    up.ops[:] = [
        part
        for op in up.ops
        for part in (
            _renamed_columns(op, autogen, wishes, found) if isinstance(op, ops.ModifyTableOps) else [op]
        )
    ]
    if found.applied:
        keep_dependents(up, found.renamed, autogen.dialect)
    return found


def _rename_tables(up: ops.UpgradeOps, autogen: AutogenContext, wishes: set[Rename], found: Renaming) -> None:
    created = [op for op in up.ops if isinstance(op, ops.CreateTableOp)]
    default = autogen.dialect.default_schema_name
    for drop in [op for op in up.ops if isinstance(op, ops.DropTableOp)]:
        for create in list(created):
            table = model_table(autogen, create)
            if (None if create.schema == default else create.schema) != drop.schema:
                continue
            old = qualified(drop.schema, drop.table_name)
            one = Rename("table", "", old, qualified(drop.schema or create.schema, create.table_name))
            if one in wishes:
                _rename_table(up, autogen, drop, create)
                found.renamed.tables[drop.schema, drop.table_name] = create.table_name
                found.applied.append(one)
                created.remove(create)
                break
            if similarity(drop.to_table(), table, autogen.dialect):
                found.candidates.append(one)


def _rename_table(
    up: ops.UpgradeOps, autogen: AutogenContext, drop: ops.DropTableOp, create: ops.CreateTableOp
) -> None:
    old, new = drop.to_table(), model_table(autogen, create)
    changes = ops.ModifyTableOps(new.name, [], schema=drop.schema)
    _compare(autogen, old, new, changes)
    theirs = {(drop.schema, drop.table_name), (drop.schema, create.table_name)}
    kept: list[ops.MigrateOperation] = []
    for op in up.ops:
        if op is create:
            kept.append(changes)
        elif op is not drop and not (
            isinstance(op, ops.ModifyTableOps) and (op.schema, op.table_name) in theirs
        ):
            kept.append(op)
    up.ops[:] = [RenameTable(drop.table_name, create.table_name, schema=drop.schema), *kept]


def _compare(autogen: AutogenContext, old: Table, new: Table, changes: ops.ModifyTableOps) -> None:
    """Do what Alembic does for a table on both sides, whose name in the database is the old one."""
    schema, kind = changes.schema, autogen.dialect.name
    for column in new.c:
        if column.name not in old.c:
            if autogen.run_object_filters(column, column.name, "column", False, None):
                changes.ops.append(ops.AddColumnOp.from_column_and_tablename(schema, new.name, column))
        elif autogen.run_object_filters(column, column.name, "column", False, old.c[column.name]):
            changes.ops += _altering(changes, autogen, old.c[column.name], column)
    autogen.comparators.dispatch("table", qualifier=kind)(autogen, changes, schema, old.name, old, new)
    for operation in changes.ops:
        # Whatever was found in the database is still called by the old name of its table.
        if getattr(operation, "table_name", None) == old.name:
            operation.table_name = new.name  # type: ignore[attr-defined]
    for column in old.c:
        if column.name not in new.c and autogen.run_object_filters(column, column.name, "column", True, None):
            changes.ops.append(ops.DropColumnOp.from_column_and_tablename(schema, new.name, column))


def _renamed_columns(
    block: ops.ModifyTableOps, autogen: AutogenContext, wishes: set[Rename], found: Renaming
) -> list[ops.MigrateOperation]:
    renames: list[ops.MigrateOperation] = []
    alterations: list[ops.MigrateOperation] = []
    names = found.renamed.columns.setdefault((block.schema, block.table_name), {})
    for one, drop, add in list(_pairs(block, autogen, found)):
        if one not in wishes or drop not in block.ops or add not in block.ops:
            continue
        block.ops.remove(drop)
        block.ops.remove(add)
        names[drop.column_name] = add.column.name
        found.applied.append(one)
        renames.append(_renaming(block, drop, add))
        alterations += _altering(block, autogen, drop.to_column(), add.column)
    if not renames:
        return [block]
    before = drops_of_renamed(block, names)
    rest = [op for op in block.ops if op not in before]
    # Blocks of their own: a batch on SQLite does not see a new name before it ends.
    parts = (before, renames, [*alterations, *rest])
    return [ops.ModifyTableOps(block.table_name, part, schema=block.schema) for part in parts if part]


Pair = tuple[Rename, ops.DropColumnOp, ops.AddColumnOp]


def _pairs(block: ops.ModifyTableOps, autogen: AutogenContext, found: Renaming) -> Iterator[Pair]:
    """Give every dropped with every added column; those that are alike become candidates."""
    table = qualified(block.schema, block.table_name)
    likely: list[tuple[float, Rename]] = []
    for drop in [op for op in block.ops if isinstance(op, ops.DropColumnOp)]:
        for add in [op for op in block.ops if isinstance(op, ops.AddColumnOp)]:
            one = Rename("column", table, drop.column_name, str(add.column.name))
            if compatible(drop.to_column(), add.column, autogen.dialect):
                likely.append((SequenceMatcher(None, one.old, one.new).ratio(), one))
            yield one, drop, add
    found.candidates += [one for _, one in sorted(likely, key=lambda each: -each[0])]


def _renaming(block: ops.ModifyTableOps, drop: ops.DropColumnOp, add: ops.AddColumnOp) -> RenameColumn:
    column = drop.to_column()
    return RenameColumn(
        block.table_name,
        drop.column_name,
        schema=block.schema,
        modify_name=str(add.column.name),
        existing_type=column.type,
        existing_nullable=column.nullable,
        existing_server_default=column.server_default if column.server_default is not None else False,
        existing_comment=column.comment,
    )


def _altering(
    block: ops.ModifyTableOps, autogen: AutogenContext, old: Column[Any], new: Column[Any]
) -> list[ops.MigrateOperation]:
    name = str(new.name)
    alter = ops.AlterColumnOp(block.table_name, name, schema=block.schema)
    dispatch = autogen.comparators.dispatch("column", qualifier=autogen.dialect.name)
    dispatch(autogen, alter, block.schema, block.table_name, name, old, new)
    return [alter] if alter.has_changes() else []
