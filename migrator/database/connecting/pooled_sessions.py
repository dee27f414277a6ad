"""Applies settings to a session that a pooler may share with others, and resets them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from migrator.database.connecting.connected_url import session_of_login
from migrator.database.connecting.timeouts import run_at_once
from migrator.database.failures import is_database_failure
from migrator.database.round_trips.kept_connections import RESET


def set_through_pooler(dbapi_connection: Any, sql: str) -> bool:
    """Run SET statements, and return whether the session is behind a pooler."""
    pid = session_of_login(dbapi_connection)
    if pid is None:
        run_at_once(dbapi_connection, sql)
        return False
    # In the same text, so that it costs no round trip.
    if "asyncpg" in type(dbapi_connection).__module__:
        asked = f"{sql}; SELECT WHERE pg_backend_pid() = {pid}"
        return bool(dbapi_connection.run_async(lambda it: it.execute(asked)) == "SELECT 0")
    cursor = dbapi_connection.cursor()
    try:
        # Of several answers psycopg begins with the first.
        cursor.execute(f"SELECT pg_backend_pid(); {sql}")
        return bool(cursor.fetchone()[0] != pid)
    finally:
        cursor.close()


def leave_session(dbapi_connection: Any, undo: str = RESET) -> None:
    """Reset settings and locks before a pooler gives the session to others. A lost session is ignored."""
    try:
        # Else it would take back what follows.
        dbapi_connection.rollback()
        run_at_once(dbapi_connection, undo)
        dbapi_connection.commit()
    except Exception as exc:
        if not (isinstance(exc, SQLAlchemyError) or is_database_failure(exc)):
            raise
