"""Reads a version table in one query, whether or not it is there."""

from __future__ import annotations

from sqlalchemy import Connection, Select, column, select, table
from sqlalchemy.exc import DBAPIError

from migrator.database.failures import causes

_NO_TABLE = frozenset({"42P01", 1146})


def version_rows(connection: Connection, name: str, schema: str | None) -> tuple[str, ...] | None:
    """Give the revisions in a version table, sorted; None where there is no such table.

    A transaction of the caller's goes on as it was, with a savepoint of our own around the query; where there
    is none, none is left. Raises what the driver raises.
    """
    query: Select[tuple[str]] = select(column("version_num")).select_from(table(name, schema=schema))
    try:
        if connection.in_transaction():
            with connection.begin_nested():
                rows = connection.execute(query).scalars().all()
        else:
            try:
                rows = connection.execute(query).scalars().all()
            finally:
                connection.rollback()
    except DBAPIError as exc:
        if not _says_no_table(exc):
            raise
        return None
    return tuple(sorted(str(row) for row in rows))


def _says_no_table(exc: DBAPIError) -> bool:
    """Whether a server says that there is no table: by its SQLSTATE or number, SQLite in words alone."""
    for each in causes(exc):
        codes = (getattr(each, "sqlstate", None), getattr(each, "pgcode", None), *each.args[:1])
        if any(isinstance(code, str | int) and code in _NO_TABLE for code in codes):
            return True
        if str(each).startswith("no such table: "):
            return True
    return False
