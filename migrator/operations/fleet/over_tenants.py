"""Goes through the tenants with processes of this machine."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from migrator.config.select import Workspace
from migrator.database.connecting.opening import open_database
from migrator.errors import ExitCode, MigratorError
from migrator.operations.fleet.task import Task
from migrator.operations.fleet.tenant_order import TenantOrder
from migrator.operations.fleet.workers import Workers
from migrator.results.events import Connecting, FleetChanged, Noticed, Report
from migrator.results.fleet import FleetResult, TenantAnswer

# How often it is looked whether somebody wants it to stop, in seconds.
TICK = 0.25


class FleetInterruptedError(MigratorError):
    """Interrupted; the tenants that were at work have ended, no other was begun."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, result: FleetResult, *, hint: str) -> None:
        super().__init__(hint=hint)
        self.result = result


def over_tenants(
    workspace: Workspace, task: Task, course: TenantOrder, jobs: int, report: Report
) -> FleetResult:
    """Do a task to all tenants of a course by `jobs` processes, and give what became of each.

    Raises FleetInterruptedError after Ctrl-C or SIGTERM: the tenants at work end first, and a second one
    interrupts those too.
    """
    account = FleetProgress(course, report)
    workers = Workers(task, workspace, min(jobs, len(course.tenants) or 1))
    with database_held(workspace, course, report), interruptible() as wish, workers:
        while True:
            while workers.free and not wish.times and (tenant := course.next()) is not None:
                workers.give(tenant)
                account.changed()
            if not workers.busy:
                break
            for answer in workers.answers(TICK):
                course.take(answer)
                account.changed(answer)
            account.changed()
            if wish.times:
                account.stop()
            if wish.times > 1:
                workers.interrupt()
                wish.times = 1
    result = FleetResult(course.all_answers(), account.seconds)
    if wish.times:
        raise FleetInterruptedError(result, hint="Run it again: it does what is left.")
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
    if own < len(course.tenants) and workspace.resolves_url:
        with open_database(environment, workspace.database, report):
            yield
    else:
        yield


class FleetProgress:
    """Tells how far it has come."""

    def __init__(self, course: TenantOrder, report: Report) -> None:
        self._course = course
        self._report = report
        self._begun = time.monotonic()
        self._stopped = False

    @property
    def seconds(self) -> float:
        """The time since it began."""
        return round(time.monotonic() - self._begun, 3)

    def changed(self, answer: TenantAnswer | None = None) -> None:
        """Tell that a tenant was begun, or is done; or only that time has passed."""
        course = self._course
        self._report(
            FleetChanged(
                course.running, course.answered, course.failures, len(course.tenants), self.seconds, answer
            )
        )

    def stop(self) -> None:
        """Begin with no other tenant, and say so once."""
        if not self._stopped:
            self._stopped = True
            self._course.stop("interrupted")
            if self._course.running:
                at = ", ".join(self._course.running)
                self._report(Noticed(f"stopping when these have ended: {at}; another Ctrl-C cancels them"))


@dataclass
class InterruptCount:
    """How often somebody has asked for an end."""

    times: int = 0


@contextmanager
def interruptible() -> Iterator[InterruptCount]:
    """Count Ctrl-C and SIGTERM while the block runs, which would break off what is read from a process."""
    wish = InterruptCount()

    def count(_number: int, _frame: object) -> None:
        wish.times += 1

    if threading.current_thread() is not threading.main_thread():
        # Signals are the main thread's.
        yield wish
        return
    before = signal.signal(signal.SIGINT, count)
    try:
        yield wish
    finally:
        signal.signal(signal.SIGINT, before)
