"""The questions that migrator asks of a kind of database, with the answers of an undescribed kind.

A method that asks a server takes a SQLAlchemy Connection and raises what its driver raises. None is async.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, inspect, text

from migrator.database.connecting.timeouts import Timeouts
from migrator.database.own.facts import Facts, LockName, Privileges
from migrator.database.own.own_tables import TableName
from migrator.results.run import Holder


class ErrorMeaning(Enum):
    """What an error means, whatever code or number the server has for it."""

    # Lock timeout, deadlock, serialization failure: the same statement may succeed a moment later.
    LOCKED = auto()
    # Another connection is writing to the file.
    BUSY = auto()
    NO_TABLE = auto()
    NO_DATABASE = auto()
    NO_OBJECT = auto()
    NO_PRIVILEGE = auto()
    BAD_VALUE = auto()
    # A feature or a file that the server was installed without.
    NOT_INSTALLED = auto()
    IN_USE = auto()
    # The object exists, or another session is creating it at this moment.
    EXISTS = auto()
    # A prepared statement exists twice or no longer: a pooler handed over another client's session.
    POOLED = auto()


# What happened, and a hint. `{origin}` stands for the place that the database URL came from.
Explanation = tuple[str, str]


class DatabaseKind:
    """One kind of database: what it can do, and how it is asked and told.

    `name` is SQLAlchemy's name of the dialect; MariaDB counts as `mysql`.
    """

    name: str
    # The driver that a URL without one means, and the async driver that replaces a sync one.
    driver: str | None = None
    async_driver: str | None = None
    # A database is a file on this machine, without a server.
    in_files: bool = False
    # A database has several schemas, found through a search path.
    has_schemas: bool = False
    # A session can take on another role, and privileges are checked for it.
    has_roles: bool = False
    # Sessions have a lock timeout and a statement timeout.
    has_timeouts: bool = False
    # The lock of a run belongs to a session, and excludes other runs from the first revision to the last.
    has_session_locks: bool = False
    # DDL can be rolled back only where the transaction was begun by a statement: the driver begins none.
    begins_by_statement: bool = False
    # ALTER TABLE can do so little that Alembic has to copy the table (`render_as_batch`).
    alters_by_copying: bool = False
    # A column of times keeps their time zone.
    keeps_time_zones: bool = False
    # CREATE INDEX takes IF NOT EXISTS.
    creates_index_if_missing: bool = True
    # Several statements may be sent as one text.
    runs_scripts: bool = False
    # The server can copy a database.
    copies_databases: bool = False
    # migrator can start a server of this kind for scratch databases.
    has_own_server: bool = False
    # The expression that tells this server from every other, where `Facts.tells_identifier` is true.
    server_identifier: Any = None

    # Facts about a database.

    def read_facts(self, connection: Connection, version: TableName, log: TableName | None) -> Facts:
        """Return what a database says about itself; `log` is the log's own name, where it has one."""
        return Facts(self.name, connection.engine.url.database or "")

    def tables(self, connection: Connection, schema: str | None) -> list[TableName]:
        """Return a database's tables and views, or those of one schema, without the server's own."""
        seen = inspect(connection)
        return [TableName(None, name) for name in (*seen.get_table_names(), *seen.get_view_names())]

    def read_privileges(self, connection: Connection, facts: Facts, version_table: str) -> Privileges | None:
        """Return what the role of `facts` may do; None where the kind has no roles."""
        return None

    def variables(self, url: URL) -> dict[str, str]:
        """Return the environment variables that clients of this kind read, beside DATABASE_URL."""
        return {}

    # Files and addresses.

    def file_named(self, database: str | None) -> Path | None:
        """Return the file of a database; None for one in memory, and for a kind without files."""
        return None

    def is_in_memory(self, url: URL) -> bool:
        """Return whether a database is gone with its connection."""
        return False

    def shown_name(self, database: str) -> str:
        """Return the name that a person uses for a database."""
        return database

    def resolved_name(self, database: str) -> str:
        """Return the name of a database in the form in which two names of one database are equal."""
        return database

    def connects_to(self, args: Sequence[Any], parameters: Mapping[str, Any]) -> str | None:
        """Return the database that a call of the driver's `connect` names; None where it names none."""
        return parameters.get("database") or parameters.get("dbname") or parameters.get("db")

    def copy_file(self, source: Path, target: Path) -> None:
        """Copy the file of a database to an existing or a new file. Raises OSError."""
        raise OSError(f"{self.name} keeps its databases on a server")

    # Sessions and their locks.

    def session_id(self, connection: Connection) -> int | None:
        """Return the server's number for the session, which a pooler may change; None where there is none."""
        connection.execute(text("SELECT 1"))
        return None

    def session_place(self, connection: Connection) -> tuple[int, str, str | None] | None:
        """Return the session's number, its database and its schema; None for a kind without schemas."""
        return None

    def prepare_second(self, connection: Connection, facts: Facts, application_name: str) -> None:
        """Give a second connection the schema and the role of the connection that `facts` came from."""

    def only_read(self, connection: Connection) -> None:
        """Let the session refuse to write, where the server can do that."""

    def start_run(self, facts: Facts, timeouts: Timeouts, working_lock: LockName) -> str:
        """Return the statements that prepare a session with timeouts for its revisions, lock included."""
        return ""

    def try_lock(self, connection: Connection, name: LockName) -> bool:
        """Take a lock for the session if it is free. Always True where the kind has no such lock.

        A statement that waits would hold a snapshot, which a concurrent index build of the holder waits for.
        """
        return True

    def unlock(self, connection: Connection, name: LockName) -> None:
        """Release a lock."""

    def holder_of(self, connection: Connection, name: LockName) -> Holder | None:
        """Return the session that holds a lock, as far as the role may see it."""
        return None

    def blockers_of(self, connection: Connection, session: int) -> tuple[Holder, ...]:
        """Return the sessions that a session waits for."""
        return ()

    def lock_holders(self, connection: Connection) -> tuple[Holder, ...]:
        """Return the other sessions of the database that hold locks which a statement may wait for."""
        return ()

    def end_session(self, session: int) -> str:
        """Return the statement that ends a session."""
        return f"KILL {session}"

    # Transactions.

    def commits_itself(self, statement: str) -> bool:
        """Return whether a statement commits what was before it, and itself."""
        return False

    def prepare_engine(self, engine: Engine, *, writes: bool) -> None:
        """Make DDL transactional on all connections of an engine, where `begins_by_statement`."""

    def wait_no_longer(self, connection: Connection, seconds: float) -> None:
        """Keep the driver from waiting longer than that for another connection's transaction, if it would."""
        return

    def begin_by_statement(self, connection: Connection) -> bool:
        """Make DDL transactional on an open connection of another engine; return whether that was done."""
        return False

    def broken_references(self, connection: Connection) -> frozenset[tuple[object, ...]]:
        """Return rows that refer to nothing, as (table, row, parent, key), where the server lets them in."""
        return frozenset()

    # Errors.

    def meaning_of(self, exc: BaseException) -> ErrorMeaning | None:
        """Return what a driver's exception means; None for one that is another kind's, or not known."""
        return None

    def explain(self, exc: BaseException) -> Explanation | None:
        """Return why a database cannot be used, by the code or number of a driver's exception."""
        return None

    # Scratch databases on a server.

    def server_version(self, connection: Connection) -> str:
        """Return the version of the server, as a number where it has one."""
        return str(connection.execute(text("SELECT version()")).scalar_one())

    def major(self, version: str) -> str:
        """Return the part of `server_version` on which a catalogue's wording depends; empty for none."""
        return ""

    def create_database(self, connection: Connection, name: str, template: str | None) -> None:
        """Create a database, empty or (where `copies_databases`) as a copy of another."""
        connection.exec_driver_sql(f"CREATE DATABASE {name}")

    def drop_database(self, connection: Connection, name: str, *, force: bool) -> None:
        """Drop a database if it exists; with `force` its other sessions are ended first."""
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")

    def database_names(self, connection: Connection) -> list[str]:
        """Return the names of all databases of the server."""
        return []

    def described(self, connection: Connection, prefix: str) -> list[tuple[str, str]]:
        """Return the databases with a prefix that have a description, oldest first, with it."""
        return []

    def describe(self, connection: Connection, name: str, description: str, new_name: str) -> None:
        """Store a description of a database with it, then rename the database."""

    def create_role(self, connection: Connection, name: str) -> None:
        """Create a role that may do nothing."""


class OtherKind(DatabaseKind):
    """A kind of database that is not described: migrator asks it nothing that is not plain SQL."""

    def __init__(self, name: str) -> None:
        self.name = name
