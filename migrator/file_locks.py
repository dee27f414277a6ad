"""Locks on files and folders, which the kernel gives back when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import shlex
import time
from collections.abc import Callable
from pathlib import Path

from migrator.errors import LockedError

_POLL_SECONDS, _LONGEST_SECONDS = 0.005, 60.0
_open: set[LockFile] = set()


class LockFile:
    """A file, or a folder that is there, which one holder at a time can lock, or several that share it.

    Each instance is a separate claimant, also within one process. A descriptor that a started program
    inherits (`fileno`) keeps the lock for that program after this instance was closed.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        # A folder can be opened for reading alone.
        flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | (os.O_CREAT if create else 0)
        self._descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        _open.add(self)

    def fileno(self) -> int:
        """The descriptor, for handing the lock to a program."""
        return self._descriptor

    def wait(self, *, shared: bool = False) -> None:
        """Take the lock; with `shared`, beside others that share it. Raises LockedError when time is up."""
        if not wait_until(lambda: self._try(fcntl.LOCK_SH if shared else fcntl.LOCK_EX), _LONGEST_SECONDS):
            raise LockedError(
                f"Another process holds the lock on {self.path}; waited {_LONGEST_SECONDS:g}s.",
                hint=f"See which: fuser -v {shlex.quote(str(self.path))}; end it, or wait until it ends, then"
                " run this again.",
            )

    def take(self) -> bool:
        """Take the lock if it is free, and nobody shares it with us; whether it is ours alone now."""
        return self._try(fcntl.LOCK_EX)

    def _try(self, operation: int) -> bool:
        try:
            fcntl.flock(self._descriptor, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Give the lock back (a program that inherited it keeps it). Closing twice is harmless."""
        _open.discard(self)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> LockFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again, for so many seconds, until the condition holds; whether it did."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _close_in_forked_child() -> None:
    # A child made by fork shares its parent's locks: unless it lets go, they would outlive the parent.
    for lock in list(_open):
        lock.close()


os.register_at_fork(after_in_child=_close_in_forked_child)
