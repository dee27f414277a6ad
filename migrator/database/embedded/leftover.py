"""The file `postmaster.pid` that a server leaves behind when it is killed.

PostgreSQL refuses to start while *any* process of the same account has the id in it, and after a reboot or in
a container ids come back soon. The caller knows that no server of migrator runs on the data.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.errors import DatabaseError

if TYPE_CHECKING:
    from migrator.database.embedded.server_home import Home


def remove_stale_pid_file(home: Home) -> None:
    """Remove the file unless a PostgreSQL that somebody started by hand owns it: that is a DatabaseError."""
    pid_file = home.data / "postmaster.pid"
    try:
        pid, folder, *_ = pid_file.read_text(errors="replace").splitlines()
    except (FileNotFoundError, ValueError):
        return
    if _is_of(Path(folder), home.data) and _is_postgres(pid.lstrip("-")):
        raise DatabaseError(
            f"A PostgreSQL that migrator did not start (process {pid}) runs on {home.data}.",
            hint=f"Stop that process. If it has nothing to do with the folder, delete {pid_file}.",
        )
    pid_file.unlink()


def _is_of(folder: Path, data: Path) -> bool:
    """False for a file that came along when the project was copied or moved."""
    return folder.exists() and folder.samefile(data)


def _is_postgres(pid: str) -> bool:
    name, state = _name_and_state(pid)
    return Path(name).name == "postgres" and not state.startswith("Z")


def _name_and_state(pid: str) -> tuple[str, str]:
    """A process's program and state; empty for a process that does not exist."""
    if Path("/proc/self/stat").exists():
        try:
            before, _, after = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            return "", ""
        return before.partition("(")[2], after.strip()
    listed = subprocess.run(
        ["ps", "-o", "state=,comm=", "-p", pid], capture_output=True, text=True, check=False
    )
    state, _, name = listed.stdout.strip().partition(" ")
    return name.strip(), state
