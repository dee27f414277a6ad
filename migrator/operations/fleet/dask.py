"""Goes through the tenants with the workers of a Dask cluster."""

from __future__ import annotations

import os
import threading
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from migrator.config.select import Workspace
from migrator.config.tenants import Tenant
from migrator.errors import ConfigurationError, ExitCode, MigratorError, MissingExtraError
from migrator.operations.fleet.course import Course
from migrator.operations.fleet.fleet import TICK, Account, FleetInterruptedError, interruptible
from migrator.operations.fleet.task import Task, failed, perform
from migrator.results.events import Report
from migrator.results.fleet import FleetResult, TenantAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONNECT_SECONDS = 10
# Alembic keeps what it works on in the globals of a module: one tenant at a time in each process.
_ALONE = threading.Lock()


def over_cluster(
    workspace: Workspace, task: Task, course: Course, scheduler: str, report: Report
) -> FleetResult:
    """Do a task to all tenants of a course on a Dask cluster, and give what became of each.

    The project has to be at the same path there, and `migrator` installed. Raises MissingExtraError without
    Dask, ConfigurationError for a scheduler that does not answer, and FleetInterruptedError.
    """
    account = Account(course, report)
    there = workspace.portable()
    running: dict[Future[TenantAnswer], Tenant] = {}
    with _cluster(scheduler) as client, interruptible() as wish:
        executor = client.get_executor(pure=False, retries=0)
        while True:
            workers = sum(client.nthreads().values()) or 1
            while len(running) < workers and not wish.times and (tenant := course.next()) is not None:
                running[executor.submit(one_tenant, task, there, tenant)] = tenant
                account.changed()
            if not running:
                break
            for done in wait(running, TICK, FIRST_COMPLETED).done:
                answer = _answer_of(done, running.pop(done))
                course.take(answer)
                account.changed(answer)
            account.changed()
            if wish.times:
                course.stop("interrupted")
    result = FleetResult(course.all_answers(), account.seconds)
    if wish.times:
        raise FleetInterruptedError(result, hint="Run it again: it does what is left.")
    return result


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
        return failed(tenant, lost, ExitCode.FAULT)


@contextmanager
def _cluster(scheduler: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ModuleNotFoundError as exc:
        raise MissingExtraError("--executor dask", "dask") from exc
    try:
        client: Any = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as exc:
        raise ConfigurationError(
            f"The Dask scheduler {scheduler} does not answer: {type(exc).__name__}.",
            hint="Start one with `dask scheduler`, and give its address with --scheduler.",
        ) from exc
    try:
        yield client
    finally:
        client.close()
