"""Indexes and constraints that hang on what is renamed: they follow it, and need not be made anew."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from alembic.operations import ops
from sqlalchemy.engine import Dialect

from migrator.bridge.autogenerate.reversible import ReversibleSql
from migrator.bridge.autogenerate.sql_text import (
    TableKey,
    dropped_creation,
    identifier,
    object_name,
    qualified,
    table_sql,
)
from migrator.results.differences import Change


@dataclass
class RenamedNames:
    """New names: of tables by schema and old name, of columns by their table's schema and *new* name."""

    tables: dict[TableKey, str] = field(default_factory=dict)
    columns: dict[TableKey, dict[str, str]] = field(default_factory=dict)

    def table(self, schema: str | None, name: str) -> str:
        """Give the name that a table of the database will have."""
        return self.tables.get((schema, name), name)

    def column(self, schema: str | None, table: str, name: str) -> str:
        """Give the name that a column of a table (by its new name) will have."""
        return self.columns.get((schema, table), {}).get(name, name)

    def old_table(self, schema: str | None, name: str) -> str:
        """Give the name that a table has in the database."""
        return next((old for (s, old), new in self.tables.items() if (s, new) == (schema, name)), name)

    def old_column(self, schema: str | None, table: str, name: str) -> str:
        """Give the name that a column of a table (by its new name) has in the database."""
        return next((o for o, new in self.columns.get((schema, table), {}).items() if new == name), name)


def drops_of_renamed(block: ops.ModifyTableOps, names: Mapping[str, str]) -> list[ops.MigrateOperation]:
    """Give the drops of what stands on columns about to be renamed.

    They go before the rename, so that the way back makes them again when the old names are back.
    """
    return [
        op
        for op in block.ops
        if isinstance(op, ops.DropIndexOp | ops.DropConstraintOp) and set(names) & set(_columns(op))
    ]


def _columns(operation: ops.DropIndexOp | ops.DropConstraintOp) -> list[str]:
    made = dropped_creation(operation)
    if isinstance(made, ops.CreateForeignKeyOp):
        return list(made.local_cols)
    return [_column_name(column) for column in getattr(made, "columns", None) or ()]


def _column_name(column: Any) -> str:
    return str(getattr(column, "name", column))


def keep_dependents(up: ops.UpgradeOps, renamed: RenamedNames, dialect: Dialect) -> None:
    """Take away pairs of a drop and an add that are the same thing on the renamed table or column.

    Where only the name differs, PostgreSQL renames it; elsewhere it is dropped and made again.
    """
    blocks = [op for op in up.ops if isinstance(op, ops.ModifyTableOps)]
    adds = {
        signature: (block, op)
        for block in blocks
        for op in block.ops
        if (signature := _signature(op, RenamedNames())) is not None
    }
    for block in blocks:
        for drop in list(block.ops):
            if not isinstance(drop, ops.DropIndexOp | ops.DropConstraintOp) or dropped_creation(drop) is None:
                continue
            found = adds.get(_signature(dropped_creation(drop), renamed, table=block.table_name))
            if found is None:
                continue
            old = object_name(drop)
            new = object_name(found[1]) or old
            if old == new or dialect.name == "postgresql":
                block.ops.remove(drop)
                found[0].ops.remove(found[1])
            if old != new and dialect.name == "postgresql":
                up.ops.append(_new_name(block, drop, old, new))
    up.ops[:] = [op for op in up.ops if not isinstance(op, ops.ModifyTableOps) or op.ops]


def _signature(op: object, renamed: RenamedNames, table: str | None = None) -> Hashable:
    """What an index or constraint is, less its name, under the new names."""
    if isinstance(op, ops.CreateForeignKeyOp):
        source, target = op.kw.get("source_schema"), op.kw.get("referent_schema")
        name = renamed.table(source, table or op.source_table)
        referred = renamed.table(target, op.referent_table)
        rules = tuple(
            str(op.kw.get(rule) or "") for rule in ("onupdate", "ondelete", "deferrable", "initially")
        )
        local = tuple(renamed.column(source, name, column) for column in op.local_cols)
        remote = tuple(renamed.column(target, referred, column) for column in op.remote_cols)
        return ("foreign key", source, name, local, target, referred, remote, rules)
    if isinstance(op, ops.CreateIndexOp | ops.CreateUniqueConstraintOp):
        name = renamed.table(op.schema, table or op.table_name)
        columns = tuple(renamed.column(op.schema, name, _column_name(column)) for column in op.columns)
        said = tuple(sorted((key, str(value)) for key, value in op.kw.items() if value))
        unique = getattr(op, "unique", None)
        return (type(op).__name__, op.schema, name, columns, bool(unique), said)
    return None


def _new_name(block: ops.ModifyTableOps, drop: object, old: str, new: str) -> ReversibleSql:
    table = qualified(block.schema, block.table_name)

    def rename(one: str, other: str) -> tuple[str, Change]:
        if isinstance(drop, ops.DropIndexOp):
            sql = f"ALTER INDEX {table_sql(block.schema, one)} RENAME TO {identifier(other)}"
            return sql, Change("other", f"rename index {one} to {other}", table)
        owner = table_sql(block.schema, block.table_name)
        sql = f"ALTER TABLE {owner} RENAME CONSTRAINT {identifier(one)} TO {identifier(other)}"
        return sql, Change("other", f"rename constraint {one} on {table} to {other}", table)

    (sql, there), (undo, back) = rename(old, new), rename(new, old)
    return ReversibleSql([sql], [undo], there, back)
