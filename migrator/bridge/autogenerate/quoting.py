"""PostgreSQL's identifiers and texts as they are written into revision files."""

from __future__ import annotations

from functools import cache

from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import IdentifierPreparer


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
