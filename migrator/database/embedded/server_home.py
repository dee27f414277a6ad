"""The folder of one project's server, its log, and whether the machine has restarted since it was used."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import IO

from migrator.config.private_folder import STATE, private_folder, write_whole
from migrator.errors import DatabaseError

# Root's data cannot lie in the project: the account that runs PostgreSQL would have to enter every folder
# above it, and those may be private.
ROOT_STATE = Path("/var/lib/migrator")
_LARGEST_LOG_BYTES = 4_000_000
_QUOTED_LINES = 10


class Home:
    """The folder and the names in it. Only `data` belongs to the account that runs PostgreSQL."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # PostgreSQL's data folder; it exists once it is complete.
        self.data = folder / "data"
        # What initdb and the server say.
        self.log = folder / "log"
        # The password of the server's superuser, readable for us alone.
        self.password = folder / "password"
        # Which start of the machine the data is from, where it is not written to the disk for good.
        self.boot = folder / "boot"
        # One locked file for each process that uses the server.
        self.users = folder / "users"
        # Held while somebody starts or stops the server.
        self.start_lock = folder / "start.lock"
        # Held by the server's own processes as long as one of them lives.
        self.server_lock = folder / "server.lock"


def home_of(root: Path, major: int, kind: str = "postgresql") -> Home:
    """Where a server of the project at `root` (resolved) lives, for PostgreSQL of that major version."""
    if os.geteuid() != 0:
        return Home(root / STATE / f"{kind}-{major}")
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:10]
    name = re.sub(r"[^\w.-]+", "-", root.name)[:40] or "root"
    return Home(ROOT_STATE / f"{name}-{digest}" / f"{kind}-{major}")


def prepare(home: Home) -> None:
    """Make the folders that are missing. OSError when that is not possible."""
    if home.users.is_dir():
        return
    if os.geteuid() == 0:
        make_open_folder(home.folder)
    else:
        private_folder(home.folder.parent.parent, home.folder.name)
    home.users.mkdir(mode=0o700, exist_ok=True)


def make_open_folder(folder: Path) -> None:
    """Make a folder below ROOT_STATE that every account can enter, whatever the umask.

    Folders that exist already keep their permissions.
    """
    for path in (*reversed(folder.parents), folder):
        try:
            path.mkdir()
        except OSError:
            if not path.is_dir():
                raise
        else:
            path.chmod(0o755)


_LINUX = Path("/proc/sys/kernel/random/boot_id")
_MACOS = ("sysctl", "-n", "kern.bootsessionuuid")


@cache
def boot_id() -> str | None:
    """Give what names this start of the machine, None where nothing does."""
    try:
        if sys.platform == "darwin":
            done = subprocess.run(_MACOS, capture_output=True, text=True, check=True)
            return done.stdout.strip() or None
        return _LINUX.read_text().strip() or None
    except (OSError, subprocess.SubprocessError):
        return None


def forget_before_boot(home: Home) -> None:
    """Take the data away where the machine has been started anew since: what was in memory may be missing.

    No process of the server may live.
    """
    known = boot_id()
    try:
        same = known is not None and home.boot.read_text(encoding="utf-8") == known
    except FileNotFoundError:
        same = False
    if not same:
        shutil.rmtree(home.data, ignore_errors=True)
        if known is not None:
            write_whole(home.boot, known, mode=0o600)


def open_log(home: Home) -> IO[bytes]:
    """Open the log for a program, at its end; a large one is put aside as `log.old` first."""
    if size(home) > _LARGEST_LOG_BYTES:
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
