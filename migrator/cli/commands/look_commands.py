"""Commands that look."""

from __future__ import annotations

from typing import Annotated

import typer

from migrator.cli.fleet_runs import run_task
from migrator.cli.invocation import Invocation, Outcome, parse_seconds
from migrator.cli.options import Target, Verbose
from migrator.errors import ExitCode, UsageError


def history(
    run: Invocation,
    rev_range: Annotated[
        str | None, typer.Option("--rev-range", "-r", metavar="[START]:[END]", help="Only this range.")
    ] = None,
    verbose: Verbose = False,
    indicate_current: Annotated[
        bool,
        typer.Option(
            "--indicate-current", "-i", help="Ask the database what is applied and what is pending."
        ),
    ] = False,
) -> Outcome:
    """List the revisions, newest first."""
    from migrator.operations.look.revision_listing import history as operation

    run.verbose = verbose
    workspace = run.workspace()
    return Outcome(operation(workspace, run.report, rev_range=rev_range, indicate_current=indicate_current))


def current(
    run: Invocation,
    verbose: Verbose = False,
    check_heads: Annotated[
        bool, typer.Option("--check-heads", help="Exit with 1 when the database is not at all heads.")
    ] = False,
) -> Outcome:
    """Show where a database stands."""
    from migrator.operations.command_requests import CurrentRequest

    run.verbose = verbose
    return run_task(run, CurrentRequest(check_heads=check_heads))


def heads(
    run: Invocation,
    verbose: Verbose = False,
    resolve_dependencies: Annotated[
        bool, typer.Option("--resolve-dependencies", help="Count depends_on like a down revision.")
    ] = False,
) -> Outcome:
    """Show the newest revisions of the version folder."""
    from migrator.operations.look.revision_listing import heads as operation

    run.verbose = verbose
    return Outcome(operation(run.workspace(), resolve_dependencies=resolve_dependencies))


def branches(run: Invocation, verbose: Verbose = False) -> Outcome:
    """Show where the history branches."""
    from migrator.operations.look.revision_listing import branches as operation

    run.verbose = verbose
    return Outcome(operation(run.workspace()))


def show(run: Invocation, target: Target = "head") -> Outcome:
    """Show everything that a revision file says."""
    from migrator.operations.look.revision_listing import show as operation

    run.verbose = True
    return Outcome(operation(run.workspace(), target, run.report))


def log(
    run: Invocation,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many rows.")] = 20,
    revision: Annotated[
        str | None, typer.Option("--revision", metavar="ID", help="Only this revision, or all that begin so.")
    ] = None,
) -> Outcome:
    """Show what was done to a database, newest first."""
    from migrator.operations.command_requests import LogRequest

    return run_task(run, LogRequest(limit=limit, revision=revision))


def envs(run: Invocation) -> Outcome:
    """List the environments and their databases."""
    from migrator.operations.look.envs import envs as operation

    return Outcome(operation(run.choice()))


def doctor(run: Invocation) -> Outcome:
    """Say what is wrong with an environment, and what to type (exit 1: a problem)."""
    from migrator.operations.look.doctor import doctor as operation

    result = operation(run.workspace(), run.report)
    return Outcome(result, ExitCode.OK if result.healthy else ExitCode.NO)


def status(
    run: Invocation,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="How long each database may take to answer.")
    ] = "10s",
) -> Outcome:
    """Show where all databases stand (exit 1: pending or wrong)."""
    from migrator.operations.command_requests import StatusRequest
    from migrator.operations.look.status import status_of_all

    limit = parse_seconds("--timeout", timeout)
    if run.fleet.tenants or run.choice().says_where:
        return run_task(run, StatusRequest(seconds=limit))
    result = status_of_all(run.choice(), limit)
    return Outcome(result, ExitCode.OK if result.ok else ExitCode.NO)


def wait(
    run: Invocation,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="How long to wait, such as 60s.")
    ] = "60s",
    for_: Annotated[
        str, typer.Option("--for", metavar="database|head", help="Until it answers, or until it is at head.")
    ] = "database",
) -> Outcome:
    """Wait until a database answers, or is at head (exit 1: it is not)."""
    from migrator.operations.change.wait import wait as operation
    from migrator.results.environment_status import Goal

    if for_ not in ("database", "head"):
        raise UsageError(f"--for {for_} is not known.", hint="Give --for database or --for head.")
    limit = parse_seconds("--timeout", timeout)
    goal: Goal = "head" if for_ == "head" else "database"
    result = operation(run.workspace(), run.report, seconds=limit, goal=goal)
    return Outcome(result, ExitCode.OK if result.reached else ExitCode.NO)
