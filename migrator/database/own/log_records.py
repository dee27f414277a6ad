"""Reads and writes the mark and the log of a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import (
    Connection,
    Dialect,
    Table,
    delete,
    insert,
    literal_column,
    null,
    select,
    true,
)
from sqlalchemy.schema import CreateIndex, CreateSchema, CreateTable

from migrator.database.kinds import kind_of
from migrator.database.own.facts import Facts
from migrator.database.own.own_tables import OWN_SCHEMA, TableName, TableNames, log_table, mark_table
from migrator.database.round_trips.one_trip import hold_for_commit
from migrator.errors import DatabaseError
from migrator.results.records import LogEntry, LoggedDirection, Mark


@dataclass(frozen=True)
class RecordAuthor:
    """Who writes a record: user, host, migrator's version, and the project's git commit if there is one."""

    user_name: str
    host: str
    migrator_version: str
    git_commit: str | None = None


@dataclass(frozen=True)
class StepRecord:
    """What the log says of one step. `duration_ms` is in milliseconds."""

    direction: LoggedDirection
    revision: str | None
    down_revision: str | None
    started_at: datetime
    hash: str | None = None
    file_hash: str | None = None
    duration_ms: int | None = None


@dataclass(frozen=True)
class Identity:
    """What tells a database from others: its mark, and what tells its server from every other."""

    mark: Mark | None
    server: str | None


def read_identity(connection: Connection, facts: Facts) -> Identity:
    """Read both, in one statement.

    There is no mark where the role may not read it; nor `server` where there is no such thing, or it does not
    tell.
    """
    table = mark_table(facts.mark) if facts.mark is not None and facts.may_read_records else None
    server: Any = kind_of(facts.backend).server_identifier if facts.tells_identifier else null()
    if table is not None:
        # There is a row even where the mark's table is empty.
        start = select(literal_column("1")).subquery()
        asked = select(server.label("server"), table).select_from(start.outerjoin(table, true()))
    elif facts.tells_identifier:
        asked = select(server.label("server"))
    else:
        return Identity(None, None)
    row = connection.execute(asked.limit(1)).one()
    if table is None or row.environment is None:
        return Identity(None, row.server)
    return Identity(
        Mark(row.environment, row.system_identifier, row.database, _aware(row.marked_at)), row.server
    )


def read_log(
    connection: Connection,
    facts: Facts,
    version_table: str,
    *,
    limit: int | None = None,
    revision: str | None = None,
) -> tuple[LogEntry, ...]:
    """Read the log's rows for a version table, oldest first: the last `limit`, or those of a revision."""
    if facts.log is None or not facts.may_read_records:
        return ()
    table = log_table(facts.log)
    asked = select(table).where(table.c.version_table == version_table).order_by(table.c.id.desc())
    if revision is not None:
        asked = asked.where(table.c.revision.startswith(revision, autoescape=True))
    rows = connection.execute(asked.limit(limit)).mappings().all()
    return tuple(LogEntry(**{**row, "started_at": _aware(row["started_at"])}) for row in reversed(rows))


def _aware(at: datetime) -> datetime:
    # SQLite and MySQL keep no time zone; what is written there is UTC.
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


@dataclass(frozen=True)
class LogWriter:
    """Where the records of a database are kept: existing tables, or those to be made.

    `environment` and `version_table` (with its schema) stand in each row.
    """

    names: TableNames
    to_make: tuple[TableName, ...]
    environment: str
    version_table: str
    origin: RecordAuthor

    # One table object for all rows: SQLAlchemy compiles the statement for it once.
    @cached_property
    def _mark(self) -> Table | None:
        return None if self.names.mark is None else mark_table(self.names.mark)

    @cached_property
    def _log(self) -> Table | None:
        return None if self.names.log is None else log_table(self.names.log)

    def make_tables(self, connection: Connection) -> None:
        """Make the tables that are not there yet, and their schema."""
        if any(name.schema == OWN_SCHEMA for name in self.to_make):
            connection.execute(CreateSchema(OWN_SCHEMA, if_not_exists=True))
        for name, table in ((self.names.mark, self._mark), (self.names.log, self._log)):
            if table is not None and name in self.to_make:
                connection.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    # Where the words are missing, no other run creates the table meanwhile.
                    if_missing = kind_of(connection.dialect.name).creates_index_if_missing
                    connection.execute(CreateIndex(index, if_not_exists=if_missing))

    def write_mark(self, connection: Connection, database: str, identifier: str | None) -> None:
        """Mark the database, in place of any mark that it carries."""
        if self._mark is None:
            return
        row = {
            "environment": self.environment,
            "system_identifier": identifier,
            "database": database,
            "marked_at": _stored(connection, datetime.now(UTC)),
            "user_name": self.origin.user_name,
            "host": self.origin.host,
            "migrator_version": self.origin.migrator_version,
        }
        connection.execute(delete(self._mark))
        connection.execute(insert(self._mark), row)

    def write(self, connection: Connection, entries: Sequence[StepRecord]) -> None:
        """Write rows into the log, in the transaction that the connection is in."""
        if self._log is None:
            return
        for entry in entries:
            row = {
                "environment": self.environment,
                "version_table": self.version_table,
                **vars(entry),
                **vars(self.origin),
                "started_at": _stored(connection, entry.started_at),
            }
            _insert(connection, self._log, row)


