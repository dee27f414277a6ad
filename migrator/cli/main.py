"""The entry point: parse, call, show, and translate every end into an exit code."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile
from pathlib import Path

import typer

from migrator import secrets
from migrator.cli.app import COMMANDS, build_app
from migrator.cli.invocation import Invocation, Outcome
from migrator.cli.messages import Messages
from migrator.cli.output import show, summarize
from migrator.errors import ExitCode, InterruptedCommandError, MigratorError, UsageError, fault
from migrator.processes.foreign_logs import foreign_logs
from migrator.processes.signals import terminable
from migrator.processes.start_up import defer_garbage_collection


def run() -> None:
    """Run the command line of this process, and end it."""
    defer_garbage_collection()
    _open_closed_streams()
    code = main(sys.argv[1:])
    _close_stdout()
    sys.exit(code)


def main(argv: Sequence[str]) -> int:
    """Run one command line, without the program's name, and give its exit code."""
    arguments = list(argv) or ["--help"]
    before_dashes = takewhile(lambda each: each != "--", arguments)
    invocation = Invocation(Messages(), json="--json" in before_dashes)
    invocation.command = _named_command(arguments)
    with terminable() as terminated:
        try:
            outcome = _call(invocation, arguments)
            if isinstance(outcome, Outcome):
                return _shown(invocation, outcome)
            # Help, the version and completion print themselves.
            return outcome if isinstance(outcome, int) else ExitCode.OK
        except MigratorError as exc:
            return _report(invocation, exc, terminated)
        except typer.TyperException as exc:
            return _report(invocation, _usage_error(exc), terminated)
        except (KeyboardInterrupt, typer.Abort):
            return _report(invocation, InterruptedCommandError(), terminated)
        except Exception as exc:
            # The border of the program.
            return _report(invocation, fault(exc), terminated)


def _call(invocation: Invocation, arguments: list[str]) -> object:
    app = build_app(rich=sys.stdout.isatty())
    with foreign_logs(partial(_tell_of_log, invocation.messages)):
        try:
            outcome = app(arguments, standalone_mode=False, prog_name="migrator", obj=invocation)
        except SystemExit as exc:
            # Typer leaves so, without a word, where a pipe is broken: that of help, or one within a command.
            if not invocation.begun:
                return ExitCode.OK
            raise exc.__context__ or RuntimeError("a command ended the process") from None
        except OSError as exc:
            if invocation.begun:
                raise
            # Until then there is nothing but what Typer prints: help, the version, completion.
            raise _unwritten(exc) from exc
    if outcome == ExitCode.INTERRUPTED:
        # Typer turns Ctrl-C into this code without a word.
        raise KeyboardInterrupt
    return outcome


def _named_command(arguments: list[str]) -> str:
    """Give the command's name for an envelope, where parsing never got that far."""
    # Not the first word without a dash: that may be the URL of --url.
    names = {command.name: command.alias_of or command.name for command in COMMANDS}
    return next((names[each] for each in arguments if each in names), "")


def _usage_error(exc: typer.TyperException) -> MigratorError:
    context = getattr(exc, "ctx", None)
    path = context.command_path if context is not None else "migrator"
    error = UsageError(secrets.scrub(exc.format_message()), hint=f"See: {path} --help")
    error.__cause__ = exc
    return error


def _report(invocation: Invocation, error: MigratorError, terminated: list[int]) -> int:
    """Show an error on stderr, and with `--json` its envelope on stdout. Gives the exit code."""
    code = int(error.exit_code)
    if terminated and code == ExitCode.INTERRUPTED:
        code = ExitCode.TERMINATED
    elif code == ExitCode.INTERRUPTED:
        invocation.messages.typed_ctrl_c()
    if invocation.common.traceback:
        # Its hint is such a note, and follows in a line of its own.
        error.__notes__ = []
        for line in "".join(traceback.format_exception(error)).splitlines():
            invocation.messages.line(line)
    invocation.messages.error(error)
    return _shown(invocation, Outcome(getattr(error, "result", None), code), (error,))


def _shown(invocation: Invocation, outcome: Outcome, errors: tuple[MigratorError, ...] = ()) -> int:
    """Write the summary that was asked for, then the outcome on stdout. Gives the exit code.

    It is neither a yes nor a no where one of them could not be written.
    """
    try:
        summarize(invocation, outcome, errors)
    except UsageError as exc:
        invocation.messages.error(exc)
        outcome, errors = replace(outcome, code=_unless_worse(outcome, exc)), (*errors, exc)
    try:
        show(invocation, outcome, errors)
    except BrokenPipeError:
        pass
    except OSError as exc:
        error = _unwritten(exc, "What the command changed is changed. ")
        invocation.messages.error(error)
        return _unless_worse(outcome, error)
    return int(outcome.code)


def _unwritten(exc: OSError, changed: str = "") -> UsageError:
    return UsageError(
        f"The answer could not be written on stdout: {exc.strerror}.",
        hint=f"{changed}Lead stdout to where there is room for it.",
    )


def _unless_worse(outcome: Outcome, error: MigratorError) -> int:
    return int(error.exit_code if outcome.code in (ExitCode.OK, ExitCode.NO) else outcome.code)


def _open_closed_streams() -> None:
    """Give a process that was started without one of its streams (`>&-`) an empty one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
        elif mode == "w":
            # A terminal that cannot show a character gets its number instead of an error.
            getattr(sys, name).reconfigure(errors="backslashreplace")


def _close_stdout() -> None:
    """Leave quietly when the reader of a pipe is gone (`| head`), and where a full disk was told of."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell_of_log(messages: Messages, level: int, text: str) -> None:
    loud = level > logging.INFO
    prefix = f"{logging.getLevelName(level).lower()}: " if loud else ""
    for line in f"{prefix}{text}".splitlines():
        messages.line(line, "yellow" if loud else "dim")
