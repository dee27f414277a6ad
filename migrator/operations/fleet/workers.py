"""Processes that are started once, and given one tenant after the other.

Alembic keeps what it works on in the globals of a module, so that threads could not do it. They are made by a
process that does nothing else: one that has connected before may hold a lock of OpenSSL's, for ever in
a copy.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import Pipe, get_context, parent_process
from multiprocessing.connection import Connection, wait
from types import TracebackType

from migrator.bridge.tenant_cache import tenant_cache
from migrator.config.select import Workspace
from migrator.config.tenants import Tenant
from migrator.errors import ExitCode, InterruptedCommandError, MigratorError
from migrator.operations.fleet.task import Task, failed, perform
from migrator.processes.child import obey_parent, stdout_to_stderr
from migrator.results.fleet import TenantAnswer

# How long a process may take to end once it is told to, in seconds.
_GRACE = 5.0
_CONTEXT = get_context("forkserver")
# What each would import by itself otherwise.
_CONTEXT.set_forkserver_preload(
    [__name__, "migrator.env", "asyncpg", "sqlalchemy.dialects.postgresql.asyncpg"]
)


class _Worker:
    """One process, and the tenant that it is at."""

    def __init__(self, task: Task, workspace: Workspace) -> None:
        self.pipe, theirs = Pipe()
        self.tenant: Tenant | None = None
        self.interrupted = False
        self.process = _CONTEXT.Process(target=_serve, args=(theirs, task, workspace))
        self.process.start()
        # The end of the process shows as the end of the pipe, once nobody else can write into it.
        theirs.close()

    def end(self) -> None:
        """End the process, which is idle or was told to end."""
        # Closing the pipe alone would not tell it: processes that were made later hold its other end too.
        with suppress(OSError):
            self.pipe.send(None)
        self.pipe.close()
        self.process.join(_GRACE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class Workers:
    """At most `count` processes that do a task to tenants; one that dies is replaced when there is work."""

    def __init__(self, task: Task, workspace: Workspace, count: int) -> None:
        self._task = task
        self._workspace = workspace.portable()
        self._count = count
        self._all: list[_Worker] = []

    def __enter__(self) -> Workers:
        """Start nothing yet: a process is started with its first tenant."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all processes."""
        # All are told before one is waited for: the others would go on meanwhile.
        self.interrupt()
        for worker in self._all:
            worker.end()

    @property
    def free(self) -> int:
        """How many further tenants could be begun now."""
        return self._count - len(self._busy)

    @property
    def busy(self) -> bool:
        """Whether any tenant is being worked on."""
        return bool(self._busy)

    @property
    def _busy(self) -> list[_Worker]:
        return [each for each in self._all if each.tenant is not None]

    def give(self, tenant: Tenant) -> None:
        """Give a tenant to a process that has none."""
        while True:
            worker = next((each for each in self._all if each.tenant is None), None)
            if worker is None:
                worker = _Worker(self._task, self._workspace)
                self._all.append(worker)
            try:
                worker.pipe.send(tenant)
            except OSError:
                # It died with nothing to do.
                self._all.remove(worker)
                worker.end()
                continue
            worker.tenant = tenant
            return

    def answers(self, seconds: float) -> Iterator[TenantAnswer]:
        """Give the answers that come in within a time."""
        waiting = {each.pipe: each for each in self._busy}
        for pipe in wait(list(waiting), seconds):
            worker = waiting[pipe]  # type: ignore[index]
            tenant = worker.tenant
            assert tenant is not None
            try:
                answer: TenantAnswer = worker.pipe.recv()
            except (EOFError, OSError):
                answer = self._died(worker, tenant)
            worker.tenant = None
            yield answer

    def interrupt(self) -> None:
        """Interrupt what is being worked on: statements are cancelled and rolled back."""
        for worker in self._busy:
            worker.interrupted = True
            worker.process.terminate()

    def _died(self, worker: _Worker, tenant: Tenant) -> TenantAnswer:
        self._all.remove(worker)
        worker.tenant = None
        worker.end()
        if worker.interrupted and worker.process.exitcode == -signal.SIGTERM:
            # It had not even begun to listen.
            return failed(tenant, InterruptedCommandError(), ExitCode.INTERRUPTED)
        again = self._workspace.for_tenant(tenant).again("current")
        return failed(tenant, _died(worker.process.exitcode, tenant, again), ExitCode.FAULT)


def _died(code: int | None, tenant: Tenant, again: str) -> MigratorError:
    how = f"with {code}"
    if code is not None and code < 0:
        with suppress(ValueError):
            how = f"by {signal.Signals(-code).name}"
    return MigratorError(
        f"The process that worked on {tenant.name} ended {how}.",
        hint=f"What it had not committed is rolled back. See where it stands: {again}; then run this again.",
    )


def _serve(pipe: Connection, task: Task, workspace: Workspace) -> None:
    """Work in the process that was made for it, until there is nothing more, or nobody to work for."""
    with suppress(KeyboardInterrupt, BrokenPipeError, EOFError):
        # What reaches the group, at a terminal or from a supervisor, is the parent's matter.
        os.setpgid(0, 0)
        obey_parent()
        stdout_to_stderr()
        os.chdir(workspace.environment.root)
        # Those of whoever made the process may be older.
        os.environ.clear()
        os.environ.update(workspace.choice.process)
        parent = parent_process()
        ends: list[Connection | int] = [pipe] if parent is None else [pipe, parent.sentinel]
        with tenant_cache():
            while pipe in wait(ends) and (tenant := pipe.recv()) is not None:
                pipe.send(perform(task, workspace, tenant))
