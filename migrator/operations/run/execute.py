"""The spine of the commands that change a database through revisions.

Connect, identify, plan, consent, lock, plan again, run each revision guarded, retry what rolled back whole,
and read the database again on another connection.
"""

from __future__ import annotations

import random
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import NoReturn

from migrator.bridge.env_py.connected_database import ask
from migrator.bridge.env_py.session import Session
from migrator.database.connecting.backups import back_up
from migrator.database.connecting.second_connection import as_one_transaction
from migrator.database.failures import connection_lost, first_line, means
from migrator.database.kinds.interface import ErrorMeaning
from migrator.errors import LockedError, MigratorError
from migrator.operations.position.examine import has_moved
from migrator.operations.position.ownership import UnmarkedError
from migrator.operations.run.attempt import Attempt, FailedAttempt
from migrator.operations.run.connection_guard import OvertakenError
from migrator.operations.run.consent import Consent, agree_to_upgrade, require_consent
from migrator.operations.run.lint_gate import gate_refusal, with_refusal_note
from migrator.operations.run.planning import PreparedRun, RunPlanner
from migrator.operations.run.recording import Recorder
from migrator.operations.run.run_account import DatabaseRun, Run, RunAccount
from migrator.operations.run.run_lock import exclusive_lock, run_lock
from migrator.operations.run.run_outcome import (
    blockers,
    failed_error,
    interrupted_error,
    lock_lost_error,
    stopped_error,
    verified_result,
)
from migrator.results.events import Report, Retrying
from migrator.results.run import RunPlan, RunResult, describe_holder

_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.5, 8.0


@dataclass(frozen=True)
class RunTerms:
    """On what terms a run may go ahead.

    `lock_wait` is in seconds, None for what the configuration says, infinite for no limit. With `backup` an
    SQLite file is copied first.
    """

    consent: Consent = field(default_factory=Consent)
    dry_run: bool = False
    lock_wait: float | None = None
    allow_ahead: bool = False
    backup: bool = True


def execute(session: Session, run: Run, terms: RunTerms, report: Report) -> RunResult | RunPlan:
    """Run the plan in the environment's database; with `dry_run` only give the plan.

    Raises MigrationFailedError where a revision fails or the database is not where it should be,
    RunInterruptedError on Ctrl-C, LockedError where another run holds the lock, RefusedError for another
    environment's database or without consent, and what `Session.run` raises before the first revision.
    """
    planner = RunPlanner(session, run, report, allow_ahead=terms.allow_ahead, dry_run=terms.dry_run)
    return _Spine(session, run, terms, report, planner).execute()


