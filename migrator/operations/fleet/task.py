"""What is to be done to each tenant: an operation with its arguments, which goes to another process."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from migrator import secrets
from migrator.config.select import Workspace
from migrator.config.tenants import Tenant
from migrator.errors import ExitCode, MigratorError, fault
from migrator.results.events import Event, Noticed, Report, Retrying
from migrator.results.fleet import TenantAnswer, TenantOutcome
from migrator.results.run import RunPlan, RunResult

Judge = Callable[[Any], bool]


@dataclass(frozen=True)
class Task:
    """An operation: `function(workspace, report=..., **arguments)`, all of it picklable.

    `verb` is what it does, for questions to people. `good` tells of a result whether something was done, or
    of a command that reads whether the answer is yes; None where it asks nothing.
    With `traceback` an answer tells where an error came from.
    """

    verb: str
    function: Callable[..., Any]
    arguments: dict[str, Any]
    writes: bool
    good: Judge | None = None
    traceback: bool = False

    def run(self, workspace: Workspace, report: Report) -> Any:
        """Do it to one workspace. Raises what the operation raises."""
        return self.function(workspace, report=report, **self.arguments)

    def outcome(self, result: Any) -> TenantOutcome:
        """Say in a word what came of it."""
        if self.good is None:
            return "read"
        if isinstance(result, RunPlan):
            return "planned" if result.steps else "nothing to do"
        if self.writes:
            return "done" if self.good(result) else "nothing to do"
        return "yes" if self.good(result) else "no"


def has_changed(result: RunResult) -> bool:
    """Whether a run did something."""
    return bool(result.applied)


def is_ok(result: Any) -> bool:
    """Whether a result that knows it by itself says yes."""
    return bool(result.ok)


def perform(task: Task, workspace: Workspace, tenant: Tenant) -> TenantAnswer:
    """Do a task to one tenant, and give what became of it: nothing that goes wrong stops the others."""
    begun = time.monotonic()
    notes: list[str] = []

    def report(event: Event) -> None:
        if isinstance(event, Noticed):
            notes.append(event.text)
        elif isinstance(event, Retrying):
            notes.append(f"{event.revision} was rolled back and begun again: {event.reason}")

    try:
        result = task.run(workspace.for_tenant(tenant), report)
    except MigratorError as exc:
        answer = _failed(task, tenant, exc, exc)
    except KeyboardInterrupt:
        answer = TenantAnswer(tenant.name, "failed", ExitCode.INTERRUPTED, error="Interrupted.")
    except Exception as exc:
        # The border of this process: what is not understood is our own fault, and the others go on.
        answer = _failed(task, tenant, fault(exc), exc)
    else:
        outcome = task.outcome(result)
        answer = TenantAnswer(tenant.name, outcome, 1 if outcome == "no" else 0, result=result)
    return _finished(answer, time.monotonic() - begun, notes)


def failed(tenant: Tenant, error: MigratorError, code: int, result: Any = None) -> TenantAnswer:
    """Give the answer for a tenant that failed. It crosses processes: nobody there knows the passwords."""
    return TenantAnswer(
        tenant.name,
        "failed",
        int(code),
        result=result,
        error=secrets.scrub(error.message),
        hint=secrets.scrub(error.hint),
        error_type=type(error).__name__,
    )


def _failed(task: Task, tenant: Tenant, error: MigratorError, cause: BaseException) -> TenantAnswer:
    answer = failed(tenant, error, error.exit_code, getattr(error, "result", None))
    if not task.traceback:
        return answer
    return replace(answer, trace=secrets.scrub("".join(traceback.format_exception(cause))))


def _finished(answer: TenantAnswer, seconds: float, notes: list[str]) -> TenantAnswer:
    shown = tuple(secrets.scrub(note) for note in dict.fromkeys(notes))
    return replace(answer, seconds=round(seconds, 3), notes=shown)
