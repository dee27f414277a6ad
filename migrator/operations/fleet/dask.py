"""Goes through the tenants with the workers of a Dask cluster."""

from __future__ import annotations

import os
import re
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from migrator.config.select import Workspace
from migrator.config.tenants import Tenant
from migrator.errors import ConfigurationError, MigratorError, MissingExtraError, UsageError
from migrator.operations.fleet.fleet_course import TICK, FleetProgress, TenantOrder, database_held
from migrator.operations.fleet.task import Task, failed, perform
from migrator.results.events import Report
from migrator.results.fleet import FleetResult, TenantAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONNECT_SECONDS = 10
# How long a worker that has died is given to come back, in seconds.
_GONE_SECONDS = 30.0
# Alembic keeps what it works on in the globals of a module: one tenant at a time in each process.
_ALONE = threading.Lock()


def over_cluster(
    workspace: Workspace, task: Task, course: TenantOrder, scheduler: str, jobs: int | None, report: Report
) -> FleetResult:
    """Do a task to all tenants of a course on a Dask cluster, and give what became of each.

    The project has to be at the same path there, and `migrator` installed. At most `jobs` are done at a time,
    as many as there are workers where it is None. Raises MissingExtraError without Dask, ConfigurationError
    for a scheduler that does not answer, and FleetInterruptedError.
    """
    progress = FleetProgress(course, report)
    there = workspace.portable()
    running: dict[Future[TenantAnswer], Tenant] = {}
    with database_held(workspace, course, report), _cluster(scheduler) as client, progress.interruptible():
        executor = client.get_executor(pure=False, retries=0)
        workers = _Presence(client, jobs)
        while True:
            while len(running) < workers.count and (tenant := progress.next()) is not None:
                running[executor.submit(one_tenant, task, there, tenant)] = tenant
                progress.changed()
            if not running and course.is_over:
                break
            for done in _done(running):
                progress.changed(_answer_of(done, running.pop(done)))
            progress.tick()
            if progress.interrupts > 1 or workers.are_gone:
                course.stop("interrupted" if progress.interrupts else "no worker is left")
                for future, tenant in running.items():
                    future.cancel()
                    course.take(failed(tenant, _left_alone(tenant, progress.interrupts > 1)))
                running.clear()
    return progress.result()


def _done(running: dict[Future[TenantAnswer], Tenant]) -> list[Future[TenantAnswer]]:
    """Wait a moment for what runs, or for workers to come back."""
    if running:
        return list(wait(running, TICK, FIRST_COMPLETED).done)
    time.sleep(TICK)
    return []


class _Presence:
    """How many workers a cluster has, and since when it has none."""

    def __init__(self, client: Any, jobs: int | None) -> None:
        self._client = client
        self._jobs = jobs
        self._gone_since: float | None = None

    @property
    def count(self) -> int:
        """How many tenants may be worked on at a time."""
        try:
            workers = len(self._client.nthreads())
        except OSError:
            # The scheduler does not answer: nobody can be reached.
            workers = 0
        if workers:
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = time.monotonic()
        return min(workers, self._jobs or workers)

    @property
    def are_gone(self) -> bool:
        """Whether there has been no worker for longer than one takes to come back."""
        return self._gone_since is not None and time.monotonic() - self._gone_since > _GONE_SECONDS


def _left_alone(tenant: Tenant, interrupted: bool) -> MigratorError:
    why = "it was interrupted" if interrupted else "the cluster has no worker any more"
    return MigratorError(
        f"Nobody waited for {tenant.name} to end: {why}.",
        hint="What a worker has begun goes on there. See where the tenant stands; then run this again.",
    )


def one_tenant(task: Task, workspace: Workspace, tenant: Tenant) -> TenantAnswer:
    """Do a task to one tenant in the process of a Dask worker."""
    with _ALONE:
        os.chdir(workspace.environment.root)
        return perform(task, workspace, tenant)


def _answer_of(done: Future[TenantAnswer], tenant: Tenant) -> TenantAnswer:
    try:
        return done.result()
    except Exception as exc:
        # Whatever Dask raises where a worker died, or could not read what it was sent.
        lost = MigratorError(
            f"The Dask worker that was given {tenant.name} did not answer: {type(exc).__name__}: {exc}",
            hint="Look where the tenant stands, and run the command again: it does what is left.",
        )
        return failed(tenant, lost)


@contextmanager
def _cluster(scheduler: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ModuleNotFoundError as exc:
        raise MissingExtraError("--executor dask", "dask") from exc
    if not re.fullmatch(r"(\w+://)?[^\s:/]+:\d+", scheduler):
        raise UsageError(
            f"--scheduler {scheduler} is no address of a Dask scheduler.",
            hint="For example: --scheduler tcp://127.0.0.1:8786",
        )
    try:
        client: Any = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as exc:
        raise ConfigurationError(
            f"The Dask scheduler {scheduler} does not answer: {type(exc).__name__}.",
            hint="Start one with `dask scheduler`, and give its address with --scheduler.",
        ) from exc
    with closing(client):
        try:
            client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except TimeoutError as exc:
            raise ConfigurationError(
                f"The Dask scheduler {scheduler} has no workers.",
                hint=f"Start some, with migrator installed: dask worker {scheduler} --nthreads 1",
            ) from exc
        yield client