class _Spine:
    """One run through all its stages."""

    def __init__(
        self, session: Session, run: Run, terms: RunTerms, report: Report, planner: RunPlanner
    ) -> None:
        self._session = session
        self._run = run
        self._terms = terms
        self._report = report
        self._planner = planner
        self._agreed: frozenset[str] | None = None
        self._retries: dict[str, int] = {}
        # The accounts of this run until another one overtook it, in the order of the databases.
        self._overtaken: list[RunAccount] = []
        self._busy_since: float | None = None
        self._deadline = time.monotonic() + self._wait()

    def execute(self) -> RunResult | RunPlan:
        while True:
            prepared = self._prepared()
            refusal = gate_refusal(self._session.workspace, prepared.plan)
            if self._terms.dry_run:
                return with_refusal_note(prepared.plan, refusal)
            if refusal is not None:
                raise refusal
            sites = self._sites(prepared)
            if not self._has_work(prepared.plan) and not any(site.recorder.introduces for site in sites):
                result = verified_result(self._session, self._run, sites, prepared.plan.notes, 0)
                return replace(result, ahead=prepared.ahead)
            self._consent(prepared.plan)
            done = self._locked(prepared, sites)
            if done is not None:
                return done

    def _prepared(self) -> PreparedRun:
        try:
            return self._planner.prepare()
        except UnmarkedError as exc:
            found = exc.examined.found
        # A first run may be half-way: it marks the database with its first revision.
        with run_lock(found, self._left(), self._wait(), self._report):
            pass
        return self._planner.prepare()

    def _left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def _has_work(self, plan: RunPlan) -> bool:
        return bool(plan.steps) or (self._run.purge and bool(plan.before))

    def _wait(self) -> float:
        if self._terms.lock_wait is not None:
            return self._terms.lock_wait
        return self._session.workspace.environment.settings.longest_wait

    def _sites(self, prepared: PreparedRun) -> list[DatabaseRun]:
        sites = []
        for index, each in enumerate(prepared.examined):
            heads = each.found.heads
            tally = RunAccount(each.found, self._run.direction, heads, list(each.steps), standing=heads)
            if index < len(self._overtaken):
                tally.go_on_from(self._overtaken[index])
            sites.append(DatabaseRun(tally, Recorder(self._session, each)))
        return sites

    def _consent(self, plan: RunPlan) -> None:
        """Ask where it has to be asked, while nothing is open and nothing is locked."""
        revisions = frozenset(step.revision for step in plan.steps)
        if not self._has_work(plan) or (self._agreed is not None and revisions <= self._agreed):
            return
        workspace, consent = self._session.workspace, self._terms.consent
        if self._run.direction == "upgrade":
            asked = agree_to_upgrade(workspace, consent, plan)
        else:
            asked = require_consent(workspace, f"{self._run.direction} it", consent, plan)
        self._agreed = revisions if asked else None
        # Whoever was asked may have taken their time.
        self._deadline = time.monotonic() + self._wait()

    def _locked(self, prepared: PreparedRun, sites: list[DatabaseRun]) -> RunResult | None:
        """Take the locks and go on; None where a database has moved meanwhile."""
        wait = self._left()
        with ExitStack() as stack:
            for site in sites:
                site.lock = stack.enter_context(run_lock(site.tally.found, wait, self._wait(), self._report))
            for site, each in zip(sites, prepared.examined, strict=True):
                connection = site.lock.connection if site.lock is not None else None
                if connection is not None and has_moved(connection, self._session.workspace, each):
                    return None
            if self._session.workspace.tenant is not None and not self._has_places(prepared, sites):
                return None
            if not self._has_work(prepared.plan):
                _introduce(sites)
                return verified_result(self._session, self._run, sites, prepared.plan.notes, 0)
            notes = [*prepared.plan.notes, *self._backups(sites), *_unlocked(sites)]
            return self._carry_out(sites, notes)

    def _has_places(self, prepared: PreparedRun, sites: list[DatabaseRun]) -> bool:
        """Make mark and log alone, where tenants of one database that begin at once would each make them.

        False where another one has done so meanwhile: the databases are looked at again.
        """
        for site, each in zip(sites, prepared.examined, strict=True):
            connection = site.lock.connection if site.lock is not None else None
            if connection is not None and site.recorder.makes_places:
                with exclusive_lock(connection, site.tally.found, self._left(), self._report):
                    if has_moved(connection, self._session.workspace, each):
                        return False
                    ask(connection, site.tally.found, as_one_transaction(site.recorder.make_places))
        return True

    def _backups(self, sites: list[DatabaseRun]) -> list[str]:
        if not self._terms.backup:
            return []
        root = self._session.workspace.environment.root
        made = [back_up(site.tally.found.engine.url, root) for site in sites]
        shown = self._session.workspace.environment.shown
        return [f"The database as it was is in {shown(path)}." for path in made if path is not None]

    def _carry_out(self, sites: list[DatabaseRun], notes: list[str]) -> RunResult | None:
        try:
            return self._attempts(sites, notes)
        except BaseException:
            # Without a mark, what a first revision has left would be taken for another application's.
            with suppress(MigratorError):
                _introduce(
                    [each for each in sites if each.guard is not None and each.guard.statements.committed]
                )
            raise

    def _attempts(self, sites: list[DatabaseRun], notes: list[str]) -> RunResult | None:
        session, run = self._session, self._run
        while True:
            attempt = Attempt(session, run, self._planner, sites, self._report, self._agreed)
            try:
                attempt.run()
                return verified_result(session, run, sites, notes, sum(self._retries.values()))
            except FailedAttempt as exc:
                self._pause(sites, exc)
            except OvertakenError:
                self._overtaken = [site.tally for site in sites]
                return None
            except LockedError as exc:
                raise lock_lost_error(session, run, sites, exc) from exc
            except KeyboardInterrupt as exc:
                if all(site.guard is None for site in sites):
                    # Nothing was begun. Asking again might wait for a server that does not answer.
                    raise
                raise interrupted_error(session, run, sites) from exc
            except MigratorError as exc:
                if self._waits_for_file(sites, exc):
                    continue
                if any(site.tally.finished for site in sites):
                    raise stopped_error(session, run, sites, exc) from exc
                raise

    def _pause(self, sites: list[DatabaseRun], exc: FailedAttempt) -> None:
        """Wait before the next attempt. Raises MigrationFailedError or LockedError where there is none."""
        site, cause = exc.site, exc.cause
        guard = site.guard if site is not None else None
        if any(each.guard is not None and each.guard.statements.committed for each in sites):
            self._give_up(sites, exc)
        if self._waits_for_file(sites, cause):
            return
        revision = site.tally.running.revision if site is not None and site.tally.running is not None else ""
        together = guard is not None and guard.failed_held and not connection_lost(cause)
        if site is not None and together:
            # The attempt before this one may have been the one that held them.
            together = revision not in site.one_by_one
            # It is rolled back whole. Statement by statement it tells which one it is.
            site.one_by_one.add(revision)
        if not means(cause, ErrorMeaning.LOCKED):
            if together:
                return
            self._give_up(sites, exc)
        attempts = (
            guard.retries if guard is not None else self._session.workspace.environment.settings.retries
        )
        tried = self._retries.get(revision, 0)
        if tried >= attempts:
            self._give_up(sites, exc)
        self._retries[revision] = tried + 1
        seconds = min(_FIRST_BACKOFF * 2**tried, _LONGEST_BACKOFF) * random.uniform(0.5, 1.5)
        who = "; ".join(describe_holder(holder) for holder in blockers(site, cause))
        reason = first_line(cause) + (f"; blocked by {who}" if who else "")
        self._report(Retrying(revision, reason, tried + 1, attempts, seconds))
        self._sleep(sites, seconds)

    def _sleep(self, sites: list[DatabaseRun], seconds: float) -> None:
        try:
            time.sleep(seconds)
        except KeyboardInterrupt as exc:
            raise interrupted_error(self._session, self._run, sites) from exc

    def _waits_for_file(self, sites: list[DatabaseRun], exc: BaseException) -> bool:
        """Whether it is worth trying again, because another connection is writing to the SQLite file.

        SQLite itself has waited for some seconds by then. Raises LockedError when time is up.
        """
        if not means(exc, ErrorMeaning.BUSY):
            return False
        now = time.monotonic()
        self._busy_since = self._busy_since or now
        if now - self._busy_since < self._wait():
            return True
        locked = LockedError(
            f"Another connection is writing to the SQLite file; waited {self._wait():g}s.",
            hint="Wait until it ends, or longer: --lock-wait 10m",
        )
        if any(site.guard is not None for site in sites):
            raise lock_lost_error(self._session, self._run, sites, locked) from exc
        raise locked from exc

    def _give_up(self, sites: list[DatabaseRun], exc: FailedAttempt) -> NoReturn:
        retries = sum(self._retries.values())
        raise failed_error(self._session, self._run, sites, exc.cause, exc.site, retries) from exc.cause


def _introduce(sites: list[DatabaseRun]) -> None:
    """Mark and adopt databases in which nothing else is to be done."""
    for site in sites:
        if site.recorder.introduces and site.lock is not None and site.lock.connection is not None:
            ask(site.lock.connection, site.tally.found, as_one_transaction(site.recorder.introduce))


def _unlocked(sites: list[DatabaseRun]) -> list[str]:
    if all(site.lock is not None and site.lock.connection is not None for site in sites):
        return []
    return ["There is no second connection to this database: it was not locked, and not watched."]
