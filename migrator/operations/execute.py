"""Runs planned revisions on a database, and tells truthfully what became of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from migrator import secrets
from migrator.bridge.environment import env_failures
from migrator.bridge.plan import Plan, PlannedStep, applied_revisions, planned, step_info
from migrator.bridge.scripts import folders_of, place_in
from migrator.bridge.session import Session
from migrator.database.failures import causes, first_line
from migrator.errors import ExitCode, MigratorError
from migrator.operations.standing import refuse_unknown
from migrator.results.events import Direction, Report, StepFinished, StepStarted
from migrator.results.run import Failure, RunResult, Step


class MigrationFailedError(MigratorError):
    """A migration failed. `result` says what was applied, what failed and what remains."""

    exit_code = ExitCode.MIGRATION

    def __init__(self, message: str, result: RunResult, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.result = result


class RunInterruptedError(MigratorError):
    """The run was interrupted. `result` says what was applied and what remains."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, message: str, result: RunResult, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.result = result


@dataclass(frozen=True)
class Run:
    """What is to be run: the direction, the target as it was asked for, and the plan towards it.

    A run with `purge` empties the version table first, and may begin at revisions that no file has.
    """

    direction: Direction
    target: str
    plan: Plan
    purge: bool = False
    tag: str | None = None


@dataclass
class _Progress:
    """What is known while env.py runs; env.py's own word for success is not taken."""

    before: tuple[str, ...] = ()
    planned: list[Step] = field(default_factory=list)
    finished: list[Step] = field(default_factory=list)
    running: Step | None = None
    expected: tuple[str, ...] | None = None


def execute(session: Session, run: Run, report: Report) -> RunResult:
    """Run the plan in the environment's database, then read the database again on a new connection.

    Raises MigrationFailedError where a revision fails or the database is not where it should be,
    RunInterruptedError on Ctrl-C, and what `Session.run` raises for what goes wrong before the first
    revision.
    """
    progress = _Progress()
    if run.purge:
        # Alembic empties the table before it says what was in it.
        progress.before = session.read_heads()
        progress.expected = ()
    work = _work(session, run, progress, report)
    try:
        with env_failures(session.workspace, session.scripts.env_py_location, lambda: session.connected_to):
            _run_env(session, run, work, progress)
    except _StepFailed as exc:
        raise _failed(session, run, progress, exc.cause) from exc.cause
    except KeyboardInterrupt as exc:
        if not progress.planned:
            # Nothing was begun. Asking the database again might wait for a server that does not answer.
            raise
        raise _interrupted(session, run, progress) from exc
    return _verified(session, run, progress)


