"""One run of env.py that applies steps, guarded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from alembic.runtime.migration import MigrationContext

from migrator.bridge.env_py.connected_database import connection_of
from migrator.bridge.env_py.observed import env_failures
from migrator.bridge.env_py.session import Session
from migrator.bridge.revision_files.plan import Heads, PlannedStep, step_info
from migrator.errors import MigratorError, RefusedError
from migrator.operations.run.connection_guard import ConnectionGuard, GuardError
from migrator.operations.run.planning import RunPlanner
from migrator.operations.run.run_account import DatabaseRun, Run
from migrator.results.events import Report, StepFinished, StepStarted
from migrator.results.run import Step


class FailedAttempt(BaseException):
    """Carries what a revision raised past the translation that is meant for env.py's own troubles.

    `site` is the database where it happened, None where the commit at the end failed.
    """

    def __init__(self, cause: BaseException, site: DatabaseRun | None) -> None:
        super().__init__()
        self.cause = cause
        self.site = site


class Attempt:
    """Runs env.py once with the steps that are left. With `agreed` no other revisions than those may run."""

    def __init__(
        self,
        session: Session,
        run: Run,
        planner: RunPlanner,
        sites: Sequence[DatabaseRun],
        report: Report,
        agreed: frozenset[str] | None,
    ) -> None:
        self._session = session
        self._run = run
        self._planner = planner
        self._sites = sites
        self._report = report
        self._agreed = agreed
        self._next = 0
        # What stopped the run between two steps; an env.py may hide it.
        self._left: MigratorError | None = None

    def run(self) -> None:
        """Run env.py. Raises FailedAttempt for a step that fails, Overtaken, and MigratorErrors."""
        session = self._session
        with env_failures(session.workspace, session.scripts.env_py_location, lambda: session.connected_to):
            try:
                self._run_env()
            except (Exception, SystemExit) as exc:
                raise self._sorted(exc) from exc
            finally:
                for site in self._sites:
                    if site.guard is not None:
                        site.guard.stop()
        self._refuse_half()

    def _refuse_half(self) -> None:
        """Refuse to take for a success what env.py ended early, or went on after."""
        if self._left is not None:
            raise self._left
        for index, site in enumerate(self._sites):
            tally = site.tally
            if tally.running is not None:
                raise FailedAttempt(RuntimeError("env.py went on after it, and hid the cause"), site)
            if index >= self._next or len(tally.finished) < len(tally.planned):
                raise FailedAttempt(RuntimeError("env.py ended before its last revision"), None)

    def _sorted(self, exc: BaseException) -> BaseException:
        site = next((site for site in self._sites if site.tally.running is not None), None)
        if isinstance(exc, GuardError):
            return FailedAttempt(exc, site)
        # With something planned it is a failed run, also where only the commit at its end failed.
        begun = any(site.guard is not None and site.tally.planned for site in self._sites)
        if isinstance(exc, MigratorError) or not begun:
            return exc
        return FailedAttempt(exc, site)

    def _run_env(self) -> None:
        self._session.run_untranslated(
            self._work,
            on_version_apply=self._applied,
            writes=True,
            purge=self._run.purge,
            # What stamping takes away and what it puts in belong together.
            transaction="run" if self._run.direction == "stamp" else None,
            **self._run.environment_options(),
        )

    def _work(self, heads: Heads, context: MigrationContext) -> Iterator[PlannedStep]:
        # An env.py of several databases comes here once for each.
        site = self._sites[self._next]
        self._next += 1
        try:
            yield from self._steps(site, tuple(heads), context)
        except MigratorError as exc:
            self._left = exc
            raise

    def _steps(self, site: DatabaseRun, heads: Heads, context: MigrationContext) -> Iterator[PlannedStep]:
        tally = site.tally
        steps = self._planner.steps(heads)
        infos = [step_info(step, self._session.workspace) for step in steps]
        self._refuse_more_than_agreed(infos)
        tally.resume(() if self._run.purge else heads, infos, self._session)
        tally.changed = tally.changed or self._run.purge
        if not tally.finished and not self._run.purge:
            # Another run may have been here since the plan was made.
            tally.before = tuple(heads)
        assert site.lock is not None
        site.recorder.resume(committed=bool(tally.finished))
        site.guard = ConnectionGuard(
            context,
            self._session.workspace,
            tally.found,
            site.lock,
            site.watch,
            commits_each=self._run.direction != "stamp",
            refuse=self._refusing(site),
        )
        site.context = context
        if steps or self._run.purge:
            site.guard.start()
        if not steps and self._run.purge:
            # Alembic has no step for it, and has emptied the version table by now.
            site.recorder.purged(connection_of(context), tally.before)
        for step, info in zip(steps, infos, strict=True):
            yield from self._step(site, step, info)

    def _refusing(self, site: DatabaseRun) -> Callable[[str], None] | None:
        losses, tally = site.losses, site.tally
        if losses is None:
            return None

        def refuse(statement: str) -> None:
            assert tally.running is not None
            losses.refuse(tally.running, statement)

        return refuse

    def _step(self, site: DatabaseRun, step: PlannedStep, info: Step) -> Iterator[PlannedStep]:
        assert site.guard is not None
        tally = site.tally
        one_by_one = info.revision in site.one_by_one
        hold = not one_by_one and self._planner.may_hold(step)
        asked = self._planner.asked(step)
        site.guard.before(step, asked, tally.standing, hold=hold, one_by_one=one_by_one)
        started = StepStarted(
            self._run.direction,
            len(tally.finished) + 1,
            len(tally.planned),
            info.revision,
            info.message,
            site.recorder.earlier_seconds(self._run.direction, info.revision),
        )
        self._report(started)
        tally.running, tally.running_step, tally.started_at = info, step, datetime.now(UTC)
        begun = time.monotonic()
        yield step
        # Alembic asks for the next step once this one's transaction has ended.
        tally.running = None
        done = replace(info, seconds=round(time.monotonic() - begun, 3))
        tally.finished.append(done)
        self._report(StepFinished(started, done.seconds or 0.0))

    def _refuse_more_than_agreed(self, infos: Sequence[Step]) -> None:
        if self._agreed is None:
            return
        new = [info.revision for info in infos if info.revision not in self._agreed]
        if new:
            raise RefusedError(
                f"The plan has changed since it was agreed to: {', '.join(new)} came in. Nothing more was"
                " done.",
                hint="Run the command again to see the new plan.",
            )

    def _applied(self, *, ctx: MigrationContext, heads: set[str], **_: Any) -> None:
        """Come after a step in its transaction, with the version table written."""
        site = next(site for site in self._sites if site.context is ctx)
        site.tally.standing = tuple(sorted(heads))
        site.tally.changed = True
        assert site.guard is not None
        site.guard.applied()
        tally = site.tally
        assert tally.running_step is not None
        assert tally.started_at is not None
        seconds = (datetime.now(UTC) - tally.started_at).total_seconds()
        site.recorder.step(connection_of(ctx), tally.running_step, tally.started_at, seconds)
