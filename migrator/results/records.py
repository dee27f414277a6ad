"""What a database says of itself: its mark, and the log of what was done to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

LoggedDirection = Literal["upgrade", "downgrade", "stamp", "adopted", "mark"]


@dataclass(frozen=True)
class Mark:
    """The environment that a database belongs to, and the server and database where that was written."""

    environment: str
    system_identifier: str | None
    database: str
    marked_at: datetime


@dataclass(frozen=True)
class LogEntry:
    """One row of the log. `duration_ms` is in milliseconds, None for what took no time of its own."""

    id: int
    environment: str
    version_table: str
    revision: str | None
    down_revision: str | None
    direction: str
    hash: str | None
    file_hash: str | None
    started_at: datetime
    duration_ms: int | None
    user_name: str | None
    host: str | None
    migrator_version: str | None
    git_commit: str | None


@dataclass(frozen=True)
class LogList:
    """Rows of the log, newest first. `table` is its name, None where the database has no log."""

    table: str | None
    entries: tuple[LogEntry, ...]


@dataclass(frozen=True)
class Marked:
    """What `mark` did: the mark that the database carries now, and the revisions whose files were accepted.

    `changed` is false where it carried that mark already, or nothing was edited. `accepted` is None where no
    files were to be accepted.
    """

    environment: str
    database: str
    changed: bool
    accepted: tuple[str, ...] | None = None
