"""Commands that write revisions."""

from __future__ import annotations

from typing import Annotated

import typer

from migrator.cli.complete import complete_environment, complete_revision
from migrator.cli.invocation import Invocation, Outcome
from migrator.cli.options import (
    AgainstOption,
    BranchLabel,
    Confirm,
    DryRun,
    Fresh,
    Message,
    RevId,
    Target,
    Targets,
    comparing_with,
)
from migrator.errors import UsageError

WithoutRows = Annotated[
    bool, typer.Option("--without-rows", help="Leave behind what old revisions put into tables.")
]


def generate(
    run: Invocation,
    message: Message = None,
    autogenerate: Annotated[
        bool,
        typer.Option(
            "--autogenerate/--empty", help="Compare models and database, or write a blank revision."
        ),
    ] = True,
    sql: Annotated[
        bool, typer.Option("--sql", help="With --empty: run env.py offline (revision_environment).")
    ] = False,
    head: Annotated[
        str, typer.Option("--head", metavar="TARGET", help="Revision, or label@head, to come after.")
    ] = "head",
    splice: Annotated[
        bool, typer.Option("--splice", help="Allow --head to be a revision that is no head.")
    ] = False,
    branch_label: BranchLabel = None,
    version_path: Annotated[
        str | None, typer.Option("--version-path", metavar="FOLDER", help="Which of several version folders.")
    ] = None,
    rev_id: RevId = None,
    depends_on: Annotated[
        list[str] | None,
        typer.Option("--depends-on", metavar="TARGET", help="Revision that this one needs (repeatable)."),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option("--rename", metavar="TABLE.OLD=NEW", help="A column was renamed (repeatable)."),
    ] = None,
    rename_table: Annotated[
        list[str] | None,
        typer.Option("--rename-table", metavar="OLD=NEW", help="A table was renamed (repeatable)."),
    ] = None,
    rename_value: Annotated[
        list[str] | None,
        typer.Option("--rename-value", metavar="TYPE.OLD=NEW", help="An enum's value was (repeatable)."),
    ] = None,
    allow_drop: Annotated[
        bool, typer.Option("--allow-drop", help="Drop tables and columns without asking.")
    ] = False,
    against: AgainstOption = None,
    fresh: Fresh = False,
) -> Outcome:
    """Write a revision from what changed in the models."""
    from migrator.operations.write.generate import GenerateRequest, parse_rename
    from migrator.operations.write.generate import generate as operation

    renames = (
        *(parse_rename("table", each) for each in rename_table or ()),
        *(parse_rename("column", each) for each in rename or ()),
        *(parse_rename("value", each) for each in rename_value or ()),
    )
    if renames and not autogenerate:
        raise UsageError("A blank revision renames nothing.", hint="Leave --empty out.")
    request = GenerateRequest(
        message=message,
        autogenerate=autogenerate,
        sql=sql,
        head=head,
        splice=splice,
        branch_label=branch_label,
        version_path=version_path and run.path(version_path),
        rev_id=rev_id,
        depends_on=tuple(depends_on or ()),
        renames=renames,
        allow_drop=allow_drop,
        against=comparing_with(against),
        fresh=fresh,
    )
    return Outcome(operation(run.workspace(), request, run.report, run.consent(None)))


def merge(
    run: Invocation,
    revisions: Targets = ["heads"],  # noqa: B006 - Typer copies defaults
    message: Message = None,
    branch_label: BranchLabel = None,
    rev_id: RevId = None,
    splice: Annotated[bool, typer.Option("--splice", help="Allow revisions that are no heads.")] = False,
) -> Outcome:
    """Join several heads into one."""
    from migrator.operations.write.merge import MergeRequest
    from migrator.operations.write.merge import merge as operation

    request = MergeRequest(tuple(revisions), message, branch_label, rev_id, splice)
    return Outcome(operation(run.workspace(), request, run.report))


def rebase(
    run: Invocation,
    revision: Annotated[
        str,
        typer.Argument(
            metavar="REVISION",
            help="Head of the branch to move, or any revision of it.",
            autocompletion=complete_revision,
        ),
    ],
    onto: Annotated[
        str | None,
        typer.Option(
            "--onto", metavar="REVISION", help="Head to move it onto, where there are several others."
        ),
    ] = None,
    unapplied: Annotated[
        bool, typer.Option("--unapplied", help="No database has the branch: ask none.")
    ] = False,
    dry_run: DryRun = False,
) -> Outcome:
    """Move a branch that is not applied yet on top of the other head."""
    from migrator.operations.write.rebase import RebaseRequest
    from migrator.operations.write.rebase import rebase as operation

    return Outcome(operation(run.workspace(), RebaseRequest(revision, onto, unapplied, dry_run)))


