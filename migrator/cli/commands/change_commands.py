"""Commands that change a database."""

from __future__ import annotations

from typing import Annotated

import typer

from migrator.cli.fleet_runs import run_task
from migrator.cli.invocation import Invocation, Outcome, parse_seconds
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
    confirm: Annotated[
        str | None,
        typer.Option(
            "--confirm", metavar="ENVIRONMENT", help="Name of the environment, to agree to what is destroyed."
        ),
    ] = None,
    allow_ahead: Annotated[
        bool, typer.Option("--allow-ahead", help="Accept a database that a newer version has upgraded.")
    ] = False,
    lock_wait: LockWait = None,
    backup: Backup = True,
) -> Outcome:
    """Move a database to a later revision."""
    if sql:
        return _sql(run, "upgrade", [target], tag)
    from migrator.operations.command_requests import UpgradeRequest

    wait = _wait(lock_wait)
    request = UpgradeRequest(
        target=target,
        dry_run=dry_run,
        allow_ahead=allow_ahead,
        confirm=confirm,
        lock_wait=wait,
        backup=backup,
        tag=tag,
    )
    return run_task(run, request, yes=yes)


def downgrade(
    run: Invocation,
    target: Target = "-1",
    sql: Sql = False,
    tag: Tag = None,
    dry_run: DryRun = False,
    confirm: Confirm = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before rows are deleted.")] = False,
    lock_wait: LockWait = None,
    backup: Backup = True,
) -> Outcome:
    """Move a database back to an earlier revision."""
    if sql:
        return _sql(run, "downgrade", [target], tag)
    from migrator.operations.command_requests import DowngradeRequest

    wait = _wait(lock_wait)
    request = DowngradeRequest(
        target=target, dry_run=dry_run, confirm=confirm, yes=yes, lock_wait=wait, backup=backup, tag=tag
    )
    return run_task(run, request)


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
    from migrator.operations.command_requests import StampRequest

    request = StampRequest(
        targets=tuple(targets),
        purge=purge,
        dry_run=dry_run,
        confirm=confirm,
        lock_wait=_wait(lock_wait),
        backup=backup,
        tag=tag,
    )
    return run_task(run, request)


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
    from migrator.operations.command_requests import MarkRequest

    request = MarkRequest(confirm=confirm, force=force, accept=tuple(accept or ()), accept_all=accept_all)
    if request.accepts and (confirm is not None or force):
        raise UsageError("--accept goes without --confirm and --force.", hint="Mark the database first.")
    return run_task(run, request)


def ensure_version(run: Invocation, sql: Sql = False) -> Outcome:
    """Make the version table where there is none."""
    if sql:
        from migrator.operations.change.offline_sql import write_version_table_sql

        return Outcome(write_version_table_sql(run.workspace(), run.report))
    from migrator.operations.change.moves import ensure_version as operation

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


def _wait(text: str | None) -> float | None:
    return None if text is None else parse_seconds("--lock-wait", text)


def _sql(run: Invocation, direction: str, targets: list[str], tag: str | None) -> Outcome:
    if run.fleet.tenants:
        raise UsageError("--sql contacts no database, and --tenants are databases.", hint="Give one of them.")
    from migrator.operations.change.offline_sql import write_sql

    return Outcome(write_sql(run.workspace(), direction, targets, run.report, tag=tag))  # type: ignore[arg-type]
