"""Says what became of a run, by the database's own word where it gives one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace

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
from migrator.operations.run.attempt import DatabaseRun
from migrator.operations.run.connection_guard import GuardError
from migrator.operations.run.planning import Run
from migrator.operations.run.run_lock import application_name
from migrator.results.run import Failure, Holder, RunResult, Step, describe_holder
from migrator.results.run_errors import LockLostError, MigrationFailedError, RunError, RunInterruptedError


@dataclass(frozen=True)
class RunOutcome:
    """Makes the result of a run, or its error, from what its databases say themselves."""

    session: Session
    run: Run
    sites: Sequence[DatabaseRun]

    def verified(self, notes: Sequence[str], retries: int = 0) -> RunResult:
        """Read the databases again after a run that env.py calls a success.

        Raises MigrationFailedError where one is not where it should be, or cannot be read.
        """
        applied = tuple(step for site in self.sites for step in site.finished)
        result = replace(self._result(None, applied), notes=tuple(notes), retries=retries)
        if not any(site.changed for site in self.sites):
            return replace(result, after=result.before)
        if not self._can_read_again():
            return result
        try:
            after = [self._heads_after(site) for site in self.sites]
        except MigratorError as exc:
            raise MigrationFailedError(
                f"The {self.run.direction} ended, but the database could not be read again: {exc.message}",
                result,
                hint=f"See where it stands: {self.session.workspace.again('current')}",
            ) from exc
        result = replace(result, after=_joined(after))
        for site, heads in zip(self.sites, after, strict=True):
            if set(heads) != set(site.standing):
                done = self._done(after) if self.run.direction != "stamp" else []
                what = "nothing was committed" if not done else "not all was committed"
                raise MigrationFailedError(
                    f"env.py reported success, but the database is at {_named(heads)} and not at"
                    f" {_named(site.standing)}: {what}.",
                    replace(result, applied=tuple(done), remaining=self._remaining(done)),
                    hint="Either env.py runs a statement before context.configure(), which begins a"
                    " transaction that nobody commits (end it with connection.commit()), or a revision"
                    " commits or rolls back by itself.",
                )
        return result

    def failed(self, cause: BaseException, site: DatabaseRun | None, retries: int) -> RunError:
        """Make the error for a run in which a revision, or the commit after the last one, failed.

        `site` is the database whose revision it was. Where it was migrator that failed, the error says so.
        """
        result = replace(self._partial(), retries=retries)
        step = site.running if site is not None else None
        failure = self._failure(site, step, cause)
        result = replace(result, failed=failure, remaining=tuple(s for s in result.remaining if s != step))
        if is_own_fault(cause):
            own = own_fault(cause)
            return RunError(f"{own.message}.{_stays(failure)}", result, hint=own.hint)
        reason = failure.cause.rstrip(".")
        again = self._again(result)
        direction = self.run.direction
        if step is None:
            text = f"The {direction} could not be completed after its last revision: {reason}."
            return MigrationFailedError(text, result, hint=f"Then run again: {again}")
        named = f"{step.revision} ({step.message})" if step.message else step.revision
        tried = f" It was tried {retries + 1} times." if retries else ""
        error = MigrationFailedError(
            f"The {direction} of revision {named} failed: {reason}.{_stays(failure)}{tried}",
            result,
            hint=_way_out(failure, cause, again),
        )
        if isinstance(cause, GuardError):
            error.exit_code = cause.exit_code
        return error

    def lock_lost(self, cause: LockedError) -> LockLostError:
        """Make the error for a run that stopped between two revisions because its lock was lost."""
        return LockLostError(cause.what, self._partial(), hint=cause.hint)

    def stopped(self, cause: MigratorError) -> RunError:
        """Make the error for a run that something else than a revision stopped, after some were applied."""
        error = RunError(cause.what, self._partial(), hint=cause.hint)
        error.exit_code = cause.exit_code
        return error

    def interrupted(self) -> RunInterruptedError:
        """Make the error for a run that was interrupted after it had begun."""
        result = self._partial()
        at = "unknown" if result.after is None else _named(result.after)
        planned = sum(len(site.planned) for site in self.sites)
        return RunInterruptedError(
            f"Interrupted: {len(result.applied)} of {planned} revisions are done; the database is at {at}.",
            result,
            hint=f"Go on with: {self._again(result)}",
        )

    def _can_read_again(self) -> bool:
        return all(can_connect_again(site.found.engine) for site in self.sites)

    def _heads_after(self, site: DatabaseRun) -> tuple[str, ...]:
        """Read a database's heads, on another connection than the migrating one. Raises DatabaseError."""
        found = site.found
        try:
            if site.second is not None:
                # The lock's own connection may be lost, with the server still there.
                with suppress(DatabaseError):
                    return ask(site.second, found, lambda c: heads_again(c, found))
            again = connect_again(found, application_name())
            if again is None:
                return self.session.read_heads(**self.run.environment_options())
            with closing(again):
                return ask(again, found, lambda c: heads_again(c, found))
        except (SQLAlchemyError, OSError) as exc:
            raise database_error(exc, address(found.url), "env.py") from exc

    def _failure(self, site: DatabaseRun | None, step: Step | None, cause: BaseException) -> Failure:
        own = is_own_fault(cause)
        place = None if own else place_in(cause, folders_of(self.session.scripts))
        file = (step.path or None) if step is not None and not own else None
        guard = site.guard if site is not None else None
        return Failure(
            step=step,
            cause=first_line(cause),
            statement=failing_statement(cause),
            file=self.session.workspace.environment.shown(place[0]) if place else file,
            line=place[1] if place else None,
            committed=guard.statements.shown() if guard is not None and step is not None else (),
            blocked_by=blockers(site, cause),
        )

    def _again(self, result: RunResult) -> str:
        """Give the command that does what is left; a relative target counts from where the database is."""
        left = len(result.remaining) + (result.failed is not None and result.failed.step is not None)
        targets = [
            f"{target[0]}{left}" if re.fullmatch(r"[+-]\d+", target) else target
            for target in self.run.targets
        ]
        return self.session.workspace.again(self.run.direction, *targets)

    def _partial(self) -> RunResult:
        """What a run that did not end well has left behind."""
        after: list[tuple[str, ...]] | None = None
        if self._can_read_again():
            with suppress(MigratorError):
                after = [self._heads_after(site) for site in self.sites]
        done = self._done(after)
        result = self._result(None if after is None else _joined(after), tuple(done))
        return replace(result, remaining=self._remaining(done))

    def _done(self, after: Sequence[tuple[str, ...]] | None) -> list[Step]:
        if after is None or self.run.direction == "stamp":
            # Only where each revision was committed by itself is it known without asking.
            alone = self.session.workspace.environment.settings.transaction == "revision"
            known = alone and self._can_read_again()
            return [step for site in self.sites for step in site.finished] if known else []
        done: list[Step] = []
        for site, heads in zip(self.sites, after, strict=True):
            in_database = applied_revisions(self.session.scripts, heads)
            timed = {step.revision: step for step in site.finished}
            done += [
                timed.get(step.revision, step)
                for step in site.planned
                if (step.revision in in_database) == (self.run.direction == "upgrade")
            ]
        return done

    def _remaining(self, done: Sequence[Step]) -> tuple[Step, ...]:
        names = {step.revision for step in done}
        return tuple(step for site in self.sites for step in site.planned if step.revision not in names)

    def _result(self, after: tuple[str, ...] | None, applied: tuple[Step, ...]) -> RunResult:
        target, before = ", ".join(self.run.targets), _joined([site.before for site in self.sites])
        return RunResult(self.run.direction, target, before, after, applied)


def blockers(site: DatabaseRun | None, cause: BaseException) -> tuple[Holder, ...]:
    """Give the sessions that were seen to block the migrating one, where it waited for them in vain."""
    return site.watch.blockers if site is not None and means(cause, ErrorMeaning.LOCKED) else ()


def _stays(failure: Failure) -> str:
    if not failure.committed:
        return ""
    count = len(failure.committed)
    are = "statements are" if count > 1 else "statement is"
    return f" {count} {are} committed already and could not be rolled back."


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


def _joined(heads: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(head for each in heads for head in each))


def _named(heads: tuple[str, ...]) -> str:
    return ", ".join(heads) or "base"
