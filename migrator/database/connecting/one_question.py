"""One question to a database, on a connection that cannot write."""

from __future__ import annotations

from sqlalchemy import URL, Connection
from sqlalchemy.exc import SQLAlchemyError

from migrator.database.connecting.engine import SessionOptions, any_engine
from migrator.database.connecting.role import Role
from migrator.database.connecting.second_connection import SecondConnection
from migrator.database.failures import first_line
from migrator.database.kinds import kind_of


class QueryError(Exception):
    """What is wrong with a query."""


def first_column(url: URL, query: str, role: Role | None) -> list[str]:
    """Run a query and give its first column as texts, without NULLs.

    Raises QueryError for a query that fails, what the driver raises where it cannot connect, and
    ConfigurationError for a missing driver or a role that cannot be had.
    """
    options = SessionOptions(role=role, writes=False)
    engine = any_engine(url, options)
    connection = SecondConnection(engine, kind_of(engine.dialect.name).only_read)
    try:
        return connection.call(lambda c: _column(c, query))
    except SQLAlchemyError as exc:
        raise QueryError(first_line(exc)) from exc
    finally:
        connection.close()


def _column(connection: Connection, query: str) -> list[str]:
    # Not text(): a colon in the query is the query's own.
    result = connection.exec_driver_sql(query)
    if not result.returns_rows or not result.keys():
        raise QueryError("it gives no column")
    return [str(row[0]) for row in result.all() if row[0] is not None]
