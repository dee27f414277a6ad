"""Says what became of a run, by the database's own word where it gives one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from sqlalchemy.exc import SQLAlchemyError

from migrator.bridge.env_py.connected_database import ask, connect_again, heads_again
from migrator.bridge.env_py.session import Session
from migrator.bridge.revision_files.loading import folders_of
from migrator.bridge.revision_files.loading_errors import place_in
from migrator.bridge.revision_files.plan import applied_revisions
from migrator.config.url import address
from migrator.database.connecting.second_connection import can_connect_again
from migrator.database.failures import (
    connection_lost,
    database_error,
    failing_statement,
    first_line,
    means,
)
from migrator.database.kinds.interface import ErrorMeaning
from migrator.errors import DatabaseError, LockedError, MigratorError
from migrator.faults import is_own_fault, own_fault
from migrator.operations.run.run_account import DatabaseRun, Run
from migrator.operations.run.run_lock import application_name
from migrator.results.run import Failure, Holder, RunResult, Step, describe_holder
from migrator.results.run_errors import LockLostError, MigrationFailedError, RunError, RunInterruptedError


def verified_result(
    session: Session, run: Run, sites: Sequence[DatabaseRun], notes: Sequence[str], retries: int
) -> RunResult:
    """Read the databases again after a run that env.py calls a success.

    Raises MigrationFailedError where one is not where it should be, or cannot be read.
    """
    applied = tuple(step for site in sites for step in site.tally.finished)
    result = replace(
        _result(run, sites, after=_before(sites), applied=applied), notes=tuple(notes), retries=retries
    )
    if not any(site.tally.changed for site in sites):
        return result
    if not all(can_connect_again(site.tally.found.engine) for site in sites):
        return replace(result, after=None)
    try:
        after = [heads_after(session, run, site) for site in sites]
    except MigratorError as exc:
        raise MigrationFailedError(
            f"The {run.direction} ended, but the database could not be read again: {exc.message}",
            replace(result, after=None),
            hint=f"See where it stands: {session.workspace.again('current')}",
        ) from exc
    for site, heads in zip(sites, after, strict=True):
        if set(heads) != set(site.tally.standing):
            raise _not_there(session, run, sites, after, replace(result, after=_joined(after)), site, heads)
    return replace(result, after=_joined(after))


def _not_there(
    session: Session,
    run: Run,
    sites: Sequence[DatabaseRun],
    after: Sequence[tuple[str, ...]],
    result: RunResult,
    site: DatabaseRun,
    heads: tuple[str, ...],
) -> MigrationFailedError:
    done = _done(session, run, sites, after) if run.direction != "stamp" else []
    what = "nothing was committed" if not done else "not all was committed"
    return MigrationFailedError(
        f"env.py reported success, but the database is at {_named(heads)} and not at"
        f" {_named(site.tally.standing)}: {what}.",
        replace(result, applied=tuple(done), remaining=_remaining(sites, done)),
        hint="Either env.py runs a statement before context.configure(), which begins a transaction that"
        " nobody commits (end it with connection.commit()), or a revision commits or rolls back by itself.",
    )


def heads_after(session: Session, run: Run, site: DatabaseRun) -> tuple[str, ...]:
    """Read where a database stands, on another connection than the migrating one. Raises DatabaseError."""
    found = site.tally.found
    try:
        if site.lock is not None and site.lock.connection is not None:
            with suppress(DatabaseError):
                return ask(site.lock.connection, found, lambda c: heads_again(c, found))
            # The lock's own connection is lost; the server may still be there.
        again = connect_again(found, application_name())
        if again is None:
            return session.read_heads(**run.environment_options())
        try:
            return ask(again, found, lambda c: heads_again(c, found))
        finally:
            again.close()
    except (SQLAlchemyError, OSError) as exc:
        raise database_error(exc, address(found.url), "env.py") from exc


def failed_error(
    session: Session,
    run: Run,
    sites: Sequence[DatabaseRun],
    cause: BaseException,
    site: DatabaseRun | None,
    retries: int,
) -> RunError:
    """Make the error for a run in which a revision, or the commit after the last one, failed.

    `site` is the database whose revision it was. Where it was migrator that failed, the error says so.
    """
    result = replace(_partial(session, run, sites), retries=retries)
    step = site.tally.running if site is not None else None
    failure = _failure(session, site, step, cause)
    result = replace(result, failed=failure, remaining=tuple(s for s in result.remaining if s != step))
    if is_own_fault(cause):
        own = own_fault(cause)
        return RunError(f"{own.message}.{_stays(failure)}", result, hint=own.hint)
    reason = failure.cause.rstrip(".")
    again = _again(session, run, result)
    if step is None:
        text = f"The {run.direction} could not be completed after its last revision: {reason}."
        return MigrationFailedError(text, result, hint=f"Then run again: {again}")
    named = f"{step.revision} ({step.message})" if step.message else step.revision
    return MigrationFailedError(
        f"The {run.direction} of revision {named} failed: {reason}.{_stays(failure)}{_tried(retries)}",
        result,
        hint=_way_out(failure, cause, again),
    )


def _failure(session: Session, site: DatabaseRun | None, step: Step | None, cause: BaseException) -> Failure:
    own = is_own_fault(cause)
    place = None if own else place_in(cause, folders_of(session.scripts))
    file = (step.path or None) if step is not None and not own else None
    guard = site.guard if site is not None else None
    return Failure(
        step=step,
        cause=first_line(cause),
        statement=failing_statement(cause),
        file=session.workspace.environment.shown(place[0]) if place else file,
        line=place[1] if place else None,
        committed=guard.statements.shown() if guard is not None and step is not None else (),
        blocked_by=blockers(site, cause),
    )


def blockers(site: DatabaseRun | None, cause: BaseException) -> tuple[Holder, ...]:
    """Give the sessions that were seen to block the migrating one, where it waited for them in vain."""
    return site.watch.blockers if site is not None and means(cause, ErrorMeaning.LOCKED) else ()


def _stays(failure: Failure) -> str:
    if not failure.committed:
        return ""
    count = len(failure.committed)
    are = "statements are" if count > 1 else "statement is"
    return f" {count} {are} committed already and could not be rolled back."


def _tried(retries: int) -> str:
    return f" It was tried {retries + 1} times." if retries else ""


def _way_out(failure: Failure, cause: BaseException, again: str) -> str:
    if isinstance(cause, MigratorError) and cause.hint:
        return cause.hint
    if connection_lost(cause):
        return f"When the database answers again, run: {again}"
    if means(cause, ErrorMeaning.LOCKED):
        who = "; ".join(describe_holder(holder) for holder in failure.blocked_by)
        blocked = (
            f"Blocked by {who}. End that session, or wait"
            if who
            else "Another session held a lock for too long"
        )
        return f"{blocked}; then run again: {again}"
    if failure.file is None:
        return f"Run again: {again}"
    where = f"{failure.file}, line {failure.line}" if failure.line else failure.file
    if failure.committed:
        return (
            f"Undo by hand what is committed, or let {where} go on from there (IF NOT EXISTS); then run"
            f" again: {again}"
        )
    return f"Correct {where}, then run again: {again}"


def lock_lost_error(
    session: Session, run: Run, sites: Sequence[DatabaseRun], cause: LockedError
) -> LockLostError:
    """Make the error for a run that stopped between two revisions because its lock was lost."""
    result = _partial(session, run, sites)
    return LockLostError(cause.what, result, hint=cause.hint)


def stopped_error(session: Session, run: Run, sites: Sequence[DatabaseRun], cause: MigratorError) -> RunError:
    """Make the error for a run that something else than a revision stopped, after some were applied."""
    error = RunError(cause.what, _partial(session, run, sites), hint=cause.hint)
    error.exit_code = cause.exit_code
    return error


def interrupted_error(session: Session, run: Run, sites: Sequence[DatabaseRun]) -> RunInterruptedError:
    """Make the error for a run that was interrupted after it had begun."""
    result = _partial(session, run, sites)
    at = "unknown" if result.after is None else _named(result.after)
    planned = sum(len(site.tally.planned) for site in sites)
    return RunInterruptedError(
        f"Interrupted: {len(result.applied)} of {planned} revisions are done; the database is at {at}.",
        result,
        hint=f"Go on with: {_again(session, run, result)}",
    )


def _again(session: Session, run: Run, result: RunResult) -> str:
    """Give the command that does what is left; a relative target counts from where the database is now."""
    left = len(result.remaining) + (result.failed is not None and result.failed.step is not None)
    targets = [f"{target[0]}{left}" if re.fullmatch(r"[+-]\d+", target) else target for target in run.targets]
    return session.workspace.again(run.direction, *targets)


def _partial(session: Session, run: Run, sites: Sequence[DatabaseRun]) -> RunResult:
    """What a run that did not end well has left behind."""
    after: list[tuple[str, ...]] | None = None
    if all(can_connect_again(site.tally.found.engine) for site in sites):
        try:
            after = [heads_after(session, run, site) for site in sites]
        except MigratorError:
            after = None
    done = _done(session, run, sites, after)
    return _result(
        run,
        sites,
        after=None if after is None else _joined(after),
        applied=tuple(done),
        remaining=_remaining(sites, done),
    )


def _done(
    session: Session, run: Run, sites: Sequence[DatabaseRun], after: Sequence[tuple[str, ...]] | None
) -> list[Step]:
    if after is None or run.direction == "stamp":
        # Only where each revision was committed by itself is it known without asking.
        alone = session.workspace.environment.settings.transaction == "revision"
        readable = all(can_connect_again(site.tally.found.engine) for site in sites)
        return [step for site in sites for step in site.tally.finished] if alone and readable else []
    done: list[Step] = []
    for site, heads in zip(sites, after, strict=True):
        in_database = applied_revisions(session.scripts, heads)
        timed = {step.revision: step for step in site.tally.finished}
        done += [
            timed.get(step.revision, step)
            for step in site.tally.planned
            if (step.revision in in_database) == (run.direction == "upgrade")
        ]
    return done


def _remaining(sites: Sequence[DatabaseRun], done: Sequence[Step]) -> tuple[Step, ...]:
    names = {step.revision for step in done}
    return tuple(step for site in sites for step in site.tally.planned if step.revision not in names)


def _result(
    run: Run,
    sites: Sequence[DatabaseRun],
    *,
    after: tuple[str, ...] | None,
    applied: tuple[Step, ...],
    remaining: tuple[Step, ...] = (),
) -> RunResult:
    return RunResult(
        direction=run.direction,
        target=", ".join(run.targets),
        before=_before(sites),
        after=after,
        applied=applied,
        remaining=remaining,
    )


def _before(sites: Sequence[DatabaseRun]) -> tuple[str, ...]:
    return _joined([site.tally.before for site in sites])


def _joined(heads: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(head for each in heads for head in each))


def _named(heads: tuple[str, ...]) -> str:
    return ", ".join(heads) or "base"
