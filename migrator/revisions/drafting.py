"""Drafts: new contents beside the files that they are to become, and those that a killed process has left.

Whoever has drafts in a folder shares a lock on it. Where nobody does, the drafts there are nobody's.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from migrator.file_locks import LockFile

_DRAFT = re.compile(r"\.(.+)\.[0-9a-f]{8}\.draft")


def draft_beside(path: Path, kind: str = "draft") -> Path:
    """Give a free name beside a file, without the `.py` by which Alembic knows version files."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.{kind}")


def publish(draft: Path, path: Path) -> None:
    """Give a draft its real name. Raises OSError; FileExistsError where there is something of that name.

    A rename would write over a file that somebody has made a moment before.
    """
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:
        # For a file system without hard links: whoever makes the empty file may replace it.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            draft.replace(path)
        except OSError:
            path.unlink()
            raise
    else:
        draft.unlink()


@contextmanager
def draft_locks() -> Iterator[Callable[[Path], None]]:
    """Yield a function that a folder is given to before this process has drafts in it, while the block runs.

    It raises OSError where there is no such folder. Drafts that are left there go if the block succeeds.
    """
    locks: dict[Path, LockFile | None] = {}

    def share(folder: Path) -> None:
        if folder in locks:
            return
        lock = held.enter_context(LockFile(folder.resolve()))
        locks[folder] = None
        # Some file systems have no locks: nobody can tell there whose a draft is, and all of them stay.
        with suppress(OSError):
            lock.wait(shared=True)
            locks[folder] = lock

    with ExitStack() as held:
        yield share
        for folder, lock in locks.items():
            if lock is not None and lock.take():
                _remove_drafts(folder)


def _remove_drafts(folder: Path) -> None:
    for path in _drafts_in(folder):
        with suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _drafts_in(folder: Path) -> list[Path]:
    with suppress(OSError):
        return [path for path in folder.iterdir() if _DRAFT.fullmatch(path.name)]
    return []


def left_behind(folder: Path) -> list[Path]:
    """Give the files that were never made, whose drafts a killed process has left in a folder."""
    drafts = _drafts_in(folder)
    if not drafts:
        return []
    with LockFile(folder.resolve()) as lock:
        try:
            if not lock.take():
                return []
        except OSError:
            return []
        names = {found[1] for path in _drafts_in(folder) if (found := _DRAFT.fullmatch(path.name))}
    return [folder / name for name in sorted(names) if not os.path.lexists(folder / name)]
