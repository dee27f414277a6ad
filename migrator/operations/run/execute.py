"""The spine of the commands that change a database through revisions.

Connect, identify, plan, consent, lock, plan again, run each revision guarded, retry what rolled back whole,
and read the database again on another connection.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import NoReturn

from migrator.bridge.env_py.connected_database import ask
from migrator.bridge.env_py.session import Session
from migrator.database.connecting.backups import back_up
from migrator.database.connecting.second_connection import as_one_transaction
from migrator.database.failures import connection_lost, first_line, means
from migrator.database.kinds.interface import ErrorMeaning
from migrator.errors import LockedError, MigratorError
from migrator.operations.position.examine import UnmarkedError, has_moved
from migrator.operations.run.attempt import Attempt, DatabaseRun, FailedAttempt
from migrator.operations.run.connection_guard import OvertakenError
from migrator.operations.run.consent import (
    Consent,
    agree_to_downgrade,
    agree_to_upgrade,
    loss_refusal,
    require_consent,
)
from migrator.operations.run.losses import LossGuard, is_gated
from migrator.operations.run.planning import PreparedRun, Run, RunPlanner
from migrator.operations.run.recording import Recorder
from migrator.operations.run.run_lock import exclusive_lock, run_lock
from migrator.operations.run.run_outcome import RunOutcome, blockers
from migrator.results.events import LossAhead, Report, Retrying
from migrator.results.run import RunPlan, RunResult, describe_holder

_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.5, 8.0
# How long SQLite's driver waits by itself.
_LONGEST_BUSY = 5.0


def execute(session: Session, run: Run, consent: Consent, report: Report) -> RunResult | RunPlan:
    """Run the plan in the environment's database; with `dry_run` only give the plan.

    Raises MigrationFailedError where a revision fails or the database is not where it should be,
    RunInterruptedError on Ctrl-C, LockedError where another run holds the lock, RefusedError for another
    environment's database or without consent, and what `Session.run` raises before the first revision.
    """
    return _Spine(session, run, consent, report).execute()


class _Spine:
    """One run through all its stages."""

    def __init__(self, session: Session, run: Run, consent: Consent, report: Report) -> None:
        self._session = session
        self._workspace = session.workspace
        self._run = run
        self._consent = consent
        self._report = report
        self._planner = RunPlanner(session, run, report)
        self._sites: list[DatabaseRun] = []
        self._agreed: frozenset[str] | None = None
        self._retries = Counter[str]()
        self._busy_since: float | None = None
        # When the present attempt began.
        self._attempted = 0.0
        if run.request.lock_wait is not None:
            session.lock_wait = run.request.lock_wait
        self._wait = session.lock_wait or 0.0
        self._deadline = time.monotonic() + self._wait

    @property
    def _outcome(self) -> RunOutcome:
        return RunOutcome(self._session, self._run, self._sites)

    def execute(self) -> RunResult | RunPlan:
        while True:
            prepared = self._prepared()
            plan = prepared.plan
            if self._run.request.dry_run:
                # A plan that needs consent says so.
                needs = (loss_refusal(self._workspace, plan).what,) if plan.losses else ()
                return replace(plan, notes=(*plan.notes, *needs))
            self._sites = self._begun(prepared)
            if not self._has_work(plan) and not any(site.recorder.introduces for site in self._sites):
                return replace(self._outcome.verified(plan.notes), ahead=prepared.ahead)
            self._agree(plan)
            self._tell_losses(plan)
            done = self._locked(prepared)
            if done is not None:
                return done

    def _prepared(self) -> PreparedRun:
        try:
            return self._planner.prepare()
        except UnmarkedError as exc:
            found = exc.examined.found
        # A first run may be half-way: it marks the database with its first revision.
        with run_lock(found, self._left(), self._wait, self._report):
            pass
        return self._planner.prepare()

    def _left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def _has_work(self, plan: RunPlan) -> bool:
        return bool(plan.steps) or (self._run.purge and bool(plan.before))

    def _begun(self, prepared: PreparedRun) -> list[DatabaseRun]:
        sites = []
        for each in prepared.examined:
            heads = each.found.heads
            recorder = Recorder(self._session, each)
            sites.append(DatabaseRun(each.found, recorder, heads, heads, list(each.steps)))
            # With consent there is nothing to guard.
            agreed = prepared.plan.losses or self._consent.confirm is not None
            if is_gated(self._workspace, self._run.direction, heads) and not agreed:
                dialect = each.found.engine.dialect.name
                sites[-1].losses = LossGuard(self._workspace, dialect, each.steps)
        # Where another run overtook this one, it goes on from what it had done.
        for site, earlier in zip(sites, self._sites, strict=False):
            site.go_on_from(earlier)
        return sites

    def _agree(self, plan: RunPlan) -> None:
        """Ask where it has to be asked, while nothing is open and nothing is locked."""
        revisions = frozenset(step.revision for step in plan.steps)
        if not self._has_work(plan) or (self._agreed is not None and revisions <= self._agreed):
            return
        if self._run.direction == "upgrade":
            count = len(plan.steps)
            what = f"Apply {count} revision{'s' if count != 1 else ''} to"
            asked = agree_to_upgrade(self._workspace, what, self._consent, plan)
        elif self._run.direction == "downgrade":
            asked = agree_to_downgrade(self._workspace, self._consent, plan)
        else:
            asked = require_consent(self._workspace, f"{self._run.direction} it", self._consent, plan)
        self._agreed = revisions if asked else None
        # Whoever was asked may have taken their time.
        self._deadline = time.monotonic() + self._wait

    def _tell_losses(self, plan: RunPlan) -> None:
        """Say what goes, where nobody was shown the plan."""
        if self._agreed is None:
            for step in plan.steps:
                for what in step.destroys:
                    self._report(LossAhead(step.revision, what))

    def _locked(self, prepared: PreparedRun) -> RunResult | None:
        """Take the locks and go on; None where a database has moved meanwhile."""
        wait, workspace = self._left(), self._workspace
        with ExitStack() as stack:
            for site in self._sites:
                site.lock = stack.enter_context(run_lock(site.found, wait, self._wait, self._report))
            for site, each in zip(self._sites, prepared.examined, strict=True):
                if site.second is not None and has_moved(site.second, workspace, each):
                    return None
            if workspace.tenant is not None and not self._has_places(prepared):
                return None
            notes = prepared.plan.notes
            if self._has_work(prepared.plan):
                return self._carry_out([*notes, *self._backups(), *self._unlocked()])
            for site in self._sites:
                # Mark and adopt databases in which nothing else is to be done.
                if site.second is not None:
                    ask(site.second, site.found, as_one_transaction(site.recorder.introduce))
            return self._outcome.verified(notes)

    def _has_places(self, prepared: PreparedRun) -> bool:
        """Make mark and log alone, where tenants of one database that begin at once would each make them.

        False where another one has done so meanwhile: the databases are looked at again.
        """
        for site, each in zip(self._sites, prepared.examined, strict=True):
            if site.second is not None and site.recorder.makes_places:
                with exclusive_lock(site.second, site.found, self._left(), self._report):
                    if has_moved(site.second, self._workspace, each):
                        return False
                    ask(site.second, site.found, as_one_transaction(site.recorder.make_places))
        return True

    def _backups(self) -> list[str]:
        if not self._run.request.backup:
            return []
        environment = self._workspace.environment
        made = [back_up(site.found.engine.url, environment.root) for site in self._sites]
        return [
            f"The database as it was is in {environment.shown(path)}." for path in made if path is not None
        ]

    def _unlocked(self) -> list[str]:
        if all(site.second is not None for site in self._sites):
            return []
        return ["There is no second connection to this database: it was not locked, and not watched."]

    def _carry_out(self, notes: list[str]) -> RunResult | None:
        try:
            return self._attempts(notes)
        except BaseException:
            # Without a mark, what a first revision has left would be taken for another application's.
            for site in self._sites:
                if site.second is not None and site.guard and site.guard.statements.committed:
                    with suppress(MigratorError):
                        ask(site.second, site.found, as_one_transaction(site.recorder.claim))
            raise

    def _attempts(self, notes: list[str]) -> RunResult | None:
        """Make attempts until one succeeds; None where another run has overtaken this one."""
        session, run = self._session, self._run
        while True:
            self._attempted = time.monotonic()
            attempt = Attempt(session, run, self._planner, self._sites, self._report, self._agreed)
            try:
                attempt.make()
                return self._outcome.verified(notes, self._retries.total())
            except FailedAttempt as exc:
                self._pause(exc)
            except OvertakenError:
                return None
            except LockedError as exc:
                raise self._outcome.lock_lost(exc) from exc
            except KeyboardInterrupt as exc:
                if all(site.guard is None for site in self._sites):
                    # Nothing was begun. Asking again might wait for a server that does not answer.
                    raise
                raise self._outcome.interrupted() from exc
            except MigratorError as exc:
                if self._waits_for_file(exc):
                    continue
                if any(site.finished for site in self._sites):
                    raise self._outcome.stopped(exc) from exc
                raise

    def _pause(self, exc: FailedAttempt) -> None:
        """Wait before the next attempt. Raises MigrationFailedError or LockedError where there is none."""
        site, cause = exc.site, exc.cause
        guard = site.guard if site is not None else None
        if any(each.guard is not None and each.guard.statements.committed for each in self._sites):
            self._give_up(exc)
        if self._waits_for_file(cause):
            return
        revision = site.running.revision if site is not None and site.running is not None else ""
        together = guard is not None and guard.failed_held and not connection_lost(cause)
        if site is not None and together:
            # The attempt before this one may have been the one that held them.
            together = revision not in site.one_by_one
            # It is rolled back whole. Statement by statement it tells which one it is.
            site.one_by_one.add(revision)
        if not means(cause, ErrorMeaning.LOCKED):
            if together:
                return
            self._give_up(exc)
        attempts = guard.retries if guard is not None else self._workspace.environment.settings.retries
        tried = self._retries[revision]
        if tried >= attempts:
            self._give_up(exc)
        self._retries[revision] += 1
        seconds = min(_FIRST_BACKOFF * 2**tried, _LONGEST_BACKOFF) * random.uniform(0.5, 1.5)
        who = "; ".join(describe_holder(holder) for holder in blockers(site, cause))
        reason = first_line(cause) + (f"; blocked by {who}" if who else "")
        self._report(Retrying(revision, reason, tried + 1, attempts, seconds))
        try:
            time.sleep(seconds)
        except KeyboardInterrupt as interrupt:
            raise self._outcome.interrupted() from interrupt

    def _waits_for_file(self, exc: BaseException) -> bool:
        """Whether it is worth trying again, because another connection is writing to the SQLite file.

        SQLite itself has waited for some seconds by then. Raises LockedError when time is up.
        """
        if not means(exc, ErrorMeaning.BUSY):
            return False
        now = time.monotonic()
        waited = min(now - self._attempted, self._wait, _LONGEST_BUSY)
        self._busy_since = self._busy_since or now - waited
        if now - self._busy_since < self._wait:
            return True
        locked = LockedError(
            f"Another connection is writing to the SQLite file; waited {self._wait:g}s.",
            hint="Wait until it ends, or longer: --lock-wait 10m",
        )
        if any(site.guard is not None for site in self._sites):
            raise self._outcome.lock_lost(locked) from exc
        raise locked from exc

    def _give_up(self, exc: FailedAttempt) -> NoReturn:
        raise self._outcome.failed(exc.cause, exc.site, self._retries.total()) from exc.cause