class _StepFailed(BaseException):
    """Carries what a revision raised past the translation that is meant for env.py's own troubles."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__()
        self.cause = cause


def _run_env(session: Session, run: Run, work: Any, progress: _Progress) -> None:
    try:
        session.run_untranslated(
            work,
            destination_rev=run.target,
            tag=run.tag,
            purge=run.purge,
            # What stamping takes away and what it puts in belong together.
            transaction="run" if run.direction == "stamp" else None,
        )
    except (Exception, SystemExit) as exc:
        if progress.running is None:
            raise
        raise _StepFailed(exc) from exc


def _work(session: Session, run: Run, progress: _Progress, report: Report) -> Any:
    def steps(heads: tuple[str, ...], context: MigrationContext) -> Iterator[PlannedStep]:
        if not run.purge:
            progress.before = tuple(heads)
            refuse_unknown(session, progress.before)
        steps = planned(run.plan, tuple(heads), session.workspace)
        progress.planned = [step_info(step, session.workspace) for step in steps]
        context.on_version_apply_callbacks = (*context.on_version_apply_callbacks, _note(progress))
        for index, (step, info) in enumerate(zip(steps, progress.planned, strict=True), start=1):
            yield from _one_step(step, info, StepStarted(run.direction, index, len(steps), *_names(info)))

    def _names(info: Step) -> tuple[str, str]:
        return info.revision, info.message

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


def _note(progress: _Progress) -> Any:
    def note(*, heads: set[str], **_: object) -> None:
        progress.expected = tuple(sorted(heads))

    return note


def _verified(session: Session, run: Run, progress: _Progress) -> RunResult:
    result = RunResult(
        direction=run.direction,
        target=run.target,
        before=progress.before,
        after=progress.before,
        applied=tuple(progress.finished),
    )
    if progress.expected is None:
        return result
    if _only_connection(session.connected_to):
        return replace(result, after=None)
    after = session.read_heads()
    if set(after) == set(progress.expected):
        return replace(result, after=after)
    where = ", ".join(after) or "base"
    raise MigrationFailedError(
        f"env.py reported success, but the database is at {where} and not at"
        f" {', '.join(progress.expected) or 'base'}: nothing was committed.",
        replace(result, after=after, applied=(), remaining=tuple(progress.planned)),
        hint="env.py runs a statement before context.configure(), which begins a transaction that nobody"
        " commits; end it with connection.commit() before configure().",
    )


def _only_connection(url: URL | None) -> bool:
    """A database in memory is gone with its connection; no second one can look at it."""
    return (
        url is not None
        and url.get_backend_name() == "sqlite"
        and (not url.database or url.database == ":memory:")
    )


def _failed(session: Session, run: Run, progress: _Progress, cause: BaseException) -> MigrationFailedError:
    result = _partial(session, run, progress)
    step = progress.running or Step("?", "", "")
    place = place_in(cause, folders_of(session.scripts))
    failure = Failure(
        step=step,
        cause=first_line(cause),
        statement=_statement(cause),
        file=session.workspace.environment.shown(place[0]) if place else step.path or None,
        line=place[1] if place else None,
    )
    result = replace(result, failed=failure, remaining=tuple(s for s in result.remaining if s != step))
    where = f"{failure.file}, line {failure.line}" if failure.line else failure.file
    named = f"{step.revision} ({step.message})" if step.message else step.revision
    return MigrationFailedError(
        f"The {run.direction} of revision {named} failed: {failure.cause.rstrip('.')}.",
        result,
        hint=f"Correct {where}, then run again: migrator {run.direction} --env"
        f" {session.workspace.environment.name}",
    )


def _interrupted(session: Session, run: Run, progress: _Progress) -> RunInterruptedError:
    result = _partial(session, run, progress)
    at = "unknown" if result.after is None else ", ".join(result.after) or "base"
    return RunInterruptedError(
        f"Interrupted: {len(result.applied)} of {len(progress.planned)} revisions are done; the database"
        f" is at {at}.",
        result,
        hint=f"Go on with: migrator {run.direction} --env {session.workspace.environment.name}",
    )


def _partial(session: Session, run: Run, progress: _Progress) -> RunResult:
    """What a run that did not end well has left behind, by the database's own word where it gives one."""
    try:
        after: tuple[str, ...] | None = session.read_heads()
        in_database = applied_revisions(session.scripts, after or ())
    except (MigratorError, CommandError):
        after, in_database = None, None
    done = _done(run.direction, progress, in_database)
    return RunResult(
        direction=run.direction,
        target=run.target,
        before=progress.before,
        after=after,
        applied=tuple(done),
        remaining=tuple(s for s in progress.planned if s.revision not in {d.revision for d in done}),
    )


def _done(direction: Direction, progress: _Progress, in_database: set[str] | None) -> list[Step]:
    if in_database is None or direction == "stamp":
        return progress.finished
    timed = {step.revision: step for step in progress.finished}
    return [
        timed.get(step.revision, step)
        for step in progress.planned
        if (step.revision in in_database) == (direction == "upgrade")
    ]


def _statement(cause: BaseException) -> str | None:
    for each in causes(cause):
        if isinstance(each, DBAPIError) and each.statement:
            return secrets.scrub(" ".join(each.statement.split()))
    return None