def _insert(connection: Connection, table: Table, row: dict[str, object]) -> None:
    if connection.dialect.driver != "asyncpg":
        # Nobody asks for the row's id: inline saves the way back with it.
        connection.execute(insert(table).inline(), row)
        return
    # With parameters it would be prepared, and after each DDL anew: three round trips for one.
    sql = insert_with_values(table, row, connection.dialect, _SINCE_SENT)
    if not hold_for_commit(connection, sql):
        connection.exec_driver_sql(sql)


# A revision's statements may travel in one text with its row, and take their time only there.
_SINCE_SENT = {
    "duration_ms": " + round(extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000)::integer"
}


def insert_with_values(
    table: Table, row: Mapping[str, object], dialect: Dialect, plus: Mapping[str, str] | None = None
) -> str:
    """Give an INSERT with its values as literals; to compile the statement takes ten times as long.

    `plus` is SQL that follows the value of a column, where that is not NULL.
    """
    names = ", ".join(dialect.identifier_preparer.quote(name) for name in row)
    written = dialect.statement_compiler(dialect, None).render_literal_value
    values = ", ".join(
        written(value, table.c[name].type) + ((plus or {}).get(name, "") if value is not None else "")
        for name, value in row.items()
    )
    return f"INSERT INTO {dialect.identifier_preparer.format_table(table)} ({names}) VALUES ({values})"


def _stored(connection: Connection, at: datetime) -> datetime:
    keeps = kind_of(connection.dialect.name).keeps_time_zones
    return at if keeps else at.astimezone(UTC).replace(tzinfo=None)


def places_for_records(facts: Facts, log: TableName | None, *, log_off: bool) -> TableNames:
    """Say where the mark and the log of a database are, or are to be made.

    An existing table is used, never a second one made. Raises DatabaseError where the role may not write
    into it, or not make it where `log` says.
    """
    if (facts.mark or facts.log) and not facts.may_write_records:
        own = facts.log or facts.mark or TableName(OWN_SCHEMA, "")
        raise DatabaseError(
            f"The role {facts.role} may not write into {facts.log or facts.mark}, migrator's own table.",
            hint=f"Grant it: GRANT USAGE ON SCHEMA {own.schema}"
            f" TO {facts.role}; GRANT SELECT, INSERT, DELETE ON {facts.mark or facts.log}"
            f"{f', {facts.log}' if facts.log and facts.mark else ''} TO {facts.role}",
        )
    if log is not None and facts.log_fault == "no privilege":
        raise DatabaseError(
            f"The role {facts.role} may make no table in the schema {log.schema}, where log_table puts the"
            " log.",
            hint=f"Grant it: GRANT USAGE, CREATE ON SCHEMA {log.schema} TO {facts.role}; or correct"
            " log_table.",
        )
    # Elsewhere a schema is a database of its own.
    has_schemas = kind_of(facts.backend).has_schemas
    new = TableNames(None, None)
    if facts.may_make_schema:
        new = TableNames.own()
    elif facts.may_make_tables:
        new = TableNames.beside(facts.schema if has_schemas else None)
    chosen = facts.log or (log if has_schemas else None) or new.log
    return TableNames(facts.mark or new.mark, None if log_off else chosen)
