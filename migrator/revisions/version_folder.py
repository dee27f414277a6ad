"""The version files in folders: which ones there are, as Alembic finds them, and what they declare."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from operator import attrgetter
from pathlib import Path

from migrator.errors import RevisionsError
from migrator.revisions.headers import ComputedHeader, Header, declares, read_header

# Alembic's rule (ScriptDirectory): which files it loads.
_VERSION_FILE = re.compile(r"^(?!\.\#|__init__)(.*\.py)$")


def version_files(folder: Path, *, recursive: bool = False) -> Iterator[Path]:
    """Yield the files that Alembic would load from `folder`, in its order; nothing if there is no folder."""
    return (Path(entry.path) for entry in version_entries(folder, recursive=recursive))


def version_entries(folder: Path | str, *, recursive: bool = False) -> Iterator[os.DirEntry[str]]:
    """Yield the same files as entries of their folders, which know what is a link."""
    try:
        with os.scandir(folder) as scanned:
            entries = sorted(scanned, key=attrgetter("name"))
    except OSError:
        return
    folders = []
    no_sources = os.path.basename(folder).endswith("__pycache__")  # noqa: PTH119
    for entry in entries:
        if _is_folder(entry):
            folders.append(entry)
        elif not no_sources and _VERSION_FILE.match(_real_name(entry)):
            yield entry
    for below in folders:
        if recursive and not below.is_symlink():
            yield from version_entries(below.path, recursive=True)


def _real_name(entry: os.DirEntry[str]) -> str:
    """Give the name that Alembic goes by: a link's is that of its file."""
    return os.path.basename(os.path.realpath(entry.path)) if entry.is_symlink() else entry.name  # noqa: PTH119


def real_version_files(folders: Iterable[Path], *, recursive: bool = False) -> Iterator[str]:
    """Yield the real path of each of the same files, folder by folder; a file that is there twice, twice."""
    for folder in folders:
        for entry in version_entries(folder.resolve(), recursive=recursive):
            yield os.path.realpath(entry.path) if entry.is_symlink() else entry.path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link to itself, which is refused when it is read.
        return False


def find_revision(folders: Iterable[Path], revision: str) -> Path | None:
    """Return the file in or below `folders` that declares `revision`, or None; it skips unreadable files."""
    for path in _below(folders):
        try:
            source = path.read_bytes()
        except OSError:
            continue
        if declares(path, source, revision):
            return path
    return None


def readable_headers(folders: Iterable[Path]) -> list[Header]:
    """Give the headers of the files that have one; files that cannot be read are passed over."""
    found = []
    for path in _below(folders):
        with suppress(ComputedHeader, RevisionsError):
            found.append(read_header(path))
    return [header for header in found if header is not None]


def _below(folders: Iterable[Path]) -> Iterator[Path]:
    return (path for folder in folders for path in version_files(folder, recursive=True))
