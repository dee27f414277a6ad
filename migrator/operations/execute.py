"""Runs planned revisions on a database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from alembic.runtime.migration import MigrationContext

from migrator.bridge.environment import Work, env_failures
from migrator.bridge.plan import PlannedStep, planned, step_info
from migrator.bridge.session import Session
from migrator.errors import MigratorError
from migrator.operations.outcome import Progress, Run, failed, interrupted, verified
from migrator.operations.standing import refuse_unknown
from migrator.results.events import Report, StepFinished, StepStarted
from migrator.results.run import RunResult, Step


def execute(session: Session, run: Run, report: Report) -> RunResult:
    """Run the plan in the environment's database, then read the database again on a new connection.

    Raises MigrationFailedError where a revision fails or the database is not where it should be,
    RunInterruptedError on Ctrl-C, and what `Session.run` raises for what goes wrong before the first
    revision.
    """
    progress = Progress()
    if run.purge:
        # Alembic empties the table before it says what was in it.
        progress.before = session.read_heads(**run.environment_options())
        progress.expected = ()
    work = _work(session, run, progress, report)
    try:
        with env_failures(session.workspace, session.scripts.env_py_location, lambda: session.connected_to):
            _run_env(session, run, work, progress)
    except _Failed as exc:
        raise failed(session, run, progress, exc.cause) from exc.cause
    except KeyboardInterrupt as exc:
        if not progress.planned:
            # Nothing was begun. Asking the database again might wait for a server that does not answer.
            raise
        raise interrupted(session, run, progress) from exc
    if progress.running is not None:
        raise failed(session, run, progress, RuntimeError("env.py went on after it, and hid the cause"))
    return verified(session, run, progress)


class _Failed(BaseException):
    """Carries what a revision raised past the translation that is meant for env.py's own troubles."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__()
        self.cause = cause


def _run_env(session: Session, run: Run, work: Work, progress: Progress) -> None:
    try:
        session.run_untranslated(
            work,
            on_version_apply=_note(progress),
            purge=run.purge,
            # What stamping takes away and what it puts in belong together.
            transaction="run" if run.direction == "stamp" else None,
            **run.environment_options(),
        )
    except (Exception, SystemExit) as exc:
        # With something planned it is a failed run, also where only the commit at its end failed.
        if not progress.planned or isinstance(exc, MigratorError):
            raise
        raise _Failed(exc) from exc


def _work(session: Session, run: Run, progress: Progress, report: Report) -> Work:
    def steps(heads: tuple[str, ...], _context: MigrationContext) -> Iterator[PlannedStep]:
        if not run.purge:
            progress.before = tuple(heads)
            refuse_unknown(session, progress.before)
        steps = planned(run.plan, tuple(heads), session.workspace)
        infos = [step_info(step, session.workspace) for step in steps]
        # An env.py of several databases comes here once for each.
        progress.planned += infos
        for index, (step, info) in enumerate(zip(steps, infos, strict=True), start=1):
            started = StepStarted(run.direction, index, len(steps), info.revision, info.message)
            yield from _one_step(step, info, started)

    def _one_step(step: PlannedStep, info: Step, started: StepStarted) -> Iterator[PlannedStep]:
        report(started)
        progress.running = info
        begun = time.monotonic()
        yield step
        # Alembic asks for the next step once this one's transaction has ended.
        progress.running = None
        done = replace(info, seconds=round(time.monotonic() - begun, 3))
        progress.finished.append(done)
        report(StepFinished(started, done.seconds or 0.0))

    return steps


def _note(progress: Progress) -> Any:
    def note(*, heads: set[str], **_: object) -> None:
        progress.expected = tuple(sorted(heads))

    return note
