"""The processes that use a server: one locked file each."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from migrator.file_locks import LockFile


def register(folder: Path) -> LockFile:
    """Count this process among the users until `unregister` or its death."""
    user = LockFile(folder / f"{os.getpid()}-{secrets.token_hex(4)}")
    user.wait()
    return user


def unregister(user: LockFile) -> None:
    """Count this process no longer."""
    user.path.unlink(missing_ok=True)
    user.close()


def any_alive(folder: Path) -> bool:
    """Whether a living process uses the server; the files of dead ones are removed."""
    alive = [path for path in folder.iterdir() if not _removed_as_dead(path)]
    return bool(alive)


def _removed_as_dead(path: Path) -> bool:
    with LockFile(path, create=False) as user:
        if not user.take():
            return False
        path.unlink()
        return True
