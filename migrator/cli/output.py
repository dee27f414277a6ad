"""The one place that prints results: as JSON, at a terminal, or plain."""

from __future__ import annotations

import sys
from contextlib import suppress
from itertools import islice
from pathlib import Path

from migrator.cli.envelope import envelope, line_of
from migrator.cli.invocation import Form, Invocation, Outcome
from migrator.errors import MigratorError, UsageError
from migrator.plain import How, lines

# Segments of text; a line of a table has about ten.
_BATCH = 2000


def show(invocation: Invocation, outcome: Outcome, errors: tuple[MigratorError, ...] = ()) -> None:
    """Print an outcome on stdout. Without `--json` errors are not printed here: they go to stderr.

    Raises OSError where stdout cannot be written.
    """
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


def summarize(invocation: Invocation, outcome: Outcome, errors: tuple[MigratorError, ...] = ()) -> None:
    """Write an outcome, errors and all, where a summary was asked for, and only once.

    Raises UsageError where it cannot be written.
    """
    if invocation.summary is None:
        return
    from migrator.cli.pipeline_reports import SummaryRequest, section

    file, invocation.summary = invocation.summary, None
    environment = invocation.environment or ""
    asked = SummaryRequest(invocation.command, How(invocation.verbose, environment), outcome.code)
    try:
        with file:
            file.write(section(asked, outcome.result, errors))
    except OSError as exc:
        raise UsageError(
            f"--summary {file.name} could not be written: {exc.strerror}.",
            hint="Name a file on a disk that has room for it.",
        ) from exc


def show_line(part: object) -> None:
    """Print a part of a result on stdout as it comes, as one line of JSON."""
    with suppress(BrokenPipeError):
        print(line_of(part), flush=True)


def _print_for_pipeline(result: object, form: Form) -> None:
    from migrator.cli.pipeline_reports import github, gitlab, in_repository
    from migrator.results.findings import Linted

    if not isinstance(result, Linted):
        raise TypeError(f"There is no form {form} of a {type(result).__name__}.")
    # Commands work at the project's root, which may be a folder of a larger repository.
    result = in_repository(result, Path.cwd())
    for line in github(result) if form == "github" else [gitlab(result)]:
        print(line)
    sys.stdout.flush()


def _print_styled(result: object, how: How) -> None:
    from rich.console import Console
    from rich.segment import Segments

    from migrator.cli.rich_tables import rendered

    console = Console(highlight=False, markup=False, emoji=False)
    segments = iter(console.render(rendered(result, how)))
    # A batch at a time: the lines of a long history come as they are made, and not all at the end.
    while batch := list(islice(segments, _BATCH)):
        console.print(Segments(batch), end="", soft_wrap=True)
