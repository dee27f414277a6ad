"""Does what a call asks, in the process that was made for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from migrator.api.asked import (
    Change,
    Check,
    Current,
    Downgrade,
    Request,
    Revisions,
    Status,
    Upgrade,
    Wait,
)
from migrator.config.select import Workspace
from migrator.results.events import Report

if TYPE_CHECKING:
    from migrator.operations.execute import Terms


def perform(request: Request, report: Report) -> object:
    """Do what is asked and give its result, one of `migrator.results`. Raises what the operation raises."""
    if isinstance(request.asked, Status) and not request.choice.says_where and request.tenant is None:
        from migrator.operations.status import status_of_all

        return status_of_all(request.choice, request.asked.seconds)
    workspace = request.workspace()
    # As a command does: where a relative path in env.py leads to must not depend on who calls.
    os.chdir(workspace.environment.root)
    return _in_workspace(workspace, request, report)


def _in_workspace(workspace: Workspace, request: Request, report: Report) -> object:
    # Each operation is imported where it is asked for, as by the command line.
    match request.asked:
        case Upgrade() as asked:
            return _upgrade(workspace, asked, report)
        case Downgrade() as asked:
            return _downgrade(workspace, asked, report)
        case Current():
            from migrator.operations.current import current

            return current(workspace, report)
        case Status(seconds):
            from migrator.operations.status import status_of_one

            return status_of_one(workspace, seconds)
        case Check(against, fresh):
            from migrator.operations.check import check

            return check(workspace, report, against, fresh=fresh)
        case Wait(seconds, goal):
            from migrator.operations.wait import wait

            return wait(workspace, report, seconds=seconds, goal=goal)
        case Revisions():
            from migrator.operations.history import history

            return history(workspace, report)


def _upgrade(workspace: Workspace, asked: Upgrade, report: Report) -> object:
    from migrator.operations.upgrade import upgrade

    terms = _terms(asked, None, allow_ahead=asked.allow_ahead)
    return upgrade(workspace, asked.target, terms, report, tag=asked.tag)


def _downgrade(workspace: Workspace, asked: Downgrade, report: Report) -> object:
    from migrator.operations.downgrade import downgrade

    return downgrade(workspace, asked.target, _terms(asked, asked.confirm), report, tag=asked.tag)


def _terms(asked: Change, confirm: str | None, *, allow_ahead: bool = False) -> Terms:
    from migrator.operations.consent import Consent
    from migrator.operations.execute import Terms

    # Nobody can be asked: what is not said in the call is refused, as in a pipe.
    return Terms(Consent(confirm), asked.dry_run, asked.lock_wait, allow_ahead, asked.backup)
