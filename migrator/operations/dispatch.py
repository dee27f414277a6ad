"""Finds the operation that does what a request asks for."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from migrator.config.select import Workspace
from migrator.operations import command_requests
from migrator.operations.run.consent import NO_CONSENT, Consent
from migrator.results.events import Report


class OperationCall(Protocol):
    """Does to a workspace what a request asks for, and returns one of `migrator.results`."""

    def __call__(self, workspace: Workspace, *, report: Report) -> Any:
        """Do it. Raises what the operation raises."""


def operation_of(request: command_requests.DatabaseRequest, consent: Consent = NO_CONSENT) -> OperationCall:
    """Import the operation that a request asks for, and return a call of it.

    `consent` knows whether people can be asked; what the request says itself is added to it.
    """
    match request:
        case command_requests.UpgradeRequest(confirm=confirm):
            from migrator.operations.change.moves import upgrade

            return partial(upgrade, request=request, consent=replace(consent, confirm=confirm))
        case command_requests.DowngradeRequest(confirm=confirm):
            from migrator.operations.change.moves import downgrade

            agreed = replace(consent, confirm=confirm, yes=consent.yes or request.yes)
            return partial(downgrade, request=request, consent=agreed)
        case command_requests.StampRequest(confirm=confirm):
            from migrator.operations.change.moves import stamp

            return partial(stamp, request=request, consent=replace(consent, confirm=confirm))
        case command_requests.MarkRequest(confirm=confirm):
            from migrator.operations.change.mark import mark

            return partial(mark, request=request, consent=replace(consent, confirm=confirm))
        case command_requests.CurrentRequest():
            from migrator.operations.look.revision_listing import current

            return current
        case command_requests.LogRequest(limit=limit, revision=revision):
            from migrator.operations.look.log import log

            return partial(log, limit=limit, revision=revision)
        case command_requests.StatusRequest(seconds=seconds):
            from migrator.operations.look.status import status_of_one

            # There is nothing to report on the way.
            return lambda workspace, *, report: status_of_one(workspace, seconds)  # noqa: ARG005
        case command_requests.CheckRequest(against=against, fresh=fresh):
            from migrator.operations.judge.check import check

            return partial(check, against=against, fresh=fresh)
        case command_requests.WaitRequest(seconds=seconds, goal=goal):
            from migrator.operations.change.wait import wait

            return partial(wait, seconds=seconds, goal=goal)
        case command_requests.RevisionsRequest():
            from migrator.operations.look.revision_listing import history

            return history
    raise TypeError(f"No operation does what a {type(request).__name__} asks for.")
