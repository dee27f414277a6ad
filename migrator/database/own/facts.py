"""What a connection says about its database: who is connected, as whom, and which of our tables are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from migrator.database.own.own_tables import TableName

LogFault = Literal["no schema", "no privilege", "no log"]
PRIVILEGES_NEEDED = ("SELECT", "INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True)
class Facts:
    """What was found on one connection.

    `schema` is the one that the version table is in, or would be made in; None where the kind of database has
    none. `major` is the major version of a PostgreSQL, 0 for other servers. `mark` and `log` are our own
    tables, None where there are none. `invalid_indexes` are those that a broken concurrent build has left,
    with their schemas, quoted. `tells_identifier` says whether the server's own identifier may be asked for.
    `log_fault` is what is wrong with the name that the log has of its own: there is no such schema, the role
    may make no table in it, or what has the name is no log. `through_pooler` says that a pooler stands before
    the server, which may or may not hand sessions around.
    """

    backend: str
    database: str
    pid: int | None = None
    user: str | None = None
    role: str | None = None
    search_path: str | None = None
    schema: str | None = None
    version: str = ""
    major: int = 0
    may_make_schema: bool = False
    may_make_tables: bool = True
    mark: TableName | None = None
    log: TableName | None = None
    may_read_records: bool = True
    may_write_records: bool = True
    invalid_indexes: tuple[str, ...] = ()
    tells_identifier: bool = False
    log_fault: LogFault | None = None
    through_pooler: bool = False


@dataclass(frozen=True)
class Privileges:
    """`lacking` are those of PRIVILEGES_NEEDED that a role does not have on an existing version table.

    `sees_sessions` says whether it may see what the sessions of other roles do.
    """

    lacking: tuple[str, ...]
    sees_sessions: bool


@dataclass(frozen=True)
class LockName:
    """The name of a run's lock: one run at a time works on one version table of one database.

    `working` is the lock that the migrating connection itself holds.
    """

    facts: Facts
    version_table: str
    working: bool = False

    @property
    def text(self) -> str:
        """The name in words: independent of the project, so that two checkouts exclude each other."""
        kind = "working" if self.working else "run"
        return f"migrator:{kind}:{self.facts.schema or ''}.{self.version_table}"
