"""Reads a version table in one query, whether or not it is there."""

from __future__ import annotations

from sqlalchemy import Connection, Select, column, select, table
from sqlalchemy.exc import DBAPIError

from migrator.database.failures import means
from migrator.database.kinds.interface import ErrorMeaning


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
        if not means(exc, ErrorMeaning.NO_TABLE):
            raise
        return None
    return tuple(sorted(str(row) for row in rows))
