"""What is to be done to each tenant: a request, which goes to another process."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, replace
from typing import Any

from migrator import secrets
from migrator.config.select import Workspace
from migrator.config.tenants import Tenant
from migrator.errors import ExitCode, MigratorError, fault
from migrator.operations.command_requests import DatabaseRequest
from migrator.operations.dispatch import operation_of
from migrator.results.events import Event, Noticed, Retrying
from migrator.results.fleet import TenantAnswer, TenantOutcome
from migrator.results.run import RunPlan


@dataclass(frozen=True)
class Task:
    """What is asked of each tenant's database. With `traceback` an answer tells where an error came from."""

    request: DatabaseRequest
    traceback: bool = False


def outcome_of(request: DatabaseRequest, result: Any) -> TenantOutcome:
    """Say in a word what came of a request."""
    if isinstance(result, RunPlan):
        return "planned" if result.steps else "nothing to do"
    is_yes = request.is_yes(result)
    if is_yes is None:
        return "read"
    if request.writes:
        return "done" if is_yes else "nothing to do"
    return "yes" if is_yes else "no"


def perform(task: Task, workspace: Workspace, tenant: Tenant) -> TenantAnswer:
    """Do a task to one tenant, and give what became of it: nothing that goes wrong stops the others."""
    operation = operation_of(task.request)
    begun = time.monotonic()
    notes: list[str] = []

    def report(event: Event) -> None:
        if isinstance(event, Noticed):
            notes.append(event.text)
        elif isinstance(event, Retrying):
            notes.append(f"{event.revision} was rolled back and begun again: {event.reason}")

    try:
        result = operation(workspace.for_tenant(tenant), report=report)
    except KeyboardInterrupt:
        answer = TenantAnswer(tenant.name, "failed", ExitCode.INTERRUPTED, error="Interrupted.")
    except Exception as exc:
        # The border of this process: what is not understood is our own fault, and the others go on.
        answer = failed(tenant, exc if isinstance(exc, MigratorError) else fault(exc))
        if task.traceback:
            answer = replace(answer, trace=secrets.scrub("".join(traceback.format_exception(exc))))
    else:
        outcome = outcome_of(task.request, result)
        answer = TenantAnswer(tenant.name, outcome, 1 if outcome == "no" else 0, result=result)
    shown = tuple(secrets.scrub(note) for note in dict.fromkeys(notes))
    return replace(answer, seconds=round(time.monotonic() - begun, 3), notes=shown)


def failed(tenant: Tenant, error: MigratorError) -> TenantAnswer:
    """Give the answer for a tenant that failed. It crosses processes: nobody there knows the passwords."""
    return TenantAnswer(
        tenant.name,
        "failed",
        int(error.exit_code),
        result=getattr(error, "result", None),
        error=secrets.scrub(error.message),
        hint=secrets.scrub(error.hint),
        error_type=type(error).__name__,
    )
