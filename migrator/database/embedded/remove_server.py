"""Taking a project's server away for good."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

from migrator.database.embedded import server_users
from migrator.database.embedded.binaries import wheel_binaries
from migrator.database.embedded.server_home import Home, home_of
from migrator.errors import DatabaseError
from migrator.file_locks import LockFile


def remove_server(root: Path) -> None:
    """Delete the data of all servers of the project at `root`, for a project that is about to be deleted too.

    Does nothing where there is none. DatabaseError while a process uses one.
    """
    root = root.resolve()
    state = home_of(root, wheel_binaries().major).folder.parent
    homes = [Home(folder) for folder in sorted(state.glob("*-[0-9]*")) if (folder / "users").is_dir()]
    with ExitStack() as stack:
        for home in homes:
            stack.enter_context(LockFile(home.start_lock)).wait()
            if server_users.any_alive(home.users):
                raise DatabaseError(
                    f"The embedded PostgreSQL of {root} is in use.",
                    hint="End the commands that use it first.",
                )
        if homes:
            shutil.rmtree(state)
