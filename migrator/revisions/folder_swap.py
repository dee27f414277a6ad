"""Replaces a folder of version files in such a way that a failure leaves what was there before."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def archive_and_replace(folder: Path, replacement: Path, archive: Path) -> Iterator[None]:
    """Move `folder` to `archive` and `replacement` to `folder`, for good only if the with block succeeds.

    `replacement` is a folder beside `folder`, and `archive` a path on the same file system where nothing is
    yet; its parents are made. Bytecode is carried neither into `folder` nor, in the end, into `archive`.
    After any failure, an interrupt included, `folder` is as it was, and `replacement`, `archive` and the
    parents made for it are gone. Raises ConfigurationError when the folders cannot be moved.
    """
    _refuse_what_cannot_be_undone(folder, replacement, archive)
    parents = [parent for parent in archive.parents if not parent.exists()]
    original = folder.stat()
    try:
        _move_in(folder, replacement, archive)
        yield
    except BaseException:
        with signals_held():
            _move_back(folder, replacement, archive, original)
            _remove_empty(parents)
        raise
    _drop_bytecode(archive)


def _refuse_what_cannot_be_undone(folder: Path, replacement: Path, archive: Path) -> None:
    if replacement.resolve() == folder.resolve() or replacement.parent.resolve() != folder.parent.resolve():
        raise ValueError(f"{replacement} is not a folder beside {folder}")
    reason = ""
    if os.path.lexists(archive):
        # Checked because os.rename would silently replace an empty folder.
        reason = f"{archive} exists already"
    elif not folder.is_dir():
        reason = "there is no such folder"
    elif folder.is_symlink():
        # Moved, a relative link would point to nowhere.
        reason = f"{folder} is a symbolic link"
    if reason:
        shutil.rmtree(replacement, ignore_errors=True)
        raise ConfigurationError(
            f"The version folder {folder} cannot be archived: {reason}.",
            hint="Move it out of the way or name the real folder in version_locations, then run it again.",
        )


def _move_in(folder: Path, replacement: Path, archive: Path) -> None:
    try:
        _drop_bytecode(replacement)
        archive.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(archive)
        replacement.rename(folder)
    except OSError as exc:
        raise ConfigurationError(
            f"The version folder {folder} cannot be archived as {archive}: {exc.strerror}.",
            hint=f"Check that you may write to {folder.parent} and that both are on one file system.",
        ) from exc


def _move_back(folder: Path, replacement: Path, archive: Path, original: os.stat_result) -> None:
    # What has been done is read from the disk: an interrupt may have come before a variable could record it.
    try:
        if archive.exists() and os.path.samestat(archive.stat(), original):
            if os.path.lexists(folder):
                folder.rename(replacement)
            archive.rename(folder)
    except OSError as exc:
        raise ConfigurationError(
            f"The version files are in {archive} and could not be put back into {folder}: {exc.strerror}.",
            hint=f"Put them back by hand: move what is in {archive} to {folder}.",
        ) from exc
    shutil.rmtree(replacement, ignore_errors=True)


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def signals_held() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait until the block has ended."""
    # A second Ctrl-C would otherwise stop the files from being put back; it is delivered afterwards. Blocking
    # the signals would not do: another thread of the process would take them. Handlers run in the main one.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: set[int] = set()
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: signal.signal(number, lambda number, _: held.add(number)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for waiting in held:
            signal.raise_signal(waiting)


def _drop_bytecode(folder: Path) -> None:
    for found in list(folder.rglob("__pycache__")):
        shutil.rmtree(found, ignore_errors=True)
