"""Taking a project's server away for good."""

from __future__ import annotations

import shutil
from pathlib import Path

from migrator.database.embedded import users
from migrator.database.embedded.binaries import wheel_binaries
from migrator.database.embedded.home import ROOT_STATE, home_of
from migrator.database.embedded.locks import LockFile
from migrator.errors import DatabaseError


def remove_server(root: Path) -> None:
    """Delete the server's data of the project at `root`, for a project that is about to be deleted too.

    Does nothing where there is none. DatabaseError while a process uses it.
    """
    root = root.resolve()
    home = home_of(root, wheel_binaries().major)
    state = home.folder.parent
    if not home.folder.is_dir() or (state.parent != ROOT_STATE and state.parent != root):
        return
    with LockFile(home.start_lock) as lock:
        lock.wait()
        if users.any_alive(home.users):
            raise DatabaseError(
                f"The embedded PostgreSQL of {root} is in use.", hint="End the commands that use it first."
            )
        shutil.rmtree(state)
