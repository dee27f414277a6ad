"""Leads through the tenants, whoever does the work: which one is next, how far it has come, when it ends."""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from migrator.config.select import Workspace
from migrator.config.tenants import Tenant
from migrator.database.connecting.opening import open_database
from migrator.errors import ExitCode, MigratorError
from migrator.results.events import Connecting, FleetChanged, Noticed, Report
from migrator.results.fleet import FleetResult, TenantAnswer

# How often it is looked whether somebody wants it to stop, in seconds.
TICK = 0.25


class FleetInterruptedError(MigratorError):
    """Interrupted; the tenants that were at work have ended, no other was begun."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, result: FleetResult) -> None:
        super().__init__(hint="Run it again: it does what is left.")
        self.result = result


class TenantOrder:
    """The tenants that are left, those at work, and the answers that are in; `failures` counts the failed."""

    def __init__(self, tenants: Sequence[Tenant], *, canary: int = 0, fail_fast: bool = False) -> None:
        """Begin with all; `canary` of them go before all others, and with `fail_fast` a failure ends it."""
        self.tenants = tuple(tenants)
        self.failures = 0
        self._left = deque(tenants)
        self._canary = canary
        self._fail_fast = fail_fast
        self._running: dict[str, Tenant] = {}
        self._answers: dict[str, TenantAnswer] = {}
        self._stopped = ""

    @property
    def running(self) -> tuple[str, ...]:
        """The names of the tenants at work, in the order in which they began."""
        return tuple(self._running)

    @property
    def answered(self) -> int:
        """How many answers are in."""
        return len(self._answers)

    @property
    def is_over(self) -> bool:
        """Whether no other tenant will be begun."""
        return bool(self._stopped) or not self._left

    def next(self) -> Tenant | None:
        """Give a tenant to begin with, None where there is none at the moment."""
        begun = len(self._running) + len(self._answers)
        waits = begun >= self._canary and len(self._answers) < self._canary
        if self._stopped or waits or not self._left:
            return None
        tenant = self._left.popleft()
        self._running[tenant.name] = tenant
        return tenant

    def take(self, answer: TenantAnswer) -> None:
        """Take in the answer of a tenant that was begun."""
        del self._running[answer.tenant]
        self._answers[answer.tenant] = answer
        if answer.outcome != "failed":
            return
        self.failures += 1
        if len(self._answers) <= self._canary:
            self.stop(f"the canary {answer.tenant} failed")
        elif self._fail_fast:
            self.stop(f"{answer.tenant} failed")

    def stop(self, why: str) -> None:
        """Begin with no other tenant."""
        self._stopped = self._stopped or why

    def all_answers(self) -> tuple[TenantAnswer, ...]:
        """Give what became of each tenant, in their order; those that were not begun were skipped."""
        return tuple(
            self._answers.get(each.name) or TenantAnswer(each.name, "skipped", error=self._stopped)
            for each in self.tenants
        )


class FleetProgress:
    """Tells how far a course has come; `interrupts` counts how often somebody has asked for an end."""

    def __init__(self, course: TenantOrder, report: Report) -> None:
        self.interrupts = 0
        self._course = course
        self._report = report
        self._begun = time.monotonic()
        self._stopped = False

    @property
    def _seconds(self) -> float:
        return round(time.monotonic() - self._begun, 3)

    def next(self) -> Tenant | None:
        """Give a tenant to begin with, None where there is none at the moment or an end is asked for."""
        return None if self.interrupts else self._course.next()

    def changed(self, answer: TenantAnswer | None = None) -> None:
        """Tell that a tenant was begun; or take in the answer of one that is done, and tell that."""
        course = self._course
        if answer is not None:
            course.take(answer)
        self._report(
            FleetChanged(
                course.running,
                course.answered,
                course.failures,
                len(course.tenants),
                self._seconds,
                answer,
            )
        )

    def tick(self) -> None:
        """Tell that time has passed. Once an end is asked for, begin with no other tenant, and say so."""
        self.changed()
        if self.interrupts and not self._stopped:
            self._stopped = True
            self._course.stop("interrupted")
            if self._course.running:
                at = ", ".join(self._course.running)
                self._report(Noticed(f"stopping when these have ended: {at}; another Ctrl-C cancels them"))

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Count Ctrl-C and SIGTERM in the block, which would break off what is read from a process."""

        def count(_number: int, _frame: object) -> None:
            self.interrupts += 1

        if threading.current_thread() is not threading.main_thread():
            # Signals are the main thread's.
            yield
            return
        before = signal.signal(signal.SIGINT, count)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def result(self) -> FleetResult:
        """Give what became of each tenant. Raises FleetInterruptedError where an end was asked for."""
        result = FleetResult(self._course.all_answers(), self._seconds)
        if self.interrupts:
            raise FleetInterruptedError(result)
        return result


@contextmanager
def database_held(workspace: Workspace, course: TenantOrder, report: Report) -> Iterator[None]:
    """Say which database it is, and keep the embedded PostgreSQL up from the first tenant to the last.

    Tenants that are databases of their own have no other.
    """
    environment = workspace.environment
    own = sum(tenant.url is not None for tenant in course.tenants)
    if own:
        file = environment.shown(environment.config_file)
        count = f"{own} database{'s' if own != 1 else ''}"
        report(Connecting(environment.name, file, count, f"the tenants of {environment.name}"))
    is_held = own < len(course.tenants) and workspace.resolves_url
    with open_database(environment, workspace.database, report) if is_held else nullcontext():
        yield
