"""Finds what is wrong with a folder of version files, from their headers alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from migrator.errors import RevisionsError
from migrator.revisions.headers import ComputedHeader, Header, read_header, version_files


def readable_headers(folders: Iterable[Path]) -> list[Header]:
    """Give the headers of the files that have one; files that cannot be read are passed over."""
    found = []
    for folder in folders:
        for path in version_files(folder, recursive=True):
            try:
                header = read_header(path)
            except (ComputedHeader, RevisionsError):
                continue
            if header is not None:
                found.append(header)
    return found


def without_revision(folders: Iterable[Path]) -> list[Path]:
    """Give the files that Alembic would load and that declare no revision."""
    return [path for folder in folders for path in version_files(folder) if _declares_none(path)]


def _declares_none(path: Path) -> bool:
    try:
        return read_header(path) is None
    except (ComputedHeader, RevisionsError):
        return False


def duplicates(headers: Iterable[Header]) -> dict[str, list[Path]]:
    """Give the revision ids that stand in more than one file, with the files."""
    files: dict[str, list[Path]] = {}
    for header in headers:
        files.setdefault(header.revision, []).append(header.path)
    return {revision: paths for revision, paths in files.items() if len(paths) > 1}


def missing(headers: Iterable[Header]) -> list[tuple[Header, str]]:
    """Give each file that comes after, or depends on, a revision that no file has."""
    known = list(headers)
    ids = {header.revision for header in known} | {label for h in known for label in h.branch_labels}
    return [
        (header, wanted)
        for header in known
        for wanted in (*header.down_revision, *header.depends_on)
        if wanted not in ids
        and not any(each.startswith(wanted) for each in ids if wanted in header.depends_on)
    ]


def files_of(headers: Iterable[Header], revisions: Iterable[str]) -> list[Path]:
    """Give the files that hold the given revision ids."""
    wanted = set(revisions)
    return [header.path for header in headers if header.revision in wanted]