def edit(run: Invocation, target: Target = "head") -> Outcome:
    """Open revision files in $VISUAL or $EDITOR."""
    from migrator.operations.write.edit import edit as operation

    return Outcome(operation(run.workspace(), target, run.report))


def reset_versions(
    run: Invocation,
    message: Annotated[
        str, typer.Option("--message", "-m", metavar="TEXT", help="What the new first revision is called.")
    ] = "initial",
    rev_id: RevId = None,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Apply the new revision to the database.")
    ] = False,
    files_only: Annotated[bool, typer.Option("--files-only", help="Do not look at a database.")] = False,
    restamp: Annotated[
        bool, typer.Option("--restamp", help="Old spelling of: squash --to head --new-id.")
    ] = False,
    without_rows: WithoutRows = False,
    fresh: Fresh = False,
    dry_run: DryRun = False,
    confirm: Confirm = None,
) -> Outcome:
    """Start the history over with one revision."""
    if restamp:
        from migrator.operations.write.squash import SquashRequest
        from migrator.operations.write.squash import squash as squashing
        from migrator.results.events import Noticed
        from migrator.results.written import VersionsReset

        if upgrade or files_only:
            other = "--upgrade" if upgrade else "--files-only"
            raise UsageError(f"--restamp and {other} exclude each other.", hint="Give one of them.")
        run.report(Noticed("--restamp goes with the next release; use: migrator squash --to head --new-id"))
        wanted = SquashRequest(
            "heads", message, new_id=True, rev_id=rev_id, rows=not without_rows, fresh=fresh, dry_run=dry_run
        )
        done = squashing(run.workspace(), wanted, run.consent(confirm), run.report)
        return Outcome(
            VersionsReset(
                tuple(sorted(done.files)),
                done.archive,
                done.written,
                done.tables,
                done.dry_run,
                restamps=True,
                stamped=done.stamped,
            )
        )
    from migrator.operations.write.reset_versions import ResetRequest
    from migrator.operations.write.reset_versions import reset_versions as operation

    if without_rows or fresh:
        option = "--without-rows" if without_rows else "--fresh"
        raise UsageError(f"{option} goes with --restamp only.")
    request = ResetRequest(message, rev_id, files_only, upgrade, dry_run)
    return Outcome(operation(run.workspace(), request, run.consent(confirm), run.report))


def squash(
    run: Invocation,
    to: Annotated[
        str,
        typer.Option("--to", metavar="REV", help="The last one to squash.", autocompletion=complete_revision),
    ],
    message: Message = None,
    applied: Annotated[
        bool, typer.Option("--applied", help="Ask no database: all that are in use have REV.")
    ] = False,
    new_id: Annotated[
        bool, typer.Option("--new-id", help="With --to head: a new id, with which the database is stamped.")
    ] = False,
    rev_id: RevId = None,
    without_rows: WithoutRows = False,
    fresh: Fresh = False,
    dry_run: DryRun = False,
    confirm: Confirm = None,
) -> Outcome:
    """Make one revision of a history, or of its older part."""
    from migrator.operations.write.squash import SquashRequest
    from migrator.operations.write.squash import squash as operation

    if new_id and applied:
        raise UsageError("--new-id and --applied exclude each other.", hint="Give one of them.")
    if rev_id is not None and not new_id:
        raise UsageError("--rev-id goes with --new-id only.")
    request = SquashRequest(to, message, new_id, rev_id, applied, not without_rows, fresh, dry_run)
    return Outcome(operation(run.workspace(), request, run.consent(confirm), run.report))


def promote(
    run: Invocation,
    revisions: Annotated[
        list[str] | None,
        typer.Argument(metavar="REVISION", help="Only these, with what they need; else all."),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="ENV", help="Where they come from.", autocompletion=complete_environment
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="ENV", help="Where they go.", autocompletion=complete_environment),
    ] = None,
    untested: Annotated[
        bool, typer.Option("--untested", help="Take what the source's database has not applied, too.")
    ] = False,
    fresh: Fresh = False,
    dry_run: DryRun = False,
) -> Outcome:
    """Take tested revisions to another environment."""
    from migrator.operations.judge.two_environments import promoting_pair
    from migrator.operations.write.promote import PromoteRequest
    from migrator.operations.write.promote import promote as operation

    if run.common.env is not None:
        raise UsageError(
            "promote takes --from and --to, and no --env.",
            hint="For example: migrator promote --from testing --to production",
        )
    source, target = promoting_pair(run.choice(), from_, to)
    run.enter(target)
    request = PromoteRequest(tuple(revisions or ()), untested, dry_run, fresh)
    return Outcome(operation(source, target, request, run.report))
