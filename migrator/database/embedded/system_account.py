"""Which system account PostgreSQL runs as, and how a program is run as it."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from pwd import getpwnam, struct_passwd
from typing import IO

from migrator.database.embedded.binaries import program_environment
from migrator.errors import ConfigurationError, DatabaseError

_CANDIDATES = ("postgres", "nobody")
_LONGEST_SECONDS = 300.0


def server_account() -> struct_passwd | None:
    """Who runs PostgreSQL: None for the current user, an account of the system when that user is root.

    PostgreSQL refuses to run as root, and initdb needs an account that has a passwd entry.
    ConfigurationError when root finds no such account.
    """
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        with suppress(KeyError):
            return getpwnam(name)
    raise ConfigurationError(
        "The embedded PostgreSQL cannot run as root, and there is no account 'postgres' or 'nobody'.",
        hint="Create a system account named postgres, run as an ordinary user, or give a database URL.",
    )


class Program(subprocess.Popen[bytes]):
    """A program that runs beside us, and may go on after us without a warning."""

    def __del__(self) -> None:
        pass


def start_as(
    account: struct_passwd | None, argv: list[str], *, output: IO[bytes] | int, pass_fds: tuple[int, ...] = ()
) -> Program:
    """Start a program as the account, stdout and stderr to `output`.

    DatabaseError when it cannot be executed. It runs in a session of its own, so that
    Ctrl-C at the terminal reaches only us, and in the one folder that every account can enter.
    """
    try:
        return Program(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=program_environment(),
            cwd="/",
            start_new_session=True,
            pass_fds=pass_fds,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )
    except OSError as error:
        who = f" as {account.pw_name!r}" if account else ""
        raise DatabaseError(
            f"The embedded PostgreSQL cannot be used: {argv[0]} cannot be executed{who}: {error.strerror}.",
            hint="Check the permissions of that file, or give a database URL.",
        ) from error


def run_as(account: struct_passwd | None, argv: list[str], *, output: IO[bytes] | int) -> int:
    """Run a program to its end, as `start_as` does; its exit code. DatabaseError when it does not end."""
    program = start_as(account, argv, output=output)
    try:
        return program.wait(_LONGEST_SECONDS)
    except BaseException as exc:
        program.kill()
        program.wait()
        if isinstance(exc, subprocess.TimeoutExpired):
            raise DatabaseError(
                f"The embedded PostgreSQL cannot be used: {argv[0]} did not end in {_LONGEST_SECONDS:g}s.",
                hint="See whether the disk is full or slow, then run this again.",
            ) from exc
        raise


def give_to(account: struct_passwd | None, path: Path) -> None:
    """Make the account the owner of a file or folder that we have just made."""
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
