"""The order in which tables are made and dropped: Alembic drops them in any."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from graphlib import CycleError, TopologicalSorter

from alembic.operations import ops
from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.engine import Dialect

from migrator.bridge.autogenerate.reversible import ReversibleSql
from migrator.bridge.autogenerate.sql_text import TableKey, dropped_creation, qualified


def put_in_order(up: ops.UpgradeOps, dialect: Dialect) -> None:
    """Drop tables after those that refer to them, and add the keys by which tables refer to each other last.

    New tables that do not refer to each other stay in Alembic's order.
    """
    made = {_table(op) for op in up.ops if isinstance(op, ops.CreateTableOp)}
    new = [op for op in up.ops if isinstance(op, ops.CreateTableOp) or _modifies(op, made)]
    ordered = in_order(new, alters=dialect.supports_alter)
    if len(ordered) > len(new):
        _replace(up, new, ordered)
    dropped = {_table(op) for op in up.ops if isinstance(op, ops.DropTableOp)}
    if dropped:
        drops = [op for op in up.ops if isinstance(op, ops.DropTableOp)]
        own = [op for op in up.ops if _modifies(op, dropped)]
        made_again = in_order([op.reverse() for op in drops], alters=dialect.supports_alter)
        keys = [_keys_to(op, dropped) for op in up.ops if isinstance(op, ops.ModifyTableOps)]
        order = [*(each for each in keys if each.ops), *own, *(op.reverse() for op in reversed(made_again))]
        _replace(up, [*own, *drops], order)
    up.ops[:] = [op for op in up.ops if not isinstance(op, ops.ModifyTableOps) or op.ops]


def _table(op: ops.CreateTableOp | ops.DropTableOp | ops.ModifyTableOps) -> TableKey:
    return op.schema, op.table_name


def _modifies(op: ops.MigrateOperation, tables: Collection[TableKey]) -> bool:
    return isinstance(op, ops.ModifyTableOps) and _table(op) in tables


def _replace(
    up: ops.UpgradeOps, old: Sequence[ops.MigrateOperation], new: Sequence[ops.MigrateOperation]
) -> None:
    start = min(up.ops.index(op) for op in old)
    before, after = ([op for op in part if op not in old] for part in (up.ops[:start], up.ops[start:]))
    up.ops[:] = [*before, *new, *after]


def _keys_to(block: ops.ModifyTableOps, tables: Collection[TableKey]) -> ops.ModifyTableOps:
    taken = [op for op in block.ops if drops_key_to(op, tables)]
    block.ops[:] = [op for op in block.ops if op not in taken]
    return ops.ModifyTableOps(block.table_name, taken, schema=block.schema)


def drops_key_to(op: ops.MigrateOperation, tables: Collection[TableKey]) -> bool:
    """Whether an operation drops a foreign key that refers to one of these tables."""
    key = dropped_creation(op)
    return (
        isinstance(key, ops.CreateForeignKeyOp)
        and (key.kw.get("referent_schema"), key.referent_table) in tables
    )


def in_order(operations: Sequence[ops.MigrateOperation], *, alters: bool) -> list[ops.MigrateOperation]:
    """Put tables after those that their foreign keys name, and what else there is after them.

    Where the database can add keys to a table (`alters`) one that closes a circle comes at the end.
    """
    made = [op for op in operations if isinstance(op, ops.CreateTableOp)]
    # By their names: Alembic gives them in any order.
    tables = {qualified(op.schema, op.table_name): op for op in sorted(made, key=lambda op: op.table_name)}
    # Alembic's `create_table` leaves keys with `use_alter` out without a word.
    late = [
        _without_keys(op, [key for key in _keys(op) if key.use_alter]) for op in tables.values() if alters
    ]
    needs = {name: _targets(op) & tables.keys() - {name} for name, op in tables.items()}
    while True:
        try:
            order = list(TopologicalSorter(needs).static_order())
            break
        except CycleError as exc:
            name, circle = exc.args[1][0], set(exc.args[1])
            needs[name] -= circle
            if alters:
                closing = [key for key in _keys(tables[name]) if _target(key) in circle - {name}]
                late.append(_without_keys(tables[name], closing))
    first = [op for op in operations if isinstance(op, ReversibleSql)]
    rest = [op for op in operations if not isinstance(op, ReversibleSql | ops.CreateTableOp)]
    return [*first, *(tables[name] for name in order), *rest, *(op for op in late if op.ops)]


def _keys(table: ops.CreateTableOp) -> list[ForeignKeyConstraint]:
    return [each for each in table.columns if isinstance(each, ForeignKeyConstraint)]


def _targets(table: ops.CreateTableOp) -> set[str]:
    parents = table.kw.get("postgresql_inherits") or ()
    return {_target(key) for key in _keys(table)} | set([parents] if isinstance(parents, str) else parents)


def _target(key: ForeignKeyConstraint) -> str:
    return key.elements[0].target_fullname.rpartition(".")[0]


def _without_keys(table: ops.CreateTableOp, taken: Sequence[ForeignKeyConstraint]) -> ops.ModifyTableOps:
    """Take foreign keys out of a table, and give what adds them."""
    # Columns compare themselves with others into SQL.
    table.columns = [each for each in table.columns if not any(each is key for key in taken)]
    adds = [ops.CreateForeignKeyOp.from_constraint(key) for key in taken]
    for add in adds:
        # It is written for the key, and `create_foreign_key` does not take it.
        add.kw.pop("use_alter", None)
    return ops.ModifyTableOps(table.table_name, adds, schema=table.schema)
