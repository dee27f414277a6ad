"""Finds what differs in PostgreSQL's enums, which Alembic does not compare, and writes it as plain SQL."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops

from migrator.bridge.autogenerate.dependents import RenamedNames
from migrator.bridge.autogenerate.enums.enum_changes import ColumnKey, alteration, retype_columns
from migrator.bridge.autogenerate.enums.enum_sql import create_type, drop_type, says, write_types
from migrator.bridge.autogenerate.enums.enum_types import EnumType, ModelEnum, database_enums, model_enums
from migrator.bridge.autogenerate.rename_detection import Renaming
from migrator.bridge.autogenerate.reversible import ReversibleSql
from migrator.bridge.autogenerate.sql_text import TableKey, qualified
from migrator.bridge.autogenerate.table_order import drops_key_to
from migrator.results.differences import Change, Rename
from migrator.revisions.created_tables import types_mentioned

# This package does the same in another way; both at once would do it twice.
_OTHER = "alembic_postgresql_enum"


def compare_enums(
    up: ops.UpgradeOps,
    autogen: AutogenContext,
    renaming: Renaming,
    wished: Iterable[Rename],
    files: Iterable[Path],
) -> None:
    """Add what makes, changes and drops enum types, and what moves columns from and to them.

    Values that are renamed, or may have been, are added to `renaming`.

    New and changed types go first, while every table is as it was, after the drops of what names values that
    go; dropped types go last. Raises ModelsError for an enum that the models define twice.
    """
    renamed = renaming.renamed
    if (
        autogen.dialect.name != "postgresql"
        or autogen.connection is None
        or autogen.opts.get("compare_type") is False
        or _OTHER in sys.modules
    ):
        return
    models = model_enums(autogen)
    database = database_enums(autogen.connection, autogen.dialect.default_schema_name)
    if not models and not database:
        return
    files = tuple(files)
    dropped = set(_going(up, renamed))
    changed = [
        (enum, models[key])
        for key, enum in database.items()
        if key in models and enum.labels != models[key].labels
    ]
    early = take_drops(up, renamed, ((enum, set(enum.labels) - set(model.labels)) for enum, model in changed))
    first = early.operations
    defaults: dict[ColumnKey, str | None] = {}
    for enum, model in changed:
        statements, altered = alteration(up, autogen, renaming, early.left_of(enum), model, tuple(wished))
        first.append(statements)
        defaults |= {(*use.where, use.column): after for use, (_, after) in altered.items()}
    moved = retype_columns(up, autogen, renamed, defaults)
    new = {key: one for key, one in models.items() if key not in database and one.makes_type}
    with_table = _made_with_a_table(up, new, files)
    made = [_made(key, one.labels, with_table=key in with_table) for key, one in new.items()]
    unused = _unused(database, models, {*dropped, *moved}, files)
    last = [_made(enum.key, enum.labels).reverse() for enum in unused]
    up.ops[:] = [*made, *first, *up.ops, *last]
    write_types(autogen, {*database, *(set(new) - with_table)})


@dataclass
class EarlyDrops:
    """Drops that go first, and what the database has no more after them."""

    operations: list[ops.MigrateOperation] = field(default_factory=list)
    tables: set[TableKey] = field(default_factory=set)
    columns: set[tuple[TableKey, str]] = field(default_factory=set)
    names: set[tuple[TableKey, str]] = field(default_factory=set)

    def left_of(self, enum: EnumType) -> EnumType:
        """Give an enum with those of its columns, checks and indexes that these drops leave."""
        uses = (
            use
            for use in enum.uses
            if use.where not in self.tables and (use.where, use.column) not in self.columns
        )
        hanging = (
            each
            for each in enum.hanging
            if each.where not in self.tables
            and (each.where, each.name) not in self.names
            and not self.columns & {(each.where, column) for column in each.columns}
        )
        return replace(enum, uses=tuple(uses), hanging=tuple(hanging))


def take_drops(
    up: ops.UpgradeOps, renamed: RenamedNames, changed: Iterable[tuple[EnumType, Iterable[str]]]
) -> EarlyDrops:
    """Take out of `up` the drops of what names values that go: in a default, a check or an index.

    `changed` are enums, each with the values that it loses. A table may be named by another that is dropped
    too, so that all go where one does; a column goes with what stands on it.
    """
    columns, names = set(), set()
    for enum, lost in changed:
        values = tuple(lost)
        columns |= {(use.where, use.column) for use in enum.uses if says(use.default or "", values)}
        names |= {(each.where, each.name) for each in enum.hanging if says(each.make, values)}
    found = EarlyDrops()
    dropped = {(op.schema, op.table_name) for op in up.ops if isinstance(op, ops.DropTableOp)}
    if dropped & {where for where, _ in (*columns, *names)}:
        found.tables = dropped
    for op in list(up.ops):
        if (
            isinstance(op, ops.DropTableOp | ops.ModifyTableOps)
            and (op.schema, op.table_name) in found.tables
        ):
            up.ops.remove(op)
            found.operations.append(op)
        elif isinstance(op, ops.ModifyTableOps):
            _take_of(op, (op.schema, renamed.old_table(op.schema, op.table_name)), columns, names, found)
    up.ops[:] = [op for op in up.ops if not isinstance(op, ops.ModifyTableOps) or op.ops]
    return found


def _take_of(
    block: ops.ModifyTableOps,
    table: TableKey,
    columns: set[tuple[TableKey, str]],
    names: set[tuple[TableKey, str]],
    found: EarlyDrops,
) -> None:
    going = [
        op for op in block.ops if isinstance(op, ops.DropColumnOp) and (table, op.column_name) in columns
    ]
    taken: list[ops.DropIndexOp | ops.DropConstraintOp | ops.DropColumnOp] = []
    for op in block.ops:
        if isinstance(op, ops.DropIndexOp | ops.DropConstraintOp) and (
            going or (table, _name(op)) in names or drops_key_to(op, found.tables)
        ):
            found.names.add((table, _name(op)))
            taken.append(op)
    for drop in going:
        found.columns.add((table, drop.column_name))
        taken.append(drop)
    for each in taken:
        block.ops.remove(each)
        each.table_name = table[1]
    if taken:
        found.operations.append(ops.ModifyTableOps(table[1], taken, schema=table[0]))


def _name(op: ops.DropIndexOp | ops.DropConstraintOp) -> str:
    return str(op.index_name if isinstance(op, ops.DropIndexOp) else op.constraint_name)


def _made_with_a_table(
    up: ops.UpgradeOps, new: dict[TableKey, ModelEnum], files: tuple[Path, ...]
) -> frozenset[TableKey]:
    """Give the new types that creating a table makes by itself.

    Not so one that a revision had before: SQLAlchemy makes a type once in a run, also where it was dropped.
    """
    created = {(op.schema, op.table_name) for op in up.ops if isinstance(op, ops.CreateTableOp)}
    keys = {
        key
        for key, one in new.items()
        if any((column.table.schema, column.table.name) in created for column in one.columns)
    }
    known = types_mentioned(files, {name for _, name in keys})
    return frozenset(key for key in keys if key[1] not in known)


def _made(key: TableKey, labels: Sequence[str], *, with_table: bool = False) -> ReversibleSql:
    added = Change("add_enum", f"add enum {qualified(*key)} ({', '.join(labels)})")
    dropped = Change("drop_enum", f"drop enum {qualified(*key)}")
    sql = [] if with_table else [create_type(*key, labels)]
    return ReversibleSql(sql, [drop_type(*key)], added, dropped)


def _going(up: ops.UpgradeOps, renamed: RenamedNames) -> Iterator[ColumnKey]:
    """Give schema, table and column of what is dropped, by the names in the database."""
    for op in up.ops:
        if isinstance(op, ops.DropTableOp):
            yield from ((op.schema, op.table_name, column.name) for column in op.to_table().c)
        elif isinstance(op, ops.ModifyTableOps):
            table = renamed.old_table(op.schema, op.table_name)
            drops = (each for each in op.ops if isinstance(each, ops.DropColumnOp))
            yield from ((op.schema, table, each.column_name) for each in drops)


def _unused(
    database: dict[TableKey, EnumType],
    models: dict[TableKey, ModelEnum],
    going: set[ColumnKey],
    files: tuple[Path, ...],
) -> list[EnumType]:
    """Give the types that nothing will use; one that nothing uses now only where a revision names it."""
    gone = [one for key, one in database.items() if key not in models]
    idle = {one.name for one in gone if not one.uses and one.schema is None}
    ours = types_mentioned(files, idle) if idle else frozenset()
    return [
        one
        for one in gone
        if (one.uses and all((*use.where, use.column) in going for use in one.uses))
        or (not one.uses and one.schema is None and one.name in ours)
    ]
