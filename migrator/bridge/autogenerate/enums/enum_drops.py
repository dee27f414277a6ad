"""What is dropped before enums change: the way back makes it when their old values are there again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from alembic.operations import ops

from migrator.bridge.autogenerate.dependents import RenamedNames
from migrator.bridge.autogenerate.enums.enum_types import EnumType
from migrator.bridge.autogenerate.sql_text import TableKey, literal
from migrator.bridge.autogenerate.table_order import drops_key_to


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


def says(text: str, labels: Iterable[str]) -> bool:
    """Whether SQL names one of these values."""
    return any(literal(label) in text for label in labels)
