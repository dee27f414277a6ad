"""Writes what a run did into the log, and the mark of a database that has none."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from alembic.script import Script
from sqlalchemy import Connection

from migrator import __version__
from migrator.bridge.env_py.connected_database import log_table_name
from migrator.bridge.env_py.session import Session
from migrator.bridge.revision_files.loading import down_revisions
from migrator.bridge.revision_files.plan import PlannedStep, known_script, script_of
from migrator.bridge.tenant_cache import cached
from migrator.database.own.log_records import LogWriter, RecordAuthor, StepRecord, places_for_records
from migrator.database.own.own_tables import TableNames
from migrator.operations.position.examine import Examined, refuse_log_table
from migrator.results.records import LoggedDirection
from migrator.revisions.fingerprint import fingerprint
from migrator.revisions.git import head_commit


class Recorder:
    """Keeps the mark and the log of one database during one run."""

    def __init__(self, session: Session, examined: Examined) -> None:
        self._session = session
        self._examined = examined
        self._introduced = False
        self._marked = False
        self._names = _names(session, examined)

    @cached_property
    def book(self) -> LogWriter:
        """Where the records go."""
        names, facts = self._names, self._examined.found.facts
        wanted = ((names.mark, facts.mark), (names.log, facts.log))
        return LogWriter(
            names=names,
            to_make=tuple(name for name, there in wanted if name is not None and there is None),
            environment=self._session.workspace.environment.name,
            version_table=self._examined.found.qualified_version_table,
            origin=_origin(self._session.workspace.environment.root),
        )

    @property
    def keeps_mark(self) -> bool:
        """Whether there is, or may be made, a place for the mark."""
        return self._names.mark is not None

    @cached_property
    def introduces(self) -> bool:
        """Whether the database has to be marked, or its present revisions logged as adopted."""
        return self._needs_mark() or bool(self._adopted())

    @property
    def makes_places(self) -> bool:
        """Whether the tables of mark and log are yet to be made, or the mark to be written."""
        return bool(self.book.to_make) or self._needs_mark()

    def make_places(self, connection: Connection) -> None:
        """Make the tables of mark and log, and mark the database, before anything else is done to it."""
        self.book.make_tables(connection)
        if self._needs_mark():
            self._write_mark(connection)
            self._marked = True

    def claim(self, connection: Connection) -> None:
        """Mark a database without a mark whose first revision has failed and left something; log nothing."""
        if self._needs_mark():
            book = replace(self.book, names=TableNames(self._names.mark, None))
            book.make_tables(connection)
            book.write_mark(connection, self._examined.found.facts.database, self._examined.identifier)

    def introduce(self, connection: Connection) -> None:
        """Mark a database that has no mark, and log the revisions that it had before migrator came."""
        if self._introduced:
            return
        self._introduced = True
        if not self._marked:
            self.book.make_tables(connection)
        if self._needs_mark():
            self._write_mark(connection)
        self.book.write(connection, self._adopted())

    def resume(self, *, committed: bool) -> None:
        """Begin an attempt; `committed` tells whether anything of those before it was committed."""
        self._introduced = self._introduced and committed

    def earlier_seconds(self, direction: str, revision: str) -> float | None:
        """Give how long a revision took here the last time, None where the log does not say."""
        return self._earlier.get((direction, revision))

    @cached_property
    def _earlier(self) -> dict[tuple[str, str | None], float]:
        # The log's rows are in their order: the last one of a revision stays.
        return {
            (entry.direction, entry.revision): entry.duration_ms / 1000
            for entry in self._examined.log
            if entry.duration_ms is not None
        }

    def step(self, connection: Connection, step: PlannedStep, started_at: datetime, seconds: float) -> None:
        """Log a step, in its own transaction. `seconds` is how long it took."""
        self.introduce(connection)
        direction: LoggedDirection = "upgrade" if step.is_upgrade else "downgrade"
        script = script_of(step)
        if script is not None:
            entries = [_entry(direction, script, started_at, round(seconds * 1000))]
        elif step.to_revisions:
            entries = self._entries("stamp", step.to_revisions, started_at)
        else:
            entries = [_stamped_base(step.from_revisions, started_at)]
        self.book.write(connection, entries)

    def purged(self, connection: Connection, heads: Sequence[str]) -> None:
        """Log that the version table was emptied of `heads` and given nothing, in the same transaction."""
        if heads:
            self.introduce(connection)
            self.book.write(connection, [_stamped_base(heads, datetime.now(UTC))])

    def mark(self, connection: Connection) -> None:
        """Mark the database, in place of any other mark, and log that."""
        self.book.make_tables(connection)
        self._write_mark(connection)
        self.book.write(connection, [*self._adopted(), StepRecord("mark", None, None, datetime.now(UTC))])

    def accept(self, connection: Connection, revisions: Sequence[str]) -> None:
        """Log the files of revisions as they are now, so that they no longer count as edited."""
        self.book.write(connection, self._entries("mark", revisions, datetime.now(UTC)))

    def _write_mark(self, connection: Connection) -> None:
        self.book.write_mark(connection, self._examined.found.facts.database, self._examined.identifier)

    def _needs_mark(self) -> bool:
        return self._session.workspace.environment.managed and (
            self._examined.mark is None and self._names.mark is not None and not self._marked
        )

    def _adopted(self) -> list[StepRecord]:
        if self._examined.log or self._names.log is None:
            return []
        return self._entries("adopted", self._examined.found.heads, datetime.now(UTC))

    def _entries(
        self, direction: LoggedDirection, revisions: Iterable[str], at: datetime
    ) -> list[StepRecord]:
        scripts = [known_script(self._session.scripts, each) for each in revisions]
        return [_entry(direction, script, at) for script in scripts if script is not None]


def _entry(
    direction: LoggedDirection, script: Script, started_at: datetime, duration_ms: int | None = None
) -> StepRecord:
    path = Path(script.path)
    prints = cached((fingerprint, path), lambda: fingerprint(path))
    return StepRecord(
        direction,
        script.revision,
        ", ".join(down_revisions(script)) or None,
        started_at,
        prints.tree,
        prints.file,
        duration_ms,
    )


def _stamped_base(left: Sequence[str], at: datetime) -> StepRecord:
    return StepRecord("stamp", None, ", ".join(left) or None, at)


def _names(session: Session, examined: Examined) -> TableNames:
    settings, found = session.workspace.environment.settings, examined.found
    refuse_log_table(session.workspace, found)
    # Tables of ours beside its own would be news to the autogenerate of an env.py that does not know them.
    hidden = found.by_our_env or (not found.sees_schemas and found.facts.may_make_schema)
    if not hidden and found.facts.log is None:
        return TableNames(None, None)
    return places_for_records(found.facts, log_table_name(session.workspace), log_off=settings.log_off)


def _origin(root: Path) -> RecordAuthor:
    return cached(
        ("origin", root), lambda: RecordAuthor(_user(), socket.gethostname(), __version__, head_commit(root))
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        return str(os.getuid())
