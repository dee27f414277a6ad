"""Commands that judge revisions and databases, and change neither."""

from __future__ import annotations

from typing import Annotated

import typer

from migrator.cli.complete import complete_environment, complete_revision
from migrator.cli.fleet_runs import run_task
from migrator.cli.invocation import Form, Invocation, Outcome
from migrator.cli.options import AgainstOption, Fresh, Summary, comparing_with
from migrator.errors import ExitCode, UsageError


def check(
    run: Invocation,
    against: AgainstOption = None,
    fresh: Fresh = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what is not compared, too.")] = False,
    summary: Summary = None,
) -> Outcome:
    """Compare models with the database or the history (exit 1: they differ)."""
    from migrator.operations.command_requests import CheckRequest

    run.verbose = verbose
    run.summarize(summary)
    return run_task(run, CheckRequest(against=comparing_with(against), fresh=fresh))


def verify(
    run: Invocation,
    from_: Annotated[
        str, typer.Option("--from", metavar="REV", help="Only the revisions after this one.")
    ] = "base",
    seed: Annotated[
        str | None,
        typer.Option("--seed", metavar="FILE@REV", help="SQL with rows, loaded at a revision."),
    ] = None,
    fresh: Fresh = False,
    summary: Summary = None,
) -> Outcome:
    """Run each revision up, down and up on scratch (exit 1: it fails)."""
    from migrator.operations.judge.verify import VerifyRequest
    from migrator.operations.judge.verify import verify as operation

    run.summarize(summary)
    seed = run.path(seed) if seed is not None else None
    result = operation(run.workspace(), run.report, VerifyRequest(from_, seed, fresh))
    return Outcome(result, ExitCode.OK if result.ok else ExitCode.NO)


def diff(
    run: Invocation,
    environments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ENV",
            help="Two environments; not needed where there are two.",
            autocompletion=complete_environment,
        ),
    ] = None,
    fresh: Fresh = False,
) -> Outcome:
    """Compare two environments (exit 1: schemas, or positions, differ)."""
    from migrator.operations.judge.two_environments import compared_pair
    from migrator.operations.judge.two_environments import diff as operation

    if run.common.env is not None:
        raise UsageError("diff takes no --env.", hint="For example: migrator diff production testing")
    left, right = compared_pair(run.choice(), tuple(environments or ()))
    run.enter(left)
    result = operation(left, right, run.report, fresh=fresh)
    return Outcome(result, ExitCode.OK if result.ok else ExitCode.NO)


def lint(
    run: Invocation,
    revisions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="REV",
            help="Ids, head, or START:END without START; else what is pending.",
            autocompletion=complete_revision,
        ),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="text|json|github|gitlab", help="How findings are written.")
    ] = "text",
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="GITREF", help="The revisions whose files differ since git's GITREF."
        ),
    ] = None,
    fresh: Fresh = False,
    summary: Summary = None,
) -> Outcome:
    """Judge the SQL that revisions run (exit 1: errors)."""
    from migrator.operations.judge.lint_command import LintRequest
    from migrator.operations.judge.lint_command import lint as operation

    written = _form(form)
    if run.json and written not in ("text", "json"):
        raise UsageError(f"--json and --format {form} exclude each other.", hint="Give one of them.")
    if since is not None and revisions:
        raise UsageError("--since and revisions exclude each other.", hint="Give one of them.")
    run.json = run.json or written == "json"
    run.summarize(summary)
    request = LintRequest(tuple(revisions or ()), fresh, since)
    result = operation(run.workspace(), request, run.report)
    return Outcome(result, ExitCode.OK if result.ok else ExitCode.NO, written)


def _form(text: str) -> Form:
    match text:
        case "text" | "json" | "github" | "gitlab":
            return text
    raise UsageError(f"--format {text} is not known.", hint="Give one of: text, json, github, gitlab.")
