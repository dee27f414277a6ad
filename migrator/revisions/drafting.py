"""Drafts: new contents beside the files that they are to become, and those that a killed process has left.

Whoever has drafts in a folder shares a lock on it. Where nobody does, the drafts there are nobody's.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.file_locks import LockFile

if TYPE_CHECKING:
    from types import TracebackType

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


class DraftFolders:
    """The folders in which this process has drafts, for a with block; in the end left drafts are removed."""

    def __init__(self) -> None:
        self._locks: dict[Path, LockFile | None] = {}

    def use(self, folder: Path) -> None:
        """Have drafts in a folder from now on. Raises OSError where there is no such folder."""
        if folder in self._locks:
            return
        lock = LockFile(folder.resolve())
        try:
            lock.wait(shared=True)
        except OSError:
            # Some file systems have no locks: nobody can tell there whose a draft is, and all of them stay.
            lock.close()
            self._locks[folder] = None
        else:
            self._locks[folder] = lock

    def __enter__(self) -> DraftFolders:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _exc: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for folder, lock in self._locks.items():
            if lock is not None:
                # What failed leaves all as it was.
                if kind is None and lock.take():
                    _remove_drafts(folder)
                lock.close()


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
