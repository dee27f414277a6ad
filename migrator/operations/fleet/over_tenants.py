"""Goes through the tenants with processes of this machine, started once and given one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial

from migrator.bridge.tenant_cache import tenant_cache
from migrator.config.select import Workspace
from migrator.config.tenants import Tenant
from migrator.operations.fleet.fleet_course import TICK, FleetProgress, TenantOrder, database_held
from migrator.operations.fleet.task import Task, failed, perform
from migrator.processes.child import Do, Done
from migrator.processes.pool import Pool, Worker, answers
from migrator.processes.start_up import imports_done
from migrator.results.events import Report
from migrator.results.fleet import FleetResult, TenantAnswer

# How long a process may take to end once it is told to, in seconds.
_GRACE = 5.0


def over_tenants(
    workspace: Workspace, task: Task, course: TenantOrder, jobs: int, report: Report
) -> FleetResult:
    """Do a task to all tenants of a course by `jobs` processes, and give what became of each.

    Raises FleetInterruptedError after Ctrl-C or SIGTERM: the tenants at work end first, and a second one
    interrupts those too.
    """
    progress = FleetProgress(course, report)
    crew = _Workers(task, workspace, min(jobs, len(course.tenants) or 1))
    with database_held(workspace, course, report), progress.interruptible(), closing(crew) as workers:
        while True:
            while workers.free and (tenant := progress.next()) is not None:
                workers.give(tenant)
                progress.changed()
            if not workers.busy:
                break
            for answer in workers.answers(TICK):
                progress.changed(answer)
            progress.tick()
            if progress.interrupts > 1:
                workers.interrupt()
                progress.interrupts = 1
    return progress.result()


class _Workers:
    """At most `count` processes that do a task to tenants, started with the first one.

    One that dies is replaced when there is work.
    """

    def __init__(self, task: Task, workspace: Workspace, count: int) -> None:
        self._workspace = workspace.portable()
        self._load = partial(_load, task, self._workspace)
        self._count = count
        self._pools: list[Pool] = []
        self._tenants: dict[Worker, Tenant] = {}

    def close(self) -> None:
        """End all processes."""
        self.interrupt()
        for pool in self._pools:
            pool.end(_GRACE)

    @property
    def free(self) -> int:
        """How many further tenants could be begun now."""
        return self._count - len(self._tenants)

    @property
    def busy(self) -> bool:
        """Whether any tenant is being worked on."""
        return bool(self._tenants)

    def give(self, tenant: Tenant) -> None:
        """Give a tenant to a process that has none."""
        while not (worker := self._idle_worker()).give(tenant):
            # It died with nothing to do.
            worker.is_busy = False
        worker.look = f"See where it stands: {self._workspace.for_tenant(tenant).again('current')}"
        self._tenants[worker] = tenant

    def _idle_worker(self) -> Worker:
        for worker in (each for pool in self._pools for each in pool.workers):
            if worker.is_idle:
                return worker
        self._pools.append(Pool(self._load, 1 if self._pools else self._count))
        return self._pools[-1].workers[0]

    def answers(self, seconds: float) -> Iterator[TenantAnswer]:
        """Return the answers that come in within a time."""
        for worker, answer in answers(self._pools, seconds):
            tenant = self._tenants.pop(worker)
            yield answer.result if isinstance(answer, Done) else failed(tenant, answer)

    def interrupt(self) -> None:
        """Interrupt what is being worked on: statements are cancelled and rolled back."""
        if self.busy:
            for pool in self._pools:
                pool.interrupt()


def _load(task: Task, workspace: Workspace) -> AbstractContextManager[Do]:
    """Import what each process would import by itself otherwise."""
    import asyncpg  # type: ignore[import-untyped]  # noqa: F401
    import sqlalchemy.dialects.postgresql.asyncpg  # noqa: F401

    import migrator.env  # noqa: F401

    imports_done()
    return _serving(task, workspace)


@contextmanager
def _serving(task: Task, workspace: Workspace) -> Iterator[Do]:
    os.chdir(workspace.environment.root)

    def do(tenant: Tenant, _report: Report) -> TenantAnswer:
        return perform(task, workspace, tenant)

    with tenant_cache():
        yield do
