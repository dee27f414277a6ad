"""Changes several files or folders all together or not at all."""

from __future__ import annotations

import errno
import glob
import os
import shutil
import signal
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.errors import ConfigurationError, Effect, RevisionsError
from migrator.revisions.drafting import draft_beside, draft_locks, publish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@dataclass(frozen=True)
class Write:
    """A new file; its folder is made where there is none."""

    path: Path
    content: bytes


@dataclass(frozen=True)
class Rewrite:
    """Another content for a file that is there; its mode stays. A link is followed."""

    path: Path
    content: bytes


@dataclass(frozen=True)
class Move:
    """A file or folder that goes to another path, on the same file system, where there is none by then."""

    path: Path
    to: Path


FileChange = Write | Rewrite | Move


@contextmanager
def changed_files(changes: Sequence[FileChange]) -> Iterator[None]:
    """Make `changes`, in their order, for good only if the with block succeeds.

    New contents are drafted beside their targets and synced to the disk before anything is renamed. After any
    failure, an interrupt included, every file is as it was, and what was made is gone. Drafts that a killed
    process has left in the same folders go when all is well. Bytecode of the files goes before the block and
    after it: one written within the same second would pass for that of the new content. Raises RevisionsError
    where a new file is there already, ConfigurationError where a file cannot be changed.
    """
    with draft_locks() as share:
        work = _Work(share)
        try:
            # Held while it is changed, so that what is done is written down; in the block they are not.
            with _signals_held():
                _change(work, changes)
                _drop_bytecode(changes)
            yield
            with _signals_held():
                work.finish()
        except BaseException:
            with _signals_held():
                work.undo()
            raise
        finally:
            _drop_bytecode(changes)


@contextmanager
def _signals_held() -> Iterator[None]:
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


@dataclass
class _Work:
    """What was done: how to take it back, and what is to go when all is well."""

    share: Callable[[Path], None]
    back: list[Callable[[], object]] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)

    def finish(self) -> None:
        self.back.clear()
        for path in self.kept:
            # The change is made: a leftover does no harm, and its name says what it is.
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def undo(self) -> None:
        failed: list[OSError] = []
        while self.back:
            try:
                self.back.pop()()
            except OSError as exc:
                failed.append(exc)
        if failed:
            first = failed[0]
            raise ConfigurationError(
                f"{first.filename2 or first.filename} could not be put back as it was: {first.strerror}.",
                hint=f"Its content is in {first.filename}: move it back by hand.",
            ) from first


def _change(work: _Work, changes: Sequence[FileChange]) -> None:
    path = Path()
    try:
        drafts: dict[int, Path] = {}
        moved_away = {change.path for change in changes if isinstance(change, Move)}
        for number, change in enumerate(changes):
            path = change.to if isinstance(change, Move) else change.path
            if isinstance(change, Write | Move):
                if path not in moved_away:
                    _refuse_taken(path)
                _make_folders(work, path.parent)
            if isinstance(change, Write | Rewrite):
                drafts[number] = _draft(work, change)
        for number, change in enumerate(changes):
            path = change.path
            _replace(work, change, drafts.get(number))
        for folder in {each.parent for change in changes for each in _paths(change)}:
            _sync_folder(folder)
    except OSError as exc:
        hint = f"Check that you may write to {path.parent}, and that there is space."
        in_the_way = next((each for each in path.parents if each.is_file()), None)
        if in_the_way is not None:
            hint = f"{in_the_way} is a file, where there has to be a folder: move it out of the way."
        kind = "folder" if path.is_dir() else "file"
        raise ConfigurationError(
            f"The {kind} {path} cannot be changed: {exc.strerror}; every file is as it was.", hint=hint
        ) from exc


def _refuse_taken(path: Path) -> None:
    if os.path.lexists(path):
        raise _taken(path)


def _taken(path: Path) -> RevisionsError:
    return RevisionsError(
        f"The file {path} exists already.", effect=Effect.NOTHING_CHANGED, hint="Move it out of the way."
    )


def _make_folders(work: _Work, folder: Path) -> None:
    for each in (*reversed(folder.absolute().parents), folder.absolute()):
        if each.exists():
            if not each.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(each))
        else:
            each.mkdir()
            work.back.append(lambda made=each: _remove_empty(made))  # type: ignore[misc]


def _remove_empty(folder: Path) -> None:
    # Bytecode that was made meanwhile is nobody's.
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    with suppress(OSError):
        folder.rmdir()


def _draft(work: _Work, change: Write | Rewrite) -> Path:
    """Write the new content beside its target, whole and on the disk."""
    target = _real(change)
    work.share(target.parent)
    draft = draft_beside(target)
    with draft.open("xb") as file:
        work.back.append(lambda: draft.unlink(missing_ok=True))
        file.write(change.content)
        file.flush()
        if isinstance(change, Rewrite):
            os.fchmod(file.fileno(), target.stat().st_mode & 0o7777)
        os.fsync(file.fileno())
    return draft


def _real(change: Write | Rewrite) -> Path:
    # A link that was replaced by a file would part the two names.
    return change.path.resolve() if isinstance(change, Rewrite) else change.path


def _replace(work: _Work, change: FileChange, draft: Path | None) -> None:
    match change:
        case Write(path=path) if draft is not None:
            try:
                publish(draft, path)
            except FileExistsError as exc:
                raise _taken(path) from exc
            work.back.append(lambda: path.unlink(missing_ok=True))
        case Rewrite() if draft is not None:
            target = _real(change)
            _keep_copy(work, target)
            draft.replace(target)
        case Move(path=path, to=to):
            _refuse_taken(to)
            path.rename(to)
            work.back.append(lambda: to.rename(path))


def _keep_copy(work: _Work, target: Path) -> None:
    """Keep what a file was: a second name for it, or a copy where the file system has no such names."""
    kept = draft_beside(target, "before")
    try:
        os.link(target, kept)
    except OSError:
        _copy(target, kept)

    def put_back() -> None:
        kept.replace(target)
        # Renaming one name of a file to another name of it leaves both.
        kept.unlink(missing_ok=True)

    work.back.append(put_back)
    work.kept.append(kept)


def _copy(target: Path, kept: Path) -> None:
    try:
        shutil.copy2(target, kept)
    except OSError:
        kept.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    if not folder.is_dir():
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _drop_bytecode(changes: Sequence[FileChange]) -> None:
    for change in changes:
        for path in _paths(change):
            for found in (path.parent / "__pycache__").glob(f"{glob.escape(path.stem)}.*.pyc"):
                with suppress(OSError):
                    found.unlink(missing_ok=True)
            if path.is_dir() and not path.is_symlink():
                for cache in list(path.rglob("__pycache__")):
                    shutil.rmtree(cache, ignore_errors=True)


def _paths(change: FileChange) -> tuple[Path, ...]:
    return (change.path, change.to) if isinstance(change, Move) else (change.path,)
