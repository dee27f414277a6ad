"""One run of env.py that applies steps, guarded, and what is known of each database meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from alembic.runtime.migration import MigrationContext

from migrator.bridge.env_py.connected_database import ConnectedDatabase, connection_of
from migrator.bridge.env_py.observed import env_failures
from migrator.bridge.env_py.session import Session
from migrator.bridge.revision_files.plan import Heads, PlannedStep, applied_revisions, step_info
from migrator.database.connecting.second_connection import SecondConnection
from migrator.database.own.run_notes import LockWatch
from migrator.errors import MigratorError, RefusedError
from migrator.operations.run.connection_guard import ConnectionGuard, GuardError
from migrator.operations.run.planning import Run, RunPlanner
from migrator.operations.run.recording import Recorder
from migrator.operations.run.run_lock import RunLock
from migrator.results.events import Report, StepFinished, StepStarted
from migrator.results.run import Step


@dataclass
class DatabaseRun:
    """The account of one database while env.py runs; env.py's own word for success is not taken.

    `before` are the heads that the run began at, `standing` those that the version table was last given, and
    `changed` whether it was given any. `guard` and `context` are those of the present attempt. `one_by_one`
    are revisions whose statements failed when they were sent together.
    """

    found: ConnectedDatabase
    recorder: Recorder
    before: Heads
    standing: Heads
    planned: list[Step]
    finished: list[Step] = field(default_factory=list)
    running: Step | None = None
    running_step: PlannedStep | None = None
    started_at: datetime | None = None
    changed: bool = False
    lock: RunLock | None = None
    watch: LockWatch = field(default_factory=LockWatch)
    guard: ConnectionGuard | None = None
    context: MigrationContext | None = None
    one_by_one: set[str] = field(default_factory=set)

    @property
    def second(self) -> SecondConnection | None:
        """The connection that holds the lock, None where there is none."""
        return self.lock.connection if self.lock is not None else None

    def go_on_from(self, earlier: DatabaseRun) -> None:
        """Take over what the same run had done, with a plan of its own, before another run overtook it."""
        if not earlier.finished:
            return
        done = {step.revision for step in earlier.finished}
        self.before = earlier.before
        self.finished = list(earlier.finished)
        self.planned = [*self.finished, *(step for step in self.planned if step.revision not in done)]
        self.changed = True

    def resume(self, run: Run, heads: Heads, left: list[Step], session: Session) -> None:
        """Begin an attempt at `heads` with the steps that are left: what was rolled back is not finished."""
        applied = applied_revisions(session.scripts, heads)
        up = run.direction == "upgrade"
        self.finished = [
            step for step in self.finished if run.direction != "stamp" and (step.revision in applied) == up
        ]
        self.planned = [*self.finished, *left]
        self.standing = heads
        self.changed = bool(self.finished)
        self.running = self.running_step = None


class FailedAttempt(BaseException):
    """Carries what a revision raised past the translation that is meant for env.py's own troubles.

    `site` is the database where it happened, None where the commit at the end failed.
    """

    def __init__(self, cause: BaseException, site: DatabaseRun | None) -> None:
        super().__init__()
        self.cause = cause
        self.site = site


@dataclass
class Attempt:
    """Runs env.py once with the steps that are left. With `agreed` no other revisions than those may run."""

    session: Session
    run: Run
    planner: RunPlanner
    sites: Sequence[DatabaseRun]
    report: Report
    agreed: frozenset[str] | None

    def __post_init__(self) -> None:
        """Begin before the first database."""
        self._next = 0
        # What stopped the run between two steps; an env.py may hide it.
        self._left: MigratorError | None = None

    def make(self) -> None:
        """Run env.py. Raises FailedAttempt for a step that fails, OvertakenError, and MigratorErrors."""
        session = self.session
        with env_failures(session.workspace, session.scripts.env_py_location, lambda: session.connected_to):
            try:
                session.run_untranslated(
                    self._work,
                    on_version_apply=self._applied,
                    writes=True,
                    purge=self.run.purge,
                    # What stamping takes away and what it puts in belong together.
                    transaction="run" if self.run.direction == "stamp" else None,
                    **self.run.environment_options(),
                )
            except (Exception, SystemExit) as exc:
                raise self._sorted(exc) from exc
            finally:
                for site in self.sites:
                    if site.guard is not None:
                        site.guard.stop()
        self._refuse_half()

    def _refuse_half(self) -> None:
        """Refuse to take for a success what env.py ended early, or went on after."""
        if self._left is not None:
            raise self._left
        for index, site in enumerate(self.sites):
            if site.running is not None:
                raise FailedAttempt(RuntimeError("env.py went on after it, and hid the cause"), site)
            if index >= self._next or len(site.finished) < len(site.planned):
                raise FailedAttempt(RuntimeError("env.py ended before its last revision"), None)

    def _sorted(self, exc: BaseException) -> BaseException:
        site = next((site for site in self.sites if site.running is not None), None)
        if isinstance(exc, GuardError):
            return FailedAttempt(exc, site)
        # With something planned it is a failed run, also where only the commit at its end failed.
        begun = any(site.guard is not None and site.planned for site in self.sites)
        if isinstance(exc, MigratorError) or not begun:
            return exc
        return FailedAttempt(exc, site)

    def _work(self, heads: Heads, context: MigrationContext) -> Iterator[PlannedStep]:
        # An env.py of several databases comes here once for each.
        site = self.sites[self._next]
        self._next += 1
        try:
            yield from self._steps(site, tuple(heads), context)
        except MigratorError as exc:
            self._left = exc
            raise

    def _steps(self, site: DatabaseRun, heads: Heads, context: MigrationContext) -> Iterator[PlannedStep]:
        steps = self.planner.steps(heads)
        infos = [step_info(step, self.session.workspace) for step in steps]
        self._refuse_more_than_agreed(infos)
        purge = self.run.purge
        site.resume(self.run, () if purge else heads, infos, self.session)
        site.changed = site.changed or purge
        if not site.finished and not purge:
            # Another run may have been here since the plan was made.
            site.before = heads
        assert site.lock is not None
        site.recorder.resume(committed=bool(site.finished))
        site.guard = ConnectionGuard(
            context,
            self.session.workspace,
            site.found,
            site.lock,
            site.watch,
            commits_each=self.run.direction != "stamp",
        )
        site.context = context
        if steps or purge:
            site.guard.start()
        if not steps and purge:
            # Alembic has no step for it, and has emptied the version table by now.
            site.recorder.purged(connection_of(context), site.before)
        for step, info in zip(steps, infos, strict=True):
            yield from self._step(site, site.guard, step, info)

    def _step(
        self, site: DatabaseRun, guard: ConnectionGuard, step: PlannedStep, info: Step
    ) -> Iterator[PlannedStep]:
        one_by_one = info.revision in site.one_by_one
        hold = not one_by_one and self.planner.may_hold(step)
        guard.before(step, self.planner.asked(step), site.standing, hold=hold, one_by_one=one_by_one)
        started = StepStarted(
            self.run.direction,
            len(site.finished) + 1,
            len(site.planned),
            info.revision,
            info.message,
            site.recorder.earlier_seconds(self.run.direction, info.revision),
        )
        self.report(started)
        site.running, site.running_step, site.started_at = info, step, datetime.now(UTC)
        begun = time.monotonic()
        yield step
        # Alembic asks for the next step once this one's transaction has ended.
        site.running = None
        done = replace(info, seconds=round(time.monotonic() - begun, 3))
        site.finished.append(done)
        self.report(StepFinished(started, done.seconds or 0.0))

    def _refuse_more_than_agreed(self, infos: Sequence[Step]) -> None:
        if self.agreed is None:
            return
        new = [info.revision for info in infos if info.revision not in self.agreed]
        if new:
            raise RefusedError(
                f"The plan has changed since it was agreed to: {', '.join(new)} came in. Nothing more was"
                " done.",
                hint="Run the command again to see the new plan.",
            )

    def _applied(self, *, ctx: MigrationContext, heads: set[str], **_: Any) -> None:
        """Come after a step in its transaction, with the version table written."""
        site = next(site for site in self.sites if site.context is ctx)
        site.standing = tuple(sorted(heads))
        site.changed = True
        assert site.guard is not None
        site.guard.applied()
        assert site.running_step is not None
        assert site.started_at is not None
        seconds = (datetime.now(UTC) - site.started_at).total_seconds()
        site.recorder.step(connection_of(ctx), site.running_step, site.started_at, seconds)
