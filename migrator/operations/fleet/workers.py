"""Processes that are started once, and given one tenant after the other."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from multiprocessing.connection import wait
from types import TracebackType

from migrator.bridge.tenant_cache import tenant_cache
from migrator.config.select import Workspace
from migrator.config.tenants import Tenant
from migrator.operations.fleet.task import Task, failed, perform
from migrator.processes.child import Do, Done, Said
from migrator.processes.passed_errors import PassedOn
from migrator.processes.pool import Pool, Worker, ended_error
from migrator.processes.start_up import imports_done
from migrator.results.events import Report
from migrator.results.fleet import TenantAnswer

# How long a process may take to end once it is told to, in seconds.
_GRACE = 5.0
_LOG = logging.getLogger("migrator")


class Workers:
    """At most `count` processes that do a task to tenants; one that dies is replaced when there is work."""

    def __init__(self, task: Task, workspace: Workspace, count: int) -> None:
        self._workspace = workspace.portable()
        self._load = partial(_load, task, self._workspace)
        self._count = count
        self._pools: list[Pool] = []
        self._idle: list[Worker] = []
        self._busy: dict[Worker, Tenant] = {}

    def __enter__(self) -> Workers:
        """Start nothing yet: the processes are started with the first tenant."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all processes."""
        self.interrupt()
        for pool in self._pools:
            pool.end(_GRACE)

    @property
    def free(self) -> int:
        """How many further tenants could be begun now."""
        return self._count - len(self._busy)

    @property
    def busy(self) -> bool:
        """Whether any tenant is being worked on."""
        return bool(self._busy)

    def give(self, tenant: Tenant) -> None:
        """Give a tenant to a process that has none."""
        while True:
            if not self._idle:
                self._pools.append(Pool(self._load, 1 if self._pools else self._count))
                self._idle += self._pools[-1].workers
            worker = self._idle.pop()
            try:
                worker.pipe.send(tenant)
            except OSError:
                # It died with nothing to do.
                continue
            self._busy[worker] = tenant
            return

    def answers(self, seconds: float) -> Iterator[TenantAnswer]:
        """Return the answers that come in within a time."""
        waiting = {each.pipe: each for each in self._busy}
        for pipe in wait(list(waiting), seconds):
            worker = waiting[pipe]  # type: ignore[index]
            told = worker.told()
            if isinstance(told, Said):
                _LOG.log(told.level, "%s", told.text)
                continue
            tenant = self._busy.pop(worker)
            if isinstance(told, Done):
                self._idle.append(worker)
                yield told.result
            elif isinstance(told, PassedOn):
                self._idle.append(worker)
                yield failed(tenant, told.error(), told.exit_code)
            else:
                again = self._workspace.for_tenant(tenant).again("current")
                hint = f"See where it stands: {again}; then run this again."
                error = ended_error(worker.code(), tenant.name, hint)
                yield failed(tenant, error, error.exit_code)

    def interrupt(self) -> None:
        """Interrupt what is being worked on: statements are cancelled and rolled back."""
        if self._busy:
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
