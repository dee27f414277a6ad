"""Runs a command for the environment's database, or for its tenants."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from migrator.cli.invocation import Invocation, Outcome
from migrator.cli.output import show_line
from migrator.errors import ExitCode, UsageError
from migrator.plain import counted
from migrator.results.events import Event, FleetChanged, Report

if TYPE_CHECKING:
    from migrator.config.select import Workspace
    from migrator.operations.command_requests import DatabaseRequest
    from migrator.operations.run.consent import Consent
    from migrator.results.fleet import FleetResult

# More processes than this are more connections than many a server has, unless somebody asks for them.
_MOST_JOBS = 4


def run_task(run: Invocation, request: DatabaseRequest, *, yes: bool = False) -> Outcome:
    """Do what is asked to the environment's database, or to its tenants where that is asked for.

    With `yes` nobody is asked whether to upgrade.
    """
    from migrator.operations.dispatch import operation_of

    consent = run.consent(None, yes=yes)
    operation = operation_of(request, consent)
    workspace = run.workspace()
    if not run.fleet.tenants:
        result = operation(workspace, report=run.report)
        is_no = not request.writes and request.is_yes(result) is False
        return Outcome(result, ExitCode.NO if is_no else ExitCode.OK)
    from migrator.operations.fleet.tenant_listing import server_held

    if run.common.echo:
        raise UsageError("--echo shows the SQL of one database.", hint="Leave it out, or --tenants.")
    with server_held(workspace, run.report):
        fleet = _over_tenants(run, workspace, request, consent)
    return Outcome(fleet, fleet.code(writes=request.writes))


def _over_tenants(
    run: Invocation, workspace: Workspace, request: DatabaseRequest, consent: Consent
) -> FleetResult:
    from migrator.config.tenants import parse_shard
    from migrator.operations.fleet.fleet_course import TenantOrder
    from migrator.operations.fleet.over_tenants import over_tenants
    from migrator.operations.fleet.task import Task
    from migrator.operations.fleet.tenant_listing import tenants_of_environment

    options = run.fleet
    shard = None if options.shard is None else parse_shard(options.shard)
    tenants = tenants_of_environment(workspace, options.tenants or [], shard, run.report)
    agreed = _agreed(workspace, request, consent, len(tenants))
    task = Task(agreed, traceback=run.common.traceback)
    fail_fast = workspace.environment.protected if options.keep_going is None else not options.keep_going
    report = _streaming(run.report) if options.json_lines else run.report
    course = TenantOrder(tenants, canary=options.canary or 0, fail_fast=fail_fast)
    if options.scheduler is not None:
        from migrator.operations.fleet.dask import over_cluster

        return over_cluster(workspace, task, course, options.scheduler, options.jobs, report)
    jobs = options.jobs or min(os.cpu_count() or 1, _MOST_JOBS)
    return over_tenants(workspace, task, course, jobs, report)


def _streaming(told: Report) -> Report:
    """Report as usual, and print each tenant's answer on stdout as it comes."""

    def report(event: Event) -> None:
        if isinstance(event, FleetChanged) and event.answer is not None:
            show_line(event.answer)
        told(event)

    return report


def _agreed(workspace: Workspace, request: DatabaseRequest, consent: Consent, count: int) -> DatabaseRequest:
    """Get the consent for all tenants at once: nobody can be asked from another process."""
    from migrator.operations.command_requests import (
        DowngradeRequest,
        MarkRequest,
        StampRequest,
        UpgradeRequest,
    )
    from migrator.operations.run.consent import agree_to_upgrade, confirmation, require_consent

    tenants = counted(count, "tenant")
    match request:
        case MarkRequest(accepts=False, confirm=None):
            return replace(request, confirm=confirmation(workspace, f"mark {tenants}", consent))
        case UpgradeRequest():
            if count and not request.dry_run:
                agree_to_upgrade(workspace, f"Upgrade {tenants} of", consent)
        case DowngradeRequest() | StampRequest():
            if count and not request.dry_run:
                what = f"{request.verb} {tenants}"
                require_consent(workspace, what, replace(consent, confirm=request.confirm))
            return replace(request, confirm=workspace.environment.name)
    return request
