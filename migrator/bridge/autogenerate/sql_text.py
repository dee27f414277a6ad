"""Names, types, defaults and expressions as SQL text."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy import Column, Computed, FetchedValue, Identity, Table, TextClause
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import DefaultClause
from sqlalchemy.sql.compiler import IdentifierPreparer
from sqlalchemy.types import TypeEngine

# A table's schema, None for the default one, and its name.
TableKey = tuple[str | None, str]


def qualified(schema: str | None, name: str) -> str:
    """Give `schema.name`, or the name alone."""
    return f"{schema}.{name}" if schema else str(name)


def dropped_creation(operation: object) -> object:
    """Return the operation that made what `operation` drops, None where that is not known.

    The public `reverse()` raises, or invents a column, where it is not known.
    """
    return getattr(operation, "_reverse", None)


def included_tables(autogen: AutogenContext) -> list[Table]:
    """Return the tables of the models that env.py's filters leave in."""
    return [
        table
        for table in autogen.sorted_tables
        if autogen.run_object_filters(table, table.name, "table", False, None)
    ]


def model_table(autogen: AutogenContext, create: ops.CreateTableOp) -> Table:
    """Give the table of the models that an operation creates."""
    wanted = (create.schema, create.table_name)
    return next(table for table in autogen.sorted_tables if (table.schema, table.name) == wanted)


@cache
def _preparer() -> IdentifierPreparer:
    # Of a driver that takes % for itself, the preparer would double it; `op.execute` does that later.
    dialect: Dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    return dialect.identifier_preparer


def identifier(name: str) -> str:
    """Quote a name where it needs it."""
    return _preparer().quote(str(name))


def table_sql(schema: str | None, name: str) -> str:
    """Give a table, a type or an index as SQL, with its schema if there is one."""
    return f"{identifier(schema)}.{identifier(name)}" if schema else identifier(name)


def literal(text: str) -> str:
    """Give a text as SQL."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def type_texts(old: Any, new: Any, dialect: Dialect) -> tuple[str, str]:
    """Give a column's old and new type as SQL; the old one is empty if it is not known.

    Types that differ only in something that SQL does not show are given as they stand in Python.
    """
    if old is None:
        return "", _type_text(new, dialect)
    texts = _type_text(old, dialect), _type_text(new, dialect)
    return texts if texts[0] != texts[1] else (repr(old), repr(new))


def _type_text(type_: TypeEngine[Any] | type[TypeEngine[Any]], dialect: Dialect) -> str:
    instance = type_() if isinstance(type_, type) else type_
    try:
        return instance.compile(dialect=dialect)
    except CompileError:
        return repr(instance)


def default_text(default: Any, dialect: Dialect) -> str | None:
    """Give a server default as SQL, None for none, which Alembic has as None or False."""
    if default is None or default is False:
        return None
    if isinstance(default, Computed):
        return f"computed ({sql_text(default.sqltext, dialect)})"
    if isinstance(default, Identity):
        return "identity"
    if isinstance(default, DefaultClause):
        return default_text(default.arg, dialect)
    if isinstance(default, FetchedValue):
        return "set by the server"
    if isinstance(default, str):
        return literal(default)
    return sql_text(default, dialect)


def same_default(one: str | None, other: str | None) -> bool:
    """Whether two defaults are the same, but for a cast."""
    return without_cast(one) == without_cast(other)


def without_cast(default: str | None) -> str | None:
    """Take the cast off a default that is one text."""
    if default is None or not default.startswith("'"):
        return default
    text, quote, cast = default.rpartition("'")
    return text + quote if cast.startswith("::") else default


def columns_text(columns: Iterable[Any], dialect: Dialect) -> str:
    """Give an index's columns and expressions, separated by commas."""
    return ", ".join(_column_text(column, dialect) for column in columns)


def _column_text(column: Any, dialect: Dialect) -> str:
    if isinstance(column, str):
        return column
    return column.name if isinstance(column, Column) else sql_text(column, dialect)


def sql_text(expression: Any, dialect: Dialect) -> str:
    """Give an expression or statement as one line of SQL with its values in it, or else its repr."""
    if isinstance(expression, TextClause):
        # Compiled, a text would have its % doubled for drivers that need it.
        return " ".join(expression.text.replace("\\:", ":").split())
    if not hasattr(expression, "compile"):
        return repr(expression)
    try:
        compiled = expression.compile(
            dialect=dialect, compile_kwargs={"literal_binds": True, "include_table": False}
        )
    except CompileError:
        return repr(expression)
    return " ".join(str(compiled).split())
