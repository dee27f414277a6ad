"""Says what became of a run, by the database's own word where it gives one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from sqlalchemy import URL

from migrator.bridge.plan import Plan, applied_revisions
from migrator.bridge.scripts import folders_of, place_in
from migrator.bridge.session import Session
from migrator.database.failures import causes, connection_lost, failing_statement, first_line
from migrator.errors import ExitCode, MigratorError
from migrator.results.events import Direction
from migrator.results.run import Failure, RunResult, Step

_LOCK_TIMEOUT = "55P03"


class RunError(MigratorError):
    """A run did not end well. `result` says what was applied, what failed and what remains."""

    def __init__(self, message: str, result: RunResult, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.result = result


class MigrationFailedError(RunError):
    """A migration failed."""

    exit_code = ExitCode.MIGRATION


class RunInterruptedError(RunError):
    """The run was interrupted."""

    exit_code = ExitCode.INTERRUPTED


@dataclass(frozen=True)
class Run:
    """What is to be run: the direction, the targets as they were asked for, and the plan towards them.

    A run with `purge` empties the version table first, and may begin at revisions that no file has.
    """

    direction: Direction
    targets: tuple[str, ...]
    plan: Plan
    purge: bool = False
    tag: str | None = None

    def environment_options(self) -> dict[str, object]:
        """Give what env.py may ask Alembic for, in the form that Alembic's own commands give it."""
        one = self.direction != "stamp"
        return {"destination_rev": self.targets[0] if one else self.targets, "tag": self.tag}


@dataclass
class Progress:
    """What is known while env.py runs; env.py's own word for success is not taken."""

    before: tuple[str, ...] = ()
    planned: list[Step] = field(default_factory=list)
    finished: list[Step] = field(default_factory=list)
    running: Step | None = None
    expected: tuple[str, ...] | None = None


def verified(session: Session, run: Run, progress: Progress) -> RunResult:
    """Read the database again after a run that env.py calls a success.

    Raises MigrationFailedError where it is not where it should be, or cannot be read.
    """
    result = _result(run, progress, after=progress.before, applied=tuple(progress.finished))
    if progress.expected is None:
        return result
    if _only_connection(session.connected_to):
        return replace(result, after=None)
    try:
        after = session.read_heads(**run.environment_options())
    except MigratorError as exc:
        raise MigrationFailedError(
            f"The {run.direction} ended, but the database could not be read again: {exc.message}",
            replace(result, after=None),
            hint=f"See where it stands: {session.workspace.again('current')}",
        ) from exc
    if set(after) == set(progress.expected):
        return replace(result, after=after)
    done = _done(session, run, progress, after) if run.direction != "stamp" else []
    names = {step.revision for step in done}
    remaining = tuple(step for step in progress.planned if step.revision not in names)
    what = "nothing was committed" if not done else "not all was committed"
    raise MigrationFailedError(
        f"env.py reported success, but the database is at {_named(after)} and not at"
        f" {_named(progress.expected)}: {what}.",
        replace(result, after=after, applied=tuple(done), remaining=remaining),
        hint="Either env.py runs a statement before context.configure(), which begins a transaction that"
        " nobody commits (end it with connection.commit()), or a revision commits or rolls back by itself.",
    )


def failed(session: Session, run: Run, progress: Progress, cause: BaseException) -> MigrationFailedError:
    """Make the error for a run in which a revision, or the commit after the last one, failed."""
    result = _partial(session, run, progress)
    step = progress.running
    place = place_in(cause, folders_of(session.scripts))
    failure = Failure(
        step=step,
        cause=first_line(cause),
        statement=failing_statement(cause),
        file=session.workspace.environment.shown(place[0])
        if place
        else (step.path or None)
        if step
        else None,
        line=place[1] if place else None,
    )
    result = replace(result, failed=failure, remaining=tuple(s for s in result.remaining if s != step))
    reason = failure.cause.rstrip(".")
    again = _again(session, run, result)
    if step is None:
        text = f"The {run.direction} could not be completed after its last revision: {reason}."
        return MigrationFailedError(text, result, hint=f"Then run again: {again}")
    named = f"{step.revision} ({step.message})" if step.message else step.revision
    return MigrationFailedError(
        f"The {run.direction} of revision {named} failed: {reason}.",
        result,
        hint=_way_out(failure, cause, again),
    )


def _way_out(failure: Failure, cause: BaseException, again: str) -> str:
    if connection_lost(cause):
        return f"When the database answers again, run: {again}"
    if any(getattr(each, "sqlstate", None) == _LOCK_TIMEOUT for each in causes(cause)):
        return f"Another session held a lock for longer than lock_timeout; run again: {again}"
    if failure.file is None:
        return f"Run again: {again}"
    where = f"{failure.file}, line {failure.line}" if failure.line else failure.file
    return f"Correct {where}, then run again: {again}"


def interrupted(session: Session, run: Run, progress: Progress) -> RunInterruptedError:
    """Make the error for a run that was interrupted after it had begun."""
    result = _partial(session, run, progress)
    at = "unknown" if result.after is None else _named(result.after)
    return RunInterruptedError(
        f"Interrupted: {len(result.applied)} of {len(progress.planned)} revisions are done; the database"
        f" is at {at}.",
        result,
        hint=f"Go on with: {_again(session, run, result)}",
    )


def _again(session: Session, run: Run, result: RunResult) -> str:
    """Give the command that does what is left; a relative target counts from where the database is now."""
    left = len(result.remaining) + (result.failed is not None and result.failed.step is not None)
    targets = [f"{target[0]}{left}" if re.fullmatch(r"[+-]\d+", target) else target for target in run.targets]
    return session.workspace.again(run.direction, *targets)


def _partial(session: Session, run: Run, progress: Progress) -> RunResult:
    """What a run that did not end well has left behind."""
    try:
        readable = not _only_connection(session.connected_to)
        after = session.read_heads(**run.environment_options()) if readable else None
    except MigratorError:
        after = None
    done = _done(session, run, progress, after)
    names = {step.revision for step in done}
    remaining = tuple(step for step in progress.planned if step.revision not in names)
    return _result(run, progress, after=after, applied=tuple(done), remaining=remaining)


def _done(session: Session, run: Run, progress: Progress, after: tuple[str, ...] | None) -> list[Step]:
    if after is None or run.direction == "stamp":
        # Only where each revision was committed by itself is it known without asking.
        alone = session.workspace.environment.settings.transaction == "revision"
        return progress.finished if alone and not _only_connection(session.connected_to) else []
    in_database = applied_revisions(session.scripts, after)
    timed = {step.revision: step for step in progress.finished}
    return [
        timed.get(step.revision, step)
        for step in progress.planned
        if (step.revision in in_database) == (run.direction == "upgrade")
    ]


def _result(
    run: Run,
    progress: Progress,
    *,
    after: tuple[str, ...] | None,
    applied: tuple[Step, ...],
    remaining: tuple[Step, ...] = (),
) -> RunResult:
    return RunResult(
        direction=run.direction,
        target=", ".join(run.targets),
        before=progress.before,
        after=after,
        applied=applied,
        remaining=remaining,
    )


def _only_connection(url: URL | None) -> bool:
    """A database in memory is gone with its connection; no second one can look at it."""
    if url is None or url.get_backend_name() != "sqlite":
        return False
    file = url.database or ":memory:"
    return ":memory:" in file or "mode=memory" in file or url.query.get("mode") == "memory"


def _named(heads: tuple[str, ...]) -> str:
    return ", ".join(heads) or "base"
