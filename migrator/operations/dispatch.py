"""Finds the operation that does what a request asks for."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from migrator.config.select import Workspace
from migrator.operations import command_requests
from migrator.operations.run.consent import NO_CONSENT, Consent
from migrator.results.events import Report

if TYPE_CHECKING:
    from migrator.operations.run.execute import RunTerms


class OperationCall(Protocol):
    """Does to a workspace what a request asks for, and returns one of `migrator.results`."""

    def __call__(self, workspace: Workspace, *, report: Report) -> Any:
        """Do it. Raises what the operation raises."""


def operation_of(request: command_requests.DatabaseRequest, consent: Consent = NO_CONSENT) -> OperationCall:
    """Import the operation that a request asks for, and return a call of it.

    `consent` knows whether people can be asked; what the request says itself is added to it.
    """
    match request:
        case command_requests.UpgradeRequest(target=target, tag=tag):
            from migrator.operations.change.moves import upgrade

            terms = _terms(request, consent, allow_ahead=request.allow_ahead)
            return partial(upgrade, target=target, terms=terms, tag=tag)
        case command_requests.DowngradeRequest(target=target, tag=tag, confirm=confirm):
            from migrator.operations.change.moves import downgrade

            terms = _terms(request, replace(consent, confirm=confirm))
            return partial(downgrade, target=target, terms=terms, tag=tag)
        case command_requests.StampRequest(targets=targets, purge=purge, tag=tag, confirm=confirm):
            from migrator.operations.change.moves import stamp

            terms = _terms(request, replace(consent, confirm=confirm))
            return partial(stamp, targets=targets, terms=terms, purge=purge, tag=tag)
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


def _terms(
    request: command_requests.ChangeRequest, consent: Consent, *, allow_ahead: bool = False
) -> RunTerms:
    from migrator.operations.run.execute import RunTerms

    return RunTerms(consent, request.dry_run, request.lock_wait, allow_ahead, request.backup)
