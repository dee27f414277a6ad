"""Alembic's operations in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from textwrap import shorten

from alembic.operations import ops
from sqlalchemy.engine import Dialect

from migrator.bridge.autogenerate.reversible import RenameColumn, ReversibleSql
from migrator.bridge.autogenerate.sql_text import (
    columns_text,
    default_text,
    dropped_creation,
    sql_text,
    type_texts,
)
from migrator.results.differences import Change

Operations = ops.MigrateOperation | Sequence[ops.MigrateOperation]


def describe(operations: Operations, dialect: Dialect) -> tuple[Change, ...]:
    """Say what operations do, in their order; types and defaults are written as the dialect writes them.

    They are an UpgradeOps, or a sequence of those (one for each MetaData) or of single operations, nested as
    deep as they come. An operation of a plugin is described by the name of its class.
    """
    return tuple(_change(operation, dialect) for operation in _single(operations))


def _single(operations: Operations) -> Iterator[ops.MigrateOperation]:
    if isinstance(operations, ops.OpContainer):
        operations = operations.ops
    if isinstance(operations, ops.MigrateOperation):
        yield operations
        return
    for operation in operations:
        yield from _single(operation)


def _change(operation: ops.MigrateOperation, dialect: Dialect) -> Change:
    said = vars(operation)
    table = _qualified(said.get("schema"), said.get("table_name"))
    match operation:
        case ReversibleSql():
            return operation.change
        case ops.CreateTableOp():
            return Change("add_table", f"add table {table}", table)
        case ops.DropTableOp():
            return Change("drop_table", f"drop table {table}", table, destructive=True)
        case ops.RenameTableOp(schema=schema, new_table_name=name):
            return Change("other", f"rename table {table} to {_qualified(schema, name)}", table)
        case ops.CreateTableCommentOp():
            return Change("table_comment", f"set the comment of table {table}", table)
        case ops.DropTableCommentOp():
            return Change("table_comment", f"drop the comment of table {table}", table)
        case ops.AddColumnOp(column=column):
            return Change("add_column", f"add column {table}.{column.name}", table)
        case ops.DropColumnOp(column_name=name):
            return Change("drop_column", f"drop column {table}.{name}", table, destructive=True)
        case RenameColumn(column_name=name, modify_name=new):
            return Change("alter_column", f"rename column {table}.{name} to {table}.{new}", table)
        case ops.AlterColumnOp(column_name=name):
            details = ", ".join(_alterations(operation, dialect))
            text = f"alter column {table}.{name}"
            return Change("alter_column", f"{text}: {details}" if details else text, table)
        case ops.CreateIndexOp():
            return Change("add_index", f"add {_index(operation, dialect)}", table)
        case ops.DropIndexOp():
            return _dropped_index(operation, table, dialect)
        case ops.AddConstraintOp():
            return Change("add_constraint", f"add {_constraint(operation)}", _constrained(operation))
        case ops.DropConstraintOp():
            return _dropped_constraint(operation, table)
        case ops.ExecuteSQLOp(sqltext=statement):
            text = statement if isinstance(statement, str) else sql_text(statement, dialect)
            return Change("execute", "execute " + shorten(text, 100, placeholder=" ..."))
        case ops.BulkInsertOp(table=into, rows=rows):
            table = _qualified(getattr(into, "schema", None), into.name)
            return Change("other", f"insert rows into {table}: {len(rows)}", table)
    names = (said.get(key) for key in ("name", "table_name"))
    name = next((_qualified(said.get("schema"), name) for name in names if isinstance(name, str)), "")
    return Change("other", f"{_class_words(operation)} {name}".rstrip(), table)


def _alterations(operation: ops.AlterColumnOp, dialect: Dialect) -> Iterator[str]:
    if operation.modify_name is not None:
        yield f"name {operation.column_name} -> {operation.modify_name}"
    if operation.modify_type is not None:
        old, new = type_texts(operation.existing_type, operation.modify_type, dialect)
        yield f"type {old} -> {new}" if old else f"type {new}"
    if operation.modify_nullable is not None:
        yield "not null -> nullable" if operation.modify_nullable else "nullable -> not null"
    if operation.modify_server_default is not False:
        both = (operation.existing_server_default, operation.modify_server_default)
        old, new = (default_text(each, dialect) or "none" for each in both)
        yield f"server default {old} -> {new}"
    if operation.modify_comment is not False:
        yield "comment"
    # Other dialects' own, such as MySQL's autoincrement.
    yield from (key.removeprefix("modify_") for key in operation.kw if key.startswith("modify_"))


def _dropped_index(operation: ops.DropIndexOp, table: str, dialect: Dialect) -> Change:
    added = dropped_creation(operation)
    if isinstance(added, ops.CreateIndexOp):
        return Change("drop_index", f"drop {_index(added, dialect)}", table)
    return Change(
        "drop_index", f"drop index {operation.index_name}" + (f" on {table}" if table else ""), table
    )


def _index(operation: ops.CreateIndexOp, dialect: Dialect) -> str:
    table = _qualified(operation.schema, operation.table_name)
    what = "unique index" if operation.unique else "index"
    return f"{_named(what, operation.index_name)} on {table} ({columns_text(operation.columns, dialect)})"


def _dropped_constraint(operation: ops.DropConstraintOp, table: str) -> Change:
    added = dropped_creation(operation)
    if isinstance(added, ops.AddConstraintOp):
        return Change("drop_constraint", f"drop {_constraint(added)}", table)
    words = {"foreignkey": "foreign key", "primary": "primary key", None: "constraint"}
    what = words.get(operation.constraint_type, f"{operation.constraint_type} constraint")
    return Change("drop_constraint", f"drop {_named(what, operation.constraint_name)} on {table}", table)


def _constraint(operation: ops.AddConstraintOp) -> str:
    """An added constraint without the verb, so that dropping it reads alike."""
    if isinstance(operation, ops.CreateForeignKeyOp):
        return _foreign_key(operation)
    what = _class_words(operation).removeprefix("create ")
    text = f"{_named(what, vars(operation).get('constraint_name'))} on {_constrained(operation)}"
    if isinstance(operation, ops.CreateUniqueConstraintOp | ops.CreatePrimaryKeyOp):
        text += f" ({', '.join(operation.columns)})"
    return text


def _foreign_key(operation: ops.CreateForeignKeyOp) -> str:
    referred = _qualified(operation.kw.get("referent_schema"), operation.referent_table)
    local = _columns_of(_constrained(operation), operation.local_cols)
    text = f"foreign key {local} -> {_columns_of(referred, operation.remote_cols)}"
    # Without these, the drop and the add of a foreign key whose rule has changed would read the same.
    rules = (("ondelete", "on delete"), ("onupdate", "on update"), ("initially", "initially"))
    return ", ".join(
        [text, *(f"{words} {operation.kw[key]}" for key, words in rules if operation.kw.get(key))]
    )


def _constrained(operation: ops.AddConstraintOp) -> str:
    if isinstance(operation, ops.CreateForeignKeyOp):
        return _qualified(operation.kw.get("source_schema"), operation.source_table)
    said = vars(operation)
    return _qualified(said.get("schema"), said.get("table_name"))


def _columns_of(table: str, columns: Sequence[str]) -> str:
    return f"{table}.{columns[0]}" if len(columns) == 1 else f"{table} ({', '.join(columns)})"


def _qualified(schema: object, name: object) -> str:
    return ".".join(part for part in (schema, name) if isinstance(part, str) and part) if name else ""


def _named(what: str, name: object) -> str:
    # An index or a constraint that the naming convention has not named yet has something else than a text.
    return f"{what} {name}" if isinstance(name, str) and name else what


def _class_words(operation: object) -> str:
    """CreateEnumOp -> create enum."""
    name = type(operation).__name__.removesuffix("Op")
    return " ".join(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z_]+", name)).lower() or type(operation).__name__
