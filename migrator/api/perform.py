"""Does what a call asks, in the process that was made for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from migrator.api.requests import (
    AnyRequest,
    ChangeRequest,
    CheckRequest,
    CurrentRequest,
    DowngradeRequest,
    Request,
    RevisionsRequest,
    StatusRequest,
    UpgradeRequest,
    WaitRequest,
)
from migrator.config.select import Workspace
from migrator.processes.child import Do
from migrator.processes.start_up import imports_done
from migrator.results.events import Report

if TYPE_CHECKING:
    from migrator.operations.run.execute import RunTerms


def load() -> AbstractContextManager[Do]:
    """Return `perform`, for a process of a pool: each request imports the operation that it asks for."""
    return nullcontext(perform)


def perform(request: Request, report: Report) -> object:
    """Do what is asked and give its result, one of `migrator.results`. Raises what the operation raises."""
    if isinstance(request.asked, StatusRequest) and not request.choice.says_where and request.tenant is None:
        from migrator.operations.look.status import status_of_all

        imports_done()
        return status_of_all(request.choice, request.asked.seconds)
    workspace = request.workspace()
    # As a command does: where a relative path in env.py leads to must not depend on who calls.
    os.chdir(workspace.environment.root)
    work = _work(request.asked)
    imports_done()
    return work(workspace, report)


def _work(asked: AnyRequest) -> Callable[[Workspace, Report], object]:
    """Import the operation that is asked for, and give a call of it."""
    match asked:
        case UpgradeRequest():
            from migrator.operations.change.moves import upgrade

            terms = _terms(asked, None, allow_ahead=asked.allow_ahead)
            return partial(_to_target, upgrade, asked, terms)
        case DowngradeRequest():
            from migrator.operations.change.moves import downgrade

            return partial(_to_target, downgrade, asked, _terms(asked, asked.confirm))
        case CurrentRequest():
            from migrator.operations.look.current import current

            return current
        case StatusRequest(seconds):
            from migrator.operations.look.status import status_of_tenant

            return partial(status_of_tenant, seconds=seconds)
        case CheckRequest(against, fresh):
            from migrator.operations.judge.check import check

            return partial(check, against=against, fresh=fresh)
        case WaitRequest(seconds, goal):
            from migrator.operations.change.wait import wait

            return partial(wait, seconds=seconds, goal=goal)
        case RevisionsRequest():
            from migrator.operations.look.history import history

            return history


def _to_target(
    operation: Callable[..., object],
    asked: ChangeRequest,
    terms: RunTerms,
    workspace: Workspace,
    report: Report,
) -> object:
    return operation(workspace, asked.target, terms, report, tag=asked.tag)


def _terms(asked: ChangeRequest, confirm: str | None, *, allow_ahead: bool = False) -> RunTerms:
    from migrator.operations.run.consent import Consent
    from migrator.operations.run.execute import RunTerms

    # Nobody can be asked: what is not said in the call is refused, as in a pipe.
    return RunTerms(Consent(confirm), asked.dry_run, asked.lock_wait, allow_ahead, asked.backup)
