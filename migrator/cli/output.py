"""The one place that prints results: as one JSON document, at a terminal, or plain."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from migrator import secrets
from migrator.cli.invocation import Form, Invocation, Outcome
from migrator.errors import ExitCode, MigratorError, UsageError
from migrator.plain import How, lines

VERSION = 1


def envelope(
    command: str, environment: str | None, outcome: Outcome, errors: tuple[MigratorError, ...] = ()
) -> dict[str, Any]:
    """Give the document for a result, or for the errors that stand in its place.

    `status` is success (exit code 0), negative (1: the answer is no) or error.
    """
    return {
        "version": VERSION,
        "command": command,
        "environment": environment,
        "status": _status(outcome.code, errors),
        "exit_code": int(outcome.code),
        "data": {} if outcome.result is None else asdict(outcome.result),
        "errors": [_error(error) for error in errors],
    }


def _written(document: dict[str, Any], indent: int | None) -> str:
    # Where stdout cannot take every character, JSON has a way of its own to write it.
    ascii_only = (sys.stdout.encoding or "utf-8").lower().replace("-", "") != "utf8"
    return json.dumps(document, indent=indent, ensure_ascii=ascii_only, default=_as_text)


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    raise TypeError(f"There is no JSON for a {type(value).__name__}.")


def _status(code: int, errors: tuple[MigratorError, ...]) -> str:
    if code == ExitCode.OK:
        return "success"
    return "negative" if code == ExitCode.NO and not errors else "error"


def _error(error: MigratorError) -> dict[str, str | None]:
    return {
        "type": type(error).__name__,
        "message": secrets.scrub(error.message),
        "effect": error.effect,
        "hint": secrets.scrub(error.hint),
    }


# Segments of text; a line of a table has about ten.
_BATCH = 2000


def show(invocation: Invocation, outcome: Outcome, errors: tuple[MigratorError, ...] = ()) -> None:
    """Print an outcome on stdout. Without `--json` errors are not printed here: they go to stderr.

    Raises OSError where stdout cannot be written.
    """
    if invocation.json:
        document = envelope(invocation.command, invocation.environment, outcome, errors)
        print(_written(document, None if invocation.fleet.json_lines else 2), flush=True)
        return
    if outcome.result is None:
        return
    how = _how(invocation)
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
    from migrator.cli.pipeline_reports import section

    file, invocation.summary = invocation.summary, None
    try:
        with file:
            file.write(section(invocation.command, _how(invocation), outcome, errors))
    except OSError as exc:
        raise UsageError(
            f"--summary {file.name} could not be written: {exc.strerror}.",
            hint="Name a file on a disk that has room for it.",
        ) from exc


def show_line(part: Any) -> None:
    """Print a part of a result, a dataclass, on stdout as it comes: as one line of JSON."""
    with suppress(BrokenPipeError):
        print(_written(asdict(part), None), flush=True)


def _how(invocation: Invocation) -> How:
    return How(invocation.verbose, invocation.environment or "")


def _print_for_pipeline(result: Any, form: Form) -> None:
    from migrator.cli.pipeline_reports import github, gitlab, in_repository

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
