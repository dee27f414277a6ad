"""Columns that become an enum, or cease to be one: PostgreSQL must be told how to convert them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import DefaultClause

from migrator.bridge.autogenerate.dependents import RenamedNames
from migrator.bridge.autogenerate.enums.enum_sql import retyping
from migrator.bridge.autogenerate.enums.enum_types import enum_of
from migrator.bridge.autogenerate.reversible import ReversibleSql
from migrator.bridge.autogenerate.sql_text import (
    default_text,
    literal,
    qualified,
    sql_text,
    table_sql,
    type_texts,
)
from migrator.results.differences import Change

Column = tuple[str | None, str, str]
ColumnDefaults = Mapping[Column, str | None]


def retype_columns(
    up: ops.UpgradeOps, autogen: AutogenContext, renamed: RenamedNames, defaults: ColumnDefaults
) -> list[Column]:
    """Put SQL in the place of changes of a column's type from or to an enum.

    `defaults` are those that columns have once the enums have changed, where these had a part in it.
    Gives the columns (schema, table and column, as they are in the database) that had another type before.
    """
    moved: list[Column] = []
    result: list[ops.MigrateOperation] = []
    for block in up.ops:
        for alter in list(_alterations(block, autogen.dialect)):
            # Beside the block, not in it: it may be a batch, which has no other SQL.
            table = renamed.old_table(alter.schema, alter.table_name)
            column = renamed.old_column(alter.schema, alter.table_name, alter.column_name)
            moved.append((alter.schema, table, column))
            said = default_sql(alter.existing_server_default, autogen.dialect)
            result.append(_retyping(alter, autogen.dialect, said, defaults.get(moved[-1], said)))
            alter.existing_type, alter.modify_type = alter.modify_type, None
            take_default(alter)
            if isinstance(block, ops.ModifyTableOps) and not alter.has_changes():
                block.ops.remove(alter)
        if not isinstance(block, ops.ModifyTableOps) or block.ops:
            result.append(block)
    up.ops[:] = result
    return moved


def _alterations(block: ops.MigrateOperation, dialect: Dialect) -> Iterator[ops.AlterColumnOp]:
    for op in block.ops if isinstance(block, ops.ModifyTableOps) else ():
        if (
            isinstance(op, ops.AlterColumnOp)
            and op.modify_type is not None
            and op.existing_type is not None
            and (enum_of(op.existing_type, dialect) or enum_of(op.modify_type, dialect))
        ):
            yield op


def take_default(alter: ops.AlterColumnOp) -> None:
    """Take the change of a default out of an operation: it is made elsewhere."""
    if alter.modify_server_default is not False:
        alter.existing_server_default = alter.modify_server_default
    alter.modify_server_default = False


def _retyping(
    alter: ops.AlterColumnOp, dialect: Dialect, said: str | None, before: str | None
) -> ReversibleSql:
    """`said` is the default before the revision, `before` when the column's turn comes."""
    old_type, new_type = type_texts(alter.existing_type, alter.modify_type, dialect)
    after = said
    if alter.modify_server_default is not False:
        after = default_sql(alter.modify_server_default, dialect)
    types: tuple[Any, Any] = (alter.existing_type, alter.modify_type)
    arrays = [isinstance(each.dialect_impl(dialect), ARRAY) for each in types]
    through = "text[]" if all(arrays) else None if any(arrays) else "text"

    def sql(type_: str, old: str | None, new: str | None) -> str:
        parts = retyping(alter.column_name, type_, old, new, through)
        return f"ALTER TABLE {table_sql(alter.schema, alter.table_name)} {', '.join(parts)}"

    def change(old: str, new: str, old_default: str | None, new_default: str | None) -> Change:
        text = f"alter column {table}.{alter.column_name}: type {old} -> {new}"
        if old_default != new_default:
            text += f", server default {old_default or 'none'} -> {new_default or 'none'}"
        return Change("alter_column", text, table)

    table = qualified(alter.schema, alter.table_name)
    # A default as the database writes it is cast to the type that goes.
    kept, kept_back = _plain(after), _plain(said)
    return ReversibleSql(
        [sql(new_type, before, kept)],
        [sql(old_type, after, _plain(before))],
        change(old_type, new_type, kept_back, kept),
        change(new_type, old_type, kept, kept_back),
    )


def _plain(default: str | None) -> str | None:
    """Take the cast off a default that is one text."""
    if default is None or not default.startswith("'"):
        return default
    text, quote, cast = default.rpartition("'")
    return text + quote if cast.startswith("::") else default


def same_default(one: str | None, other: str | None) -> bool:
    """Whether two defaults are the same, but for a cast."""
    return _plain(one) == _plain(other)


def default_sql(default: Any, dialect: Dialect) -> str | None:
    """Give a default as SQL, None for none."""
    if default is None or default is False:
        return None
    arg = default.arg if isinstance(default, DefaultClause) else default
    if isinstance(arg, str):
        return literal(arg)
    return sql_text(arg, dialect) if not hasattr(arg, "persisted") else default_text(arg, dialect)
