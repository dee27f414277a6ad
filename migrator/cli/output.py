"""The one place that prints results: as JSON, at a terminal, or plain."""

from __future__ import annotations

import sys
from contextlib import suppress

from migrator.cli.envelope import envelope, line_of
from migrator.cli.invocation import Form, Invocation, Outcome
from migrator.cli.plain import How, lines
from migrator.errors import MigratorError


def show(invocation: Invocation, outcome: Outcome, errors: tuple[MigratorError, ...] = ()) -> None:
    """Print an outcome on stdout. Without `--json` errors are not printed here: they go to stderr."""
    if invocation.json:
        document = envelope(
            invocation.command,
            invocation.environment,
            outcome.code,
            outcome.result,
            errors,
            in_one_line=bool(invocation.fleet and invocation.fleet.json_lines),
        )
        print(document, flush=True)
        return
    if outcome.result is None:
        return
    how = How(invocation.verbose, invocation.environment or "")
    if outcome.form in ("github", "gitlab"):
        _print_for_pipeline(outcome.result, outcome.form)
    elif sys.stdout.isatty():
        _print_styled(outcome.result, how)
    else:
        for line in lines(outcome.result, how):
            print(line)
        sys.stdout.flush()


def show_line(part: object) -> None:
    """Print a part of a result on stdout as it comes, as one line of JSON."""
    with suppress(BrokenPipeError):
        print(line_of(part), flush=True)


def _print_for_pipeline(result: object, form: Form) -> None:
    from migrator.cli.annotations import github, gitlab
    from migrator.results.findings import Linted

    if not isinstance(result, Linted):
        raise TypeError(f"There is no form {form} of a {type(result).__name__}.")
    for line in github(result) if form == "github" else [gitlab(result)]:
        print(line)
    sys.stdout.flush()


def _print_styled(result: object, how: How) -> None:
    from rich.console import Console

    from migrator.cli.pretty import rendered
    from migrator.results.initialized import Initialized

    # A command that is to be copied must not be broken into lines.
    whole = isinstance(result, Initialized)
    Console(highlight=False, markup=False, emoji=False).print(rendered(result, how), soft_wrap=whole)
