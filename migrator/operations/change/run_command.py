"""`migrator run -- COMMAND`: runs a command with the environment's database in its variables."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from migrator.config.select import Workspace
from migrator.config.url import own_variable
from migrator.database.connecting.engine import with_driver
from migrator.database.connecting.opening import open_database
from migrator.database.kinds import kind_of
from migrator.errors import UsageError
from migrator.processes.signals import blocked_interrupts_ignored
from migrator.results.events import Report
from migrator.results.run import CommandRun

_DATABASE = (
    "DATABASE_URL",
    "POSTGRES_DB",
    "POSTGRES_USER",
    "POSTGRES_PASSWORD",
    "POSTGRES_HOST",
    "POSTGRES_PORT",
)


def run_command(
    workspace: Workspace, command: Sequence[str], report: Report, *, output_to_stderr: bool = False
) -> CommandRun:
    """Run a command to its end while the database is up; its exit code is in the result.

    DATABASE_URL, POSTGRES_* and ALEMBIC_ENV (ALEMBIC_CONFIG where a file was named) are set for it, and it
    inherits nothing that names another database. The code of a command that a signal ended is 128
    and the signal's number. Raises UsageError for a command that is not there, ConfigurationError and
    DatabaseError.
    """
    program = shutil.which(command[0])
    if program is None:
        raise UsageError(
            f"The command {command[0]} was not found.", hint="For example: migrator run -- python app.py"
        )
    with open_database(workspace.environment, workspace.database, report) as url:
        whole = with_driver(url).render_as_string(hide_password=False)
        named = {"DATABASE_URL": whole, **kind_of(url).variables(url)}
        variables = {**_inherited(workspace), **named, **_chosen(workspace)}
        code = _wait([program, *command[1:]], variables, output_to_stderr)
    return CommandRun(tuple(command), code)


def _inherited(workspace: Workspace) -> dict[str, str]:
    """Give this process's variables less all that could name another database or another environment."""
    environment = workspace.environment
    own = {own_variable(name) for name in (environment.name, *environment.aliases)}
    dropped = {*_DATABASE, *own, "ALEMBIC_ENV", "ALEMBIC_CONFIG"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


def _chosen(workspace: Workspace) -> dict[str, str]:
    """Give the variable by which `migrator` itself, run by the command, works on the same environment."""
    if workspace.by_file:
        return {"ALEMBIC_CONFIG": str(workspace.environment.config_file.absolute())}
    return {"ALEMBIC_ENV": workspace.environment.name}


def _wait(command: list[str], variables: Mapping[str, str], output_to_stderr: bool) -> int:
    with blocked_interrupts_ignored(), _signals_kept() as kept:
        process = subprocess.Popen(
            command, env=dict(variables), stdout=sys.__stderr__ if output_to_stderr else None
        )
        kept.pass_on_to(process)
        code = process.wait()
    return 128 - code if code < 0 else code


class _Signals:
    """Leaves Ctrl-C to the command, which the terminal sends it too, and passes SIGTERM and SIGHUP on."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def receive(self, number: int, _frame: object) -> None:
        if self._process is None:
            self._early.append(number)
        elif number != signal.SIGINT:
            self._process.send_signal(number)

    def pass_on_to(self, process: subprocess.Popen[bytes]) -> None:
        """Pass signals on to a process from now on, with those that came before it was there."""
        self._process = process
        for early in self._early:
            process.send_signal(early)


@contextmanager
def _signals_kept() -> Iterator[_Signals]:
    signals = _Signals()
    before: dict[int, Any] = {}
    try:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            # One that is ignored stays so: the command inherits that, as it would from its shell.
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, signals.receive)
    except ValueError:
        # Not the main thread: whoever called us there keeps its own way of ending.
        pass
    try:
        yield signals
    finally:
        for changed, handler in before.items():
            signal.signal(changed, handler)
