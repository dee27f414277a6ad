"""The operations that make the tables of a database, as Alembic's autogenerate sees them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from alembic.autogenerate import produce_migrations
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, ForeignKeyConstraint, MetaData
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.types import NullType

from migrator.bridge.enums import compare_enums
from migrator.bridge.hanging import Renamed
from migrator.bridge.reversible import Statements
from migrator.bridge.serials import find_serials_at_once
from migrator.database.catalog.carrying import Carried
from migrator.errors import RefusedError
from migrator.results.changes import Change


def creation_of(
    context: MigrationContext, carried: Carried, files: Sequence[Path]
) -> tuple[list[ops.MigrateOperation], list[ops.MigrateOperation]]:
    """Give the operations that make all that a context's database holds, and those that take it away.

    They are those of an autogenerate against no models at all, turned around: dropping everything is undone
    by making it. `carried` is put around the tables; `files` are those that made the database.
    """
    nothing = MetaData()
    if context.dialect.name == "postgresql":
        # The history may have made tables in schemas that the models do not have.
        context.opts["include_schemas"] = True
    find_serials_at_once(context)
    _write_domains(context)
    drops = produce_migrations(context, nothing).upgrade_ops
    if drops is None:
        raise AssertionError("Alembic gave a revision without operations.")
    compare_enums(drops, AutogenContext(context, metadata=nothing), Renamed(), (), files)
    up = [
        *_statements(carried.first, carried.undo_first),
        *in_order(_without(drops.reverse().ops, carried.indexes)),
        *_statements(carried.last, carried.undo_last),
    ]
    _refuse_unknown_types(up)
    return up, [operation.reverse() for operation in reversed(up)]


def _refuse_unknown_types(operations: Sequence[ops.MigrateOperation]) -> None:
    made = [op for op in operations if isinstance(op, ops.CreateTableOp)]
    found = [
        f"{_name(op.schema, op.table_name)}.{column.name}"
        for op in made
        for column in op.columns
        if isinstance(column, Column) and isinstance(column.type, NullType)
    ]
    if found:
        raise RefusedError(
            f"SQLAlchemy does not know the type of {', '.join(found)}, so that no revision can be written"
            " that makes it; nothing was changed.",
            hint="Import the package that brings the type (such as pgvector.sqlalchemy) in env.py.",
        )


def _write_domains(context: MigrationContext) -> None:
    """Write a column's domain by its name alone: not every version writes the rest as valid Python."""
    theirs = context.opts.get("render_item")

    def render(kind: str, item: Any, autogen: AutogenContext) -> Any:
        said = theirs(kind, item, autogen) if theirs else False
        if said is not False or kind != "type" or not isinstance(item, DOMAIN):
            return said
        autogen.imports.add("from sqlalchemy.dialects import postgresql")
        schema = f", schema={str(item.schema)!r}" if item.schema else ""
        return f"postgresql.DOMAIN({str(item.name)!r}, sa.Text(){schema}, create_type=False)"

    context.opts["render_item"] = render


def _without(
    operations: Sequence[ops.MigrateOperation], indexes: Collection[str]
) -> list[ops.MigrateOperation]:
    """Leave out the operations that make these indexes."""
    for each in operations:
        if isinstance(each, ops.ModifyTableOps):
            each.ops = _without(each.ops, indexes)
    return [
        each
        for each in operations
        if not (isinstance(each, ops.CreateIndexOp) and each.index_name in indexes)
        and not (isinstance(each, ops.ModifyTableOps) and not each.ops)
    ]


def in_order(operations: Sequence[ops.MigrateOperation]) -> list[ops.MigrateOperation]:
    """Put tables after those that their foreign keys name; a key that closes a circle comes at the end."""
    made = [op for op in operations if isinstance(op, ops.CreateTableOp)]
    # By their names: Alembic gives them in any order.
    tables = {_name(op.schema, op.table_name): op for op in sorted(made, key=lambda op: op.table_name)}
    late: list[ops.MigrateOperation] = []
    while True:
        needs = {name: _targets(op) & tables.keys() - {name} for name, op in tables.items()}
        try:
            order = list(TopologicalSorter(needs).static_order())
            break
        except CycleError as exc:
            late += _without_keys(tables[exc.args[1][0]], set(exc.args[1]))
    first = [op for op in operations if isinstance(op, Statements)]
    rest = [op for op in operations if not isinstance(op, Statements | ops.CreateTableOp)]
    return [*first, *(tables[name] for name in order), *rest, *late]


def _name(schema: str | None, table: str) -> str:
    return f"{schema}.{table}" if schema else table


def _keys(table: ops.CreateTableOp) -> list[ForeignKeyConstraint]:
    return [each for each in table.columns if isinstance(each, ForeignKeyConstraint)]


def _targets(table: ops.CreateTableOp) -> set[str]:
    parents = table.kw.get("postgresql_inherits") or ()
    return {_target(key) for key in _keys(table)} | set([parents] if isinstance(parents, str) else parents)


def _target(key: ForeignKeyConstraint) -> str:
    return key.elements[0].target_fullname.rpartition(".")[0]


def _without_keys(table: ops.CreateTableOp, targets: set[str]) -> list[ops.MigrateOperation]:
    """Take a table's foreign keys to some tables out of it, and give what adds them."""
    taken = [key for key in _keys(table) if _target(key) in targets - {_name(table.schema, table.table_name)}]
    # Columns compare themselves with others into SQL.
    table.columns = [each for each in table.columns if not any(each is key for key in taken)]
    return [ops.CreateForeignKeyOp.from_constraint(key) for key in taken]


def _statements(made: Sequence[str], undo: Sequence[str]) -> list[Statements]:
    if not made and not undo:
        return []
    what = f"{len(made)} statement{'' if len(made) == 1 else 's'}"
    return [Statements(made, undo, Change("execute", f"run {what}"), Change("execute", f"undo {what}"))]
