"""`migrator run -- COMMAND`: runs a command with the environment's database in its variables."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import URL

from migrator.config.select import Workspace
from migrator.database.engine import with_driver
from migrator.database.opening import open_database
from migrator.errors import UsageError
from migrator.results.events import Report
from migrator.results.run import CommandRun


def run_command(
    workspace: Workspace, command: Sequence[str], report: Report, *, output_to_stderr: bool = False
) -> CommandRun:
    """Run a command to its end while the database is up; its exit code is in the result.

    DATABASE_URL, POSTGRES_* and ALEMBIC_ENV are set for it. The code of a command that a signal ended is 128
    and the signal's number. Raises UsageError for a command that is not there, ConfigurationError and
    DatabaseError.
    """
    program = shutil.which(command[0])
    if program is None:
        raise UsageError(
            f"The command {command[0]} was not found.", hint="For example: migrator run -- python app.py"
        )
    with open_database(workspace.environment, workspace.database, report) as url:
        variables = {**os.environ, **database_variables(url), "ALEMBIC_ENV": workspace.environment.name}
        code = _wait([program, *command[1:]], variables, output_to_stderr)
    return CommandRun(tuple(command), code)


def database_variables(url: URL) -> dict[str, str]:
    """Give DATABASE_URL and, for PostgreSQL, POSTGRES_* for a URL."""
    whole = with_driver(url)
    variables = {"DATABASE_URL": whole.render_as_string(hide_password=False)}
    if url.get_backend_name() != "postgresql":
        return variables
    parts = {
        "POSTGRES_DB": url.database,
        "POSTGRES_USER": url.username,
        "POSTGRES_PASSWORD": None if url.password is None else str(url.password),
        "POSTGRES_HOST": url.host,
        "POSTGRES_PORT": str(url.port or 5432),
    }
    return {**variables, **{name: value for name, value in parts.items() if value is not None}}


def _wait(command: list[str], variables: Mapping[str, str], output_to_stderr: bool) -> int:
    process = subprocess.Popen(
        command, env=dict(variables), stdout=sys.__stderr__ if output_to_stderr else None
    )
    with _signals_to(process):
        code = process.wait()
    return 128 - code if code < 0 else code


@contextmanager
def _signals_to(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave Ctrl-C to the command, which the terminal sends it too, and pass SIGTERM on to it."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: process.terminate()),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
