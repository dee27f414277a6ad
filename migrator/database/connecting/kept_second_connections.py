"""Second connections that a process keeps from one tenant to the next."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Engine

from migrator.database.connecting.second_connection import SecondConnection
from migrator.database.connecting.timeouts import run_plainly
from migrator.database.failures import is_database_failure
from migrator.database.round_trips.kept_connections import RESET

# One holds the lock of a run, the other looks at the database when that has ended.
_MOST = 2


class HeldSeconds:
    """The second connections to one PostgreSQL database that nobody uses at the moment."""

    def __init__(self) -> None:
        self._database: object = None
        self._idle: list[SecondConnection] = []

    def connect(
        self, database: object, engine: Engine, prepare: Callable[[Connection], None]
    ) -> SecondConnection | None:
        """Give a connection to a database, prepared; None where there can be none.

        `database` tells it from others. Raises what the driver raises.
        """
        if database != self._database:
            self.close()
            self._database = database
        while self._idle:
            connection = self._idle.pop()
            try:
                connection.call(prepare)
            except Exception as exc:
                connection.end()
                if not is_database_failure(exc):
                    raise
                # It was lost while nobody looked.
            else:
                return connection
        try:
            return SecondConnection(engine, prepare, lambda connection: self._take_back(connection, database))
        except RuntimeError:
            return None

    def _take_back(self, connection: SecondConnection, database: object) -> bool:
        # An env.py of several databases has one to each at a time.
        if database != self._database or len(self._idle) >= _MOST:
            return False
        try:
            connection.call(lambda c: run_plainly(c, RESET))
        except Exception as exc:
            if not is_database_failure(exc):
                raise
            return False
        self._idle.append(connection)
        return True

    def close(self) -> None:
        """Close all that are not in use."""
        while self._idle:
            self._idle.pop().end()
