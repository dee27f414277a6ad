"""Commands that change a database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from migrator.cli.fleet_runs import run_task
from migrator.cli.invocation import Invocation, Outcome
from migrator.cli.options import Backup, Confirm, DryRun, LockWait, Sql, Tag, Target, Targets
from migrator.errors import UsageError


def upgrade(
    run: Invocation,
    target: Target = "head",
    sql: Sql = False,
    tag: Tag = None,
    dry_run: DryRun = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask, where the environment is protected.")
    ] = False,
    allow_ahead: Annotated[
        bool, typer.Option("--allow-ahead", help="Accept a database that a newer version has upgraded.")
    ] = False,
    lock_wait: LockWait = None,
    backup: Backup = True,
) -> Outcome:
    """Move a database to a later revision."""
    if sql:
        return _sql(run, "upgrade", [target], tag)
    from migrator.operations.change.moves import upgrade as operation

    terms = run.terms(dry_run=dry_run, yes=yes, allow_ahead=allow_ahead, lock_wait=lock_wait, backup=backup)
    return _changed(run, "upgrade", operation, target=target, terms=terms, tag=tag)


def downgrade(
    run: Invocation,
    target: Target = "-1",
    sql: Sql = False,
    tag: Tag = None,
    dry_run: DryRun = False,
    confirm: Confirm = None,
    lock_wait: LockWait = None,
    backup: Backup = True,
) -> Outcome:
    """Move a database back to an earlier revision."""
    if sql:
        return _sql(run, "downgrade", [target], tag)
    from migrator.operations.change.moves import downgrade as operation

    terms = run.terms(dry_run=dry_run, confirm=confirm, lock_wait=lock_wait, backup=backup)
    return _changed(run, "downgrade", operation, target=target, terms=terms, tag=tag)


def stamp(
    run: Invocation,
    targets: Targets,
    sql: Sql = False,
    tag: Tag = None,
    purge: Annotated[
        bool, typer.Option("--purge", help="Empty the version table first, whatever it holds.")
    ] = False,
    dry_run: DryRun = False,
    confirm: Confirm = None,
    lock_wait: LockWait = None,
    backup: Backup = True,
) -> Outcome:
    """Set the version table without running anything."""
    if sql:
        if purge:
            raise UsageError("--purge needs the database, and --sql contacts none.")
        return _sql(run, "stamp", targets, tag)
    from migrator.operations.change.moves import stamp as operation

    terms = run.terms(dry_run=dry_run, confirm=confirm, lock_wait=lock_wait, backup=backup)
    return _changed(run, "stamp", operation, targets=targets, terms=terms, purge=purge, tag=tag)


def mark(
    run: Invocation,
    confirm: Annotated[
        str | None,
        typer.Option(
            "--confirm",
            metavar="DATABASE",
            help="Name of the database to mark; with --tenants, of the environment.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Take over a database that was marked for another environment.")
    ] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="REVISION", help="Accept its edited file as it is (repeatable)."),
    ] = None,
    accept_all: Annotated[bool, typer.Option("--accept-all", help="Accept every edited file.")] = False,
) -> Outcome:
    """Say which environment a database belongs to."""
    from migrator.operations.change.mark import MarkRequest, was_marked
    from migrator.operations.change.mark import mark as operation
    from migrator.operations.fleet.task import Task

    request = MarkRequest(force, tuple(accept or ()), accept_all)
    if request.accepts and (confirm is not None or force):
        raise UsageError("--accept goes without --confirm and --force.", hint="Mark the database first.")
    task = Task("mark", operation, {"request": request, "consent": run.consent(confirm)}, True, was_marked)
    return run_task(run, task)


def ensure_version(run: Invocation, sql: Sql = False) -> Outcome:
    """Make the version table where there is none."""
    if sql:
        from migrator.operations.change.offline_sql import write_version_table_sql

        return Outcome(write_version_table_sql(run.workspace(), run.report))
    from migrator.operations.change.ensure_version import ensure_version as operation

    return Outcome(operation(run.workspace(), run.report))


def run(
    run: Invocation,
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="The command and its arguments, after --.")
    ],
) -> Outcome:
    """Run a command with DATABASE_URL and POSTGRES_* set."""
    from migrator.operations.change.run_command import run_command

    result = run_command(run.workspace(), command, run.report, output_to_stderr=run.common.json)
    return Outcome(result, result.code)


def _changed(run: Invocation, verb: str, operation: Callable[..., Any], **arguments: Any) -> Outcome:
    from migrator.operations.fleet.task import Task, has_changed

    return run_task(run, Task(verb, operation, arguments, writes=True, good=has_changed))


def _sql(run: Invocation, direction: str, targets: list[str], tag: str | None) -> Outcome:
    if run.fleet is not None and run.fleet.tenants:
        raise UsageError("--sql contacts no database, and --tenants are databases.", hint="Give one of them.")
    from migrator.operations.change.offline_sql import write_sql

    return Outcome(write_sql(run.workspace(), direction, targets, run.report, tag=tag))  # type: ignore[arg-type]
