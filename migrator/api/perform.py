"""Does what a call asks, in the process that was made for it."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext

from migrator.api.requests import Request
from migrator.operations.command_requests import StatusRequest
from migrator.operations.dispatch import operation_of
from migrator.processes.child import Do
from migrator.processes.start_up import imports_done
from migrator.results.events import Report


def load() -> AbstractContextManager[Do]:
    """Return `perform`, for a process of a pool: each request imports the operation that it asks for."""
    return nullcontext(perform)


def perform(request: Request, report: Report) -> object:
    """Do what is asked and give its result, one of `migrator.results`. Raises what the operation raises.

    Nobody can be asked: what the call does not consent to is refused, as in a pipe.
    """
    if isinstance(request.asked, StatusRequest) and not request.choice.says_where and request.tenant is None:
        from migrator.operations.look.status import status_of_all

        imports_done()
        return status_of_all(request.choice, request.asked.seconds)
    workspace = request.workspace()
    # As a command does: where a relative path in env.py leads to must not depend on who calls.
    os.chdir(workspace.environment.root)
    work = operation_of(request.asked)
    imports_done()
    return work(workspace, report=report)
