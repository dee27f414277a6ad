"""The options of commands that can be run for many tenants, and what they do."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from migrator.cli.invocation import Invocation, Outcome
from migrator.cli.options import parse_options
from migrator.cli.output import show_line
from migrator.errors import ExitCode, UsageError
from migrator.results.events import Event, FleetChanged, Report

if TYPE_CHECKING:
    from migrator.config.select import Workspace
    from migrator.operations.fleet.task import Task
    from migrator.results.fleet import FleetResult

# More processes than this are more connections than many a server has, unless somebody asks for them.
_MOST_JOBS = 4


@dataclass(frozen=True)
class FleetOptions:
    """What the command line says about tenants."""

    tenants: Annotated[
        list[str] | None,
        typer.Option(
            "--tenants",
            metavar="all|NAME|GLOB|file:F",
            help="Do it for these tenants of the environment (repeatable).",
        ),
    ] = None
    jobs: Annotated[
        int | None, typer.Option("--jobs", metavar="N", min=1, max=1000, help="Tenants at a time.")
    ] = None
    keep_going: Annotated[
        bool | None,
        typer.Option(
            "--keep-going/--fail-fast",
            help="After a tenant failed: go on, or begin no other. Protected environments fail fast.",
            show_default=False,
        ),
    ] = None
    canary: Annotated[
        int | None,
        typer.Option(
            "--canary", metavar="N", min=1, help="So many tenants first; the rest if they went well."
        ),
    ] = None
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="I/N", help="Only part I, from 0, of N parts of the tenants."),
    ] = None
    executor: Annotated[
        str | None,
        typer.Option("--executor", metavar="local|dask", help="Processes here, or a Dask cluster."),
    ] = None
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Of the Dask cluster.")
    ] = None
    json_lines: Annotated[
        bool,
        typer.Option(
            "--json-lines", help="JSON on stdout: a line for each tenant as it ends, then the document."
        ),
    ] = False


def take_fleet(values: dict[str, Any]) -> FleetOptions:
    """Take the options out of a command's arguments. Raises UsageError where they need others."""
    options = parse_options(FleetOptions, values)
    if not options.tenants:
        given = [
            each.name for each in fields(options) if getattr(options, each.name) not in (None, False, [])
        ]
        # A --fail-fast is False too.
        given += ["fail_fast"] if options.keep_going is False else []
        if given:
            name = given[0].replace("_", "-")
            raise UsageError(f"--{name} needs --tenants.", hint="For example: --tenants all")
    if options.executor not in (None, "local", "dask"):
        raise UsageError(f"--executor {options.executor} is not known.", hint="Give local or dask.")
    if (options.executor == "dask") != (options.scheduler is not None):
        raise UsageError(
            "--executor dask and --scheduler belong together.",
            hint="For example: --executor dask --scheduler tcp://127.0.0.1:8786",
        )
    return options


def run_reading_command(
    run: Invocation, operation: Callable[..., Any], good: Callable[[Any], bool] | None, **arguments: Any
) -> Outcome:
    """Run a command that only reads; `good` tells of its result whether the answer is yes.

    It is None where nothing is asked that could be no.
    """
    from migrator.operations.fleet.task import Task

    return run_task(run, Task(run.command, operation, arguments, writes=False, good=good))


def run_task(run: Invocation, task: Task) -> Outcome:
    """Do a task to the environment's database, or to its tenants where that is asked for."""
    workspace = run.workspace()
    if run.fleet is None or not run.fleet.tenants:
        result = task.run(workspace, run.report)
        return Outcome(result, ExitCode.NO if task.outcome(result) == "no" else ExitCode.OK)
    fleet = _over_tenants(run, run.fleet, workspace, task)
    return Outcome(fleet, fleet.code(writes=task.writes))


def _over_tenants(run: Invocation, options: FleetOptions, workspace: Workspace, task: Task) -> FleetResult:
    from migrator.operations.fleet.tenant_listing import server_held

    if run.common.echo:
        raise UsageError("--echo shows the SQL of one database.", hint="Leave it out, or --tenants.")
    with server_held(workspace, run.report):
        return _with_tenants(run, options, workspace, task)


def _with_tenants(run: Invocation, options: FleetOptions, workspace: Workspace, task: Task) -> FleetResult:
    from migrator.config.tenants import parse_shard
    from migrator.operations.fleet.over_tenants import over_tenants
    from migrator.operations.fleet.tenant_listing import tenants_of_environment
    from migrator.operations.fleet.tenant_order import TenantOrder

    shard = None if options.shard is None else parse_shard(options.shard)
    tenants = tenants_of_environment(workspace, options.tenants or [], shard, run.report)
    task = _agreed(workspace, replace(task, traceback=run.common.traceback), len(tenants))
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


def _agreed(workspace: Workspace, task: Task, count: int) -> Task:
    """Get the consent for all tenants at once: nobody can be asked from another process."""
    from migrator.operations.run.consent import Consent, agree_to_fleet, confirmation

    consent = task.arguments.get("consent")
    if consent is not None:
        if not task.arguments["request"].accepts:
            consent = replace(consent, confirm=confirmation(workspace, f"mark {count} tenants", consent))
        return replace(task, arguments={**task.arguments, "consent": Consent(confirm=consent.confirm)})
    terms = task.arguments.get("terms")
    if terms is None:
        return task
    if count and not terms.dry_run:
        agree_to_fleet(workspace, terms.consent, task.verb, count)
    given = Consent(confirm=workspace.environment.name, yes=True)
    return replace(task, arguments={**task.arguments, "terms": replace(terms, consent=given)})
