"""Alembic's operations in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from textwrap import shorten

from alembic.operations import ops
from sqlalchemy.engine import Dialect

from migrator.bridge.autogenerate.reversible import RenameColumn, ReversibleSql
from migrator.bridge.autogenerate.sql_text import columns_text, default_text, sql_text, type_texts
from migrator.results.changes import Change

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


def _change(operation: object, dialect: Dialect) -> Change:
    said = vars(operation) if hasattr(operation, "__dict__") else {}
    table = _qualified(said.get("schema"), said.get("table_name"))
    match operation:
        case ops.CreateTableOp():
            return Change("add_table", f"add table {table}", table)
        case ops.DropTableOp():
            return Change("drop_table", f"drop table {table}", table, destructive=True)
        case ops.RenameTableOp():
            new = _qualified(operation.schema, operation.new_table_name)
            return Change("other", f"rename table {table} to {new}", table)
        case ops.AddColumnOp():
            return Change("add_column", f"add column {table}.{operation.column.name}", table)
        case ops.DropColumnOp():
            text = f"drop column {table}.{operation.column_name}"
            return Change("drop_column", text, table, destructive=True)
        case RenameColumn():
            text = f"rename column {table}.{operation.column_name} to {table}.{operation.modify_name}"
            return Change("alter_column", text, table)
        case ops.AlterColumnOp():
            details = ", ".join(_alterations(operation, dialect))
            text = f"alter column {table}.{operation.column_name}"
            return Change("alter_column", f"{text}: {details}" if details else text, table)
        case ops.CreateIndexOp():
            return Change("add_index", f"add {_index(operation, dialect)}", table)
        case ops.DropIndexOp():
            added = _creation(operation)
            if isinstance(added, ops.CreateIndexOp):
                return Change("drop_index", f"drop {_index(added, dialect)}", table)
            where = f" on {table}" if table else ""
            return Change("drop_index", f"drop index {operation.index_name}{where}", table)
        case ops.AddConstraintOp():
            return Change("add_constraint", f"add {_constraint(operation)}", _constrained(operation))
        case ops.DropConstraintOp():
            return Change("drop_constraint", f"drop {_dropped_constraint(operation, table)}", table)
        case ops.CreateTableCommentOp():
            return Change("table_comment", f"set the comment of table {table}", table)
        case ops.DropTableCommentOp():
            return Change("table_comment", f"drop the comment of table {table}", table)
        case ReversibleSql():
            return operation.change
        case ops.ExecuteSQLOp():
            statement = operation.sqltext
            text = statement if isinstance(statement, str) else sql_text(statement, dialect)
            return Change("execute", "execute " + shorten(text, 100, placeholder=" ..."))
        case ops.BulkInsertOp():
            table = _qualified(getattr(operation.table, "schema", None), operation.table.name)
            return Change("other", f"insert rows into {table}: {len(operation.rows)}", table)
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
        old = default_text(operation.existing_server_default, dialect)
        yield f"server default {old} -> {default_text(operation.modify_server_default, dialect)}"
    if operation.modify_comment is not False:
        yield "comment"
    # Other dialects' own, such as MySQL's autoincrement.
    yield from (key.removeprefix("modify_") for key in operation.kw if key.startswith("modify_"))


def _index(operation: ops.CreateIndexOp, dialect: Dialect) -> str:
    table = _qualified(operation.schema, operation.table_name)
    what = "unique index" if operation.unique else "index"
    return f"{_named(what, operation.index_name)} on {table} ({columns_text(operation.columns, dialect)})"


def _dropped_constraint(operation: ops.DropConstraintOp, table: str) -> str:
    added = _creation(operation)
    if isinstance(added, ops.AddConstraintOp):
        return _constraint(added)
    words = {"foreignkey": "foreign key", "primary": "primary key", None: "constraint"}
    what = words.get(operation.constraint_type, f"{operation.constraint_type} constraint")
    return f"{_named(what, operation.constraint_name)} on {table}"


def _creation(operation: ops.DropIndexOp | ops.DropConstraintOp) -> object:
    """What made the thing that is dropped, where autogenerate found it in the database.

    The public `reverse()` will not do: it raises, or invents a column, where there is none.
    """
    return getattr(operation, "_reverse", None)


def _constraint(operation: ops.AddConstraintOp) -> str:
    """An added constraint without the verb, so that dropping it reads alike."""
    table = _constrained(operation)
    match operation:
        case ops.CreateForeignKeyOp():
            referred = _qualified(operation.kw.get("referent_schema"), operation.referent_table)
            local = _columns_of(table, operation.local_cols)
            text = f"foreign key {local} -> {_columns_of(referred, operation.remote_cols)}"
            # Without these, the drop and the add of a foreign key whose rule has changed would read the same.
            rules = (("ondelete", "on delete"), ("onupdate", "on update"), ("initially", "initially"))
            said = (f"{words} {operation.kw[key]}" for key, words in rules if operation.kw.get(key))
            return ", ".join([text, *said])
        case ops.CreateUniqueConstraintOp() | ops.CreatePrimaryKeyOp():
            what = "primary key" if isinstance(operation, ops.CreatePrimaryKeyOp) else "unique constraint"
            return f"{_named(what, operation.constraint_name)} on {table} ({', '.join(operation.columns)})"
    what = _class_words(operation).removeprefix("create ")
    return f"{_named(what, vars(operation).get('constraint_name'))} on {table}"


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
