"""Guards the migrating connection while its revisions run."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, StaticPool

from migrator.bridge.env_py.connected_database import ConnectedDatabase, connection_of, heads_again
from migrator.bridge.revision_files.plan import Heads, PlannedStep
from migrator.config.select import Workspace
from migrator.database.connecting.pooled_sessions import leave_session
from migrator.database.connecting.timeouts import SessionTimeouts, Timeouts, run_plainly
from migrator.database.kinds.postgresql import drop_index
from migrator.database.own.facts import LockName
from migrator.database.own.run_notes import CommittedStatements, LockWatch
from migrator.database.round_trips.kept_connections import keep_written
from migrator.database.round_trips.one_trip import OneTrip, shortened
from migrator.errors import Effect, ExitCode, LockedError, MigratorError, RefusedError
from migrator.faults import outside
from migrator.operations.run import tenant_replay
from migrator.operations.run.run_lock import RunLock
from migrator.revisions.directives import Directives

# What is left of a budget that is spent: enough for a lock that is free.
_LEAST_SECONDS = 0.05


class OvertakenError(BaseException):
    """Somebody else has migrated the database since the plan was made.

    Neither a revision nor env.py is to take it for a failure of its own.
    """


class GuardError(MigratorError):
    """The guard stopped a revision."""

    exit_code = ExitCode.MIGRATION


class InvalidIndexError(GuardError):
    """A revision builds an index whose broken rest is still there."""


class BrokenReferencesError(GuardError):
    """A revision leaves rows behind that refer to nothing."""


class ConnectionGuard:
    """What watches over one connection: its locks, timeouts, statements, and SQLite's foreign keys."""

    def __init__(
        self,
        context: MigrationContext,
        workspace: Workspace,
        found: ConnectedDatabase,
        lock: RunLock,
        watch: LockWatch,
        *,
        commits_each: bool,
        refuse: Callable[[str], None],
    ) -> None:
        """Guard the connection of a context. Without `commits_each` steps are not committed one by one.

        `refuse` is called before each statement of a revision, and may raise a GuardError.
        """
        self._refuse = refuse
        self._commits_each = commits_each
        self._context = context
        self._workspace = workspace
        self._found = found
        self._lock = lock
        self._watch = watch
        self._connection = connection_of(context)
        self._timeouts: SessionTimeouts | None = None
        self._one_trip: OneTrip | None = None
        self._pid: int | None = None
        self._spent = 0.0
        self._invalid = found.facts.invalid_indexes
        self._broken_references: frozenset[tuple[object, ...]] = frozenset()
        self.statements = CommittedStatements(self._connection, self._judge)
        self._asked = Directives()

    @property
    def retries(self) -> int:
        """How often the present revision may be begun again."""
        asked, settings = self._asked, self._workspace.environment.settings
        return settings.retries if asked.retries is None else asked.retries

    def start(self) -> None:
        """Prepare the connection before its first revision. Raises RefusedError where it leads elsewhere."""
        kind = self._found.kind
        if kind.has_session_locks:
            self._keep_out_of_pool()
        if kind.has_timeouts:
            self._start_with_timeouts()
        else:
            kind.try_lock(self._connection, self._working_lock())
        self._broken_references = kind.broken_references(self._connection)

    def _keep_out_of_pool(self) -> None:
        """Close the session when env.py gives it back to a pool: its locks and settings are ours.

        Until then it stays the pool's: Alembic's `autocommit_block()` needs the pool's record of it.
        """
        pool, ours = self._connection.engine.pool, self._connection.connection.dbapi_connection
        if isinstance(pool, NullPool | StaticPool):
            return

        def close(returned: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
            if returned is ours:
                record.close()

        event.listen(pool, "checkin", close)

    def _start_with_timeouts(self) -> None:
        settings = self._workspace.environment.settings
        wanted = Timeouts(settings.lock_timeout, settings.statement_timeout)
        found = self._found
        run_plainly(self._connection, found.kind.start_run(found.facts, wanted, self._working_lock()))
        keep_written(self._connection, keep=True)
        self._timeouts = SessionTimeouts(self._connection, wanted)
        each = self._commits_each and settings.transaction == "revision"
        self._one_trip = shortened(
            self._connection,
            fast=settings.round_trips == "fast",
            version_table=found.version_table if each else None,
        )
        event.listen(self._connection, "after_cursor_execute", self._spend)
        place = found.kind.session_place(self._connection)
        self._pid, database = place[:2] if place is not None else (None, found.facts.database)
        if database != found.facts.database:
            raise RefusedError(
                f"env.py connected to {database}, but to {found.facts.database} before.",
                effect=Effect.NOTHING_DONE,
                hint="Let it connect to the same database each time.",
            )
        try:
            self._lock.check_apart(self._pid)
        except LockedError:
            self._leave_session()
            raise
        if self._lock.connection is not None:
            self._lock.connection.watch(self._watch.look)

    def _leave_session(self) -> None:
        if self._found.kind.has_timeouts:
            leave_session(self._connection.connection.dbapi_connection)

    def stop(self) -> None:
        """End the watch: no further revision runs in this attempt."""
        if self._one_trip is not None:
            self._one_trip.stop()
        if self._timeouts is not None:
            self._timeouts.stop()
            # Of several databases one may be stopped again after an attempt that never came to it.
            self._timeouts = None
        if self._lock.connection is not None:
            self._lock.connection.watch(None)

    def _working_lock(self) -> LockName:
        return LockName(self._found.facts, self._found.qualified_version_table, working=True)

    @property
    def failed_held(self) -> bool:
        """Whether statements failed that were held back, so that nobody can tell which one it was."""
        return self._one_trip is not None and self._one_trip.failed_held

    def before(
        self, step: PlannedStep, asked: Directives, expected: Heads, *, hold: bool, one_by_one: bool
    ) -> None:
        """Come before a step and its transaction, with the database at the heads `expected`.

        With `hold` its statements are sent together, with `one_by_one` each by itself. Raises LockedError
        where the lock is lost.
        """
        try:
            self._lock.check()
        except LockedError:
            self._leave_session()
            raise
        function = step.migration_fn

        @wraps(function)
        def guarded(**arguments: Any) -> None:
            if not self._lock.excludes_others:
                self._refuse_overtaken(expected)
            self._begin(asked)
            try:
                with self._revision(hold, one_by_one):
                    self._call(function, arguments, hold=hold)
            finally:
                self.statements.end()

        step.migration_fn = guarded

    def _call(self, function: Callable[..., Any], arguments: dict[str, Any], *, hold: bool) -> None:
        # An INVALID index is looked for in each statement.
        if hold and self._one_trip is not None and not self._invalid:
            tenant_replay.apply_step(function, arguments, self._context, self._one_trip)
            if self._one_trip.sent is None:
                # What a SELECT or a SET may have changed of a session is not all undone.
                keep_written(self._connection, keep=False)
        else:
            outside(function, **arguments)

    def _refuse_overtaken(self, expected: Heads) -> None:
        """SQLite locks no longer than a transaction: between two of them another run may have come."""
        if set(heads_again(self._connection, self._found)) != set(expected):
            raise OvertakenError

    def _begin(self, asked: Directives) -> None:
        self._spent, self._asked = 0.0, asked
        self._watch.begin(self._pid)
        if self._one_trip is not None:
            # A log row of the step before, in the same transaction.
            self._one_trip.release()
        if self._timeouts is not None:
            self._timeouts.apply(self._connection, self._wanted())
        self.statements.begin()

    def _revision(self, hold: bool, one_by_one: bool) -> AbstractContextManager[None]:
        if not hold or self._one_trip is None:
            # Its function may do anything, or it is not known what that sends.
            keep_written(self._connection, keep=False)
        if self._one_trip is None:
            return nullcontext()
        # Without another attempt nobody would learn which statement waited in vain.
        hold = hold and bool(self.retries)
        return self._one_trip.revision(self._wanted().lock, hold=hold, one_by_one=one_by_one)

    def _wanted(self) -> Timeouts:
        settings, asked = self._workspace.environment.settings, self._asked
        lock, statement = asked.lock_timeout, asked.statement_timeout
        return Timeouts(
            settings.lock_timeout if lock is None else lock,
            settings.statement_timeout if statement is None else statement,
        )

    def _spend(self, connection: Connection, *_: object) -> None:
        """Let all waits of a revision share one lock_timeout: readers wait behind all of them together."""
        waited, wanted = self._watch.waited, self._wanted()
        if not self.statements.inside or self._timeouts is None or wanted.lock in (None, math.inf):
            return
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            return
        if waited > self._spent:
            self._spent = waited
            left = max(wanted.lock - waited, min(wanted.lock, _LEAST_SECONDS))
            self._timeouts.apply(connection, Timeouts(left, wanted.statement))

    def applied(self) -> None:
        """Come after a step, in its transaction. Raises BrokenReferencesError."""
        self._lock.begin_check()
        new = self._found.kind.broken_references(self._connection) - self._broken_references
        if new:
            table, _row, parent, _key = sorted(new, key=str)[0]
            raise BrokenReferencesError(
                f"{len(new)} row{'s' if len(new) > 1 else ''} of {table} would refer to rows of {parent}"
                " that are not there.",
                hint="Correct the revision, or the rows, then run it again.",
            )

    def _judge(self, statement: str) -> None:
        self._refuse_invalid(statement)
        self._refuse(statement)

    def _refuse_invalid(self, statement: str) -> None:
        """Refuse to go past an INVALID index: IF NOT EXISTS would keep it, and call that a success."""
        if not self._invalid or not (found := _INDEX_STATEMENT.match(statement)):
            return
        for index in self._invalid:
            name = re.escape(index.rpartition(".")[2].strip('"'))
            if not re.search(rf"(?<!\w){name}(?!\w)", statement):
                continue
            if found[1].upper() == "CREATE":
                raise InvalidIndexError(
                    f"The index {index} is INVALID: a concurrent build of it was broken off",
                    hint=f"Remove it: {drop_index(index)}; then run this again.",
                )
            self._invalid = tuple(each for each in self._invalid if each != index)


_INDEX_STATEMENT = re.compile(r"\s*(CREATE|DROP|REINDEX)\b.*\bINDEX\b", re.IGNORECASE | re.DOTALL)
