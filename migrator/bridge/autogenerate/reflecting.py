"""The operations that make the tables of a database, as Alembic's autogenerate sees them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal

from alembic.autogenerate import produce_migrations
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Inspector, MetaData, Table, text
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.types import NullType

from migrator.bridge.autogenerate.enums.enum_comparison import compare_enums
from migrator.bridge.autogenerate.rename_detection import Renaming
from migrator.bridge.autogenerate.reversible import ReversibleSql
from migrator.bridge.autogenerate.sql_text import qualified
from migrator.bridge.autogenerate.table_order import in_order
from migrator.bridge.env_py.configure_options import write_types_with
from migrator.database.catalog.carried_objects import CarriedObjects
from migrator.errors import Effect, RefusedError
from migrator.plain import counted
from migrator.results.differences import Change

# A default that takes the next number of a sequence, as the server writes it.
_NEXT = re.compile(r"nextval\('((?:[^']|'')+)'::regclass\)")
_OWNED = text("""
SELECT CAST(CAST(c.oid AS regclass) AS text), a.attname
FROM pg_class c
JOIN pg_depend d
    ON d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE c.relkind = 'S' AND d.refobjsubid > 0
""")


def find_serials_at_once(context: MigrationContext) -> None:
    """Make the comparisons of one context, and no other, read the owned sequences once.

    What comes of it is what Alembic makes of it: a default that a SERIAL column brings along is none.
    """
    connection = context.connection
    if context.dialect.name != "postgresql" or connection is None:
        return
    owners: dict[str, str] | None = None

    def reflected(_inspector: Inspector, _table: Table, column: Any) -> None:
        nonlocal owners
        found = _NEXT.match(column.get("default") or "")
        if found is None:
            return
        if owners is None:
            owners = {str(sequence): str(owner) for sequence, owner in connection.execute(_OWNED)}
        if owners.get(found[1].replace("''", "'")) == column["name"]:
            del column["default"]

    # Of this instance: Alembic's own hook for dialects, without a dialect of ours in the place of its own.
    context.impl.autogen_column_reflect = reflected  # type: ignore[method-assign]


def creation_of(
    context: MigrationContext, carried: CarriedObjects, files: Sequence[Path]
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
    drops = produce_migrations(context, nothing).upgrade_ops_list[0]
    compare_enums(drops, AutogenContext(context, metadata=nothing), Renaming(), (), files)
    up = [
        *_statements(carried.first, carried.undo_first),
        *in_order(_without(drops.reverse().ops, carried.indexes), alters=context.dialect.supports_alter),
        *_statements(carried.last, carried.undo_last),
    ]
    _refuse_unknown_types(up)
    return up, [operation.reverse() for operation in reversed(up)]


def _refuse_unknown_types(operations: Sequence[ops.MigrateOperation]) -> None:
    made = [op for op in operations if isinstance(op, ops.CreateTableOp)]
    found = [
        f"{qualified(op.schema, op.table_name)}.{column.name}"
        for op in made
        for column in op.columns
        if isinstance(column, Column) and isinstance(column.type, NullType)
    ]
    if found:
        raise RefusedError(
            f"SQLAlchemy does not know the type of {', '.join(found)}, so that no revision can be written"
            " that makes it.",
            effect=Effect.NOTHING_CHANGED,
            hint="Import the package that brings the type (such as pgvector.sqlalchemy) in env.py.",
        )


def _write_domains(context: MigrationContext) -> None:
    """Write a column's domain by its name alone: not every version writes the rest as valid Python."""

    def write(item: Any, autogen: AutogenContext) -> str | Literal[False]:
        if not isinstance(item, DOMAIN):
            return False
        autogen.imports.add("from sqlalchemy.dialects import postgresql")
        schema = f", schema={str(item.schema)!r}" if item.schema else ""
        return f"postgresql.DOMAIN({str(item.name)!r}, sa.Text(){schema}, create_type=False)"

    write_types_with(context.opts, write)


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


def _statements(made: Sequence[str], undo: Sequence[str]) -> list[ReversibleSql]:
    if not made and not undo:
        return []
    what = counted(len(made), "statement")
    return [ReversibleSql(made, undo, Change("execute", f"run {what}"), Change("execute", f"undo {what}"))]
