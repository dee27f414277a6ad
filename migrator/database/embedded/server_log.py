"""The log of initdb and the server, and the error that quotes it."""

from __future__ import annotations

import os
from typing import IO

from migrator.database.embedded.server_home import Home
from migrator.errors import DatabaseError

_LARGEST_BYTES = 4_000_000
_QUOTED_LINES = 10


def open_log(home: Home) -> IO[bytes]:
    """Open the log for a program, at its end; a large one is put aside as `log.old` first."""
    if size(home) > _LARGEST_BYTES:
        home.log.replace(home.log.with_name("log.old"))
    descriptor = os.open(home.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    return os.fdopen(descriptor, "ab")


def size(home: Home) -> int:
    """How long (bytes) the log is."""
    return home.log.stat().st_size if home.log.exists() else 0


def text_since(home: Home, start: int) -> str:
    """What was logged after the first `start` bytes."""
    with home.log.open("rb") as file:
        file.seek(start)
        return file.read().decode("utf-8", "replace")


def failure(home: Home, what: str, *, since: int) -> DatabaseError:
    """The error for a program that failed, with the last lines that it logged."""
    lines = text_since(home, since).strip().splitlines()[-_QUOTED_LINES:]
    quoted = "".join(f"\n  {line}" for line in lines) or " nothing."
    return DatabaseError(
        f"The embedded PostgreSQL could not be used: {what}; its log is {home.log}.",
        hint=f"Correct the cause, or give a database URL. The end of the log:{quoted}",
    )
