"""SQLite: databases in files, without a server."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, event, text

from migrator.database.connecting.timeouts import run_at_once
from migrator.database.kinds.interface import DatabaseKind, ErrorMeaning, Explanation
from migrator.database.own.facts import Facts
from migrator.database.own.own_tables import TableName, TableNames

_MEMORY = ":memory:"
_BUSY = 5


class SQLite(DatabaseKind):
    """SQLite: a file has no sessions and no roles, and locks no longer than a transaction."""

    name = "sqlite"
    async_driver = "aiosqlite"
    in_files = True
    begins_by_statement = True
    alters_by_copying = True

    def read_facts(self, connection: Connection, version: TableName, log: TableName | None) -> Facts:
        found = connection.execute(
            text("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'migrator%'")
        ).scalars()
        names = TableNames.among(list(found), None, None)
        database = connection.engine.url.database or _MEMORY
        return Facts(self.name, database, mark=names.mark, log=names.log)

    def file_named(self, database: str | None) -> Path | None:
        name = database or _MEMORY
        return None if name == _MEMORY or name.startswith("file:") else Path(name)

    def is_in_memory(self, url: URL) -> bool:
        name = url.database or _MEMORY
        return _MEMORY in name or "mode=memory" in name or url.query.get("mode") == "memory"

    def shown_name(self, database: str) -> str:
        return Path(database).name

    def resolved_name(self, database: str) -> str:
        return database if database == _MEMORY else os.path.realpath(database)

    def connects_to(self, args: Sequence[Any], parameters: Mapping[str, Any]) -> str | None:
        return str(args[0]) if args and args[0] else super().connects_to(args, parameters)

    def copy_file(self, source: Path, target: Path) -> None:
        import sqlite3
        from contextlib import closing

        reading = f"{source.resolve().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(reading, uri=True)) as old, closing(sqlite3.connect(target)) as new:
                old.backup(new)
        except sqlite3.Error as exc:
            raise OSError(str(exc)) from exc

    def prepare_engine(self, engine: Engine, *, writes: bool) -> None:
        # The stock driver commits on its own before each CREATE.
        @event.listens_for(engine, "connect")
        def leave_transactions_alone(dbapi_connection: Any, _record: object) -> None:
            dbapi_connection.isolation_level = None

        _begin_with(engine, "BEGIN IMMEDIATE" if writes else "BEGIN")

    def wait_no_longer(self, connection: Connection, seconds: float) -> None:
        cursor: Any = connection.connection.cursor()
        cursor.execute("PRAGMA busy_timeout")
        usual = cursor.fetchone()[0]
        cursor.execute(f"PRAGMA busy_timeout = {int(min(usual, seconds * 1000))}")
        cursor.close()

    def begin_by_statement(self, connection: Connection) -> bool:
        """Leave alone an engine that begins its transactions by itself.

        From now on foreign keys are not enforced in either case: a table that is rebuilt would take its
        children's rows along, and within a transaction that setting has no effect.
        """
        dbapi_connection: Any = connection.connection.dbapi_connection
        run_at_once(dbapi_connection, "PRAGMA foreign_keys = OFF")
        if dbapi_connection.isolation_level is None:
            return False
        dbapi_connection.isolation_level = None
        _begin_with(connection, "BEGIN IMMEDIATE")
        return True

    def broken_references(self, connection: Connection) -> frozenset[tuple[object, ...]]:
        rows = connection.execute(text("PRAGMA foreign_key_check"))
        return frozenset(tuple(row) for row in rows)

    def meaning_of(self, exc: BaseException) -> ErrorMeaning | None:
        if getattr(exc, "sqlite_errorcode", 0) & 0xFF == _BUSY:
            return ErrorMeaning.BUSY
        # SQLite has one code for all that is wrong with a statement.
        return ErrorMeaning.NO_TABLE if str(exc).startswith("no such table: ") else None

    def explain(self, exc: BaseException) -> Explanation | None:
        busy = self.meaning_of(exc) is ErrorMeaning.BUSY
        return (
            ("Another connection is writing to it.", "Wait until it ends, then run this again.")
            if busy
            else None
        )


def _begin_with(target: Engine | Connection, begin: str) -> None:
    @event.listens_for(target, "begin")
    def begin_by_statement(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
