"""What is wrong with version files, in words: Alembic's errors name no file."""

from __future__ import annotations

import math
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.script.revision import CycleDetected, MultipleHeads, RangeNotAncestorError, ResolutionError
from alembic.util import CommandError

from migrator.config.folders import version_folders
from migrator.config.select import Workspace
from migrator.errors import ConfigurationError, RevisionsError
from migrator.revisions.headers import ComputedHeader, Header, read_header
from migrator.revisions.version_folder import find_revision, readable_headers, version_files

if TYPE_CHECKING:
    from migrator.revisions.git import CommittedChange


_CREATED = re.compile(rb"^Create Date: *(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class SeveralHeads:
    """The heads with their files in words, a sentence about them, and what to type next."""

    named: str
    message: str
    hint: str


def several_heads(files: Mapping[str, Path | None], workspace: Workspace) -> SeveralHeads:
    """Describe heads, given with their files as far as these are known, and who added them as far as git
    knows.
    """
    # Nearly every command can come upon several heads, and hardly one does.
    from migrator.revisions.git import NoHistory, added_by

    paths = [path for path in files.values() if path is not None]
    added: dict[Path, CommittedChange | None] = {}
    with suppress(NoHistory):
        added = added_by(paths) if paths else {}
    ordered = sorted(files, key=lambda each: _age(each, files[each], added))
    named = " and ".join(_named(each, files[each], added, workspace) for each in sorted(files))
    newest = ordered[-1]
    onto = ["--onto", ordered[0]] if len(files) > 2 else []
    merge, rebase = workspace.again("merge", "heads", "-m", "merge"), workspace.again("rebase", newest, *onto)
    return SeveralHeads(
        named,
        f"The environment {workspace.environment.name} has {len(files)} heads: {named}.",
        f"Join them: {merge}; or, where no database has {newest} yet, put it on top: {rebase}",
    )


def _age(
    revision: str, path: Path | None, added: Mapping[Path, CommittedChange | None]
) -> tuple[float, bytes, str]:
    """Order heads by when they were committed, last what is not, else by the date that their files give."""
    commit = added.get(path) if path is not None else None
    time = commit.time if commit else math.inf if path in added else 0
    created = None
    with suppress(OSError):
        created = _CREATED.search(path.read_bytes()) if path is not None else None
    return time, created[1] if created else b"", revision


def _named(
    revision: str, path: Path | None, added: Mapping[Path, CommittedChange | None], workspace: Workspace
) -> str:
    if path is None:
        return revision
    file = f"{revision} in {workspace.environment.shown(path)}"
    if path not in added:
        return file
    commit = added[path]
    return f"{file} ({f'by {commit.author}, {commit.date}' if commit else 'not committed'})"


def nameless_file(exc: CommandError, folders: tuple[Path, ...], workspace: Workspace) -> RevisionsError:
    for path in (path for folder in folders for path in version_files(folder)):
        with suppress(ComputedHeader, RevisionsError):
            if read_header(path) is None:
                return RevisionsError(
                    f"The file {workspace.environment.shown(path)} in the version folder has no 'revision'.",
                    hint='Write its revision id into it (revision = "..."), or move it out of the folder.',
                )
    return revisions_error(exc, workspace)


def refuse_duplicates(folders: tuple[Path, ...], workspace: Workspace) -> None:
    files: dict[str, list[str]] = {}
    for header in readable_headers(folders):
        files.setdefault(header.revision, []).append(workspace.environment.shown(header.path))
    for revision, paths in files.items():
        if len(paths) > 1:
            raise RevisionsError(
                f"The revision id {revision} stands in more than one file: {' and '.join(paths)}.",
                hint="Delete the copy, or give one of them another id.",
            )


def graph_error(exc: Exception, folders: tuple[Path, ...], workspace: Workspace) -> RevisionsError:
    headers = readable_headers(folders)
    for header, wanted in _missing(headers):
        return RevisionsError(
            f"{workspace.environment.shown(header.path)} comes after revision {wanted}, which no file has.",
            hint="Bring that file back (git log -- its folder), or correct down_revision or depends_on.",
        )
    if isinstance(exc, CycleDetected):
        files = [workspace.environment.shown(each.path) for each in headers if each.revision in exc.revisions]
        return RevisionsError(
            f"The revisions form a cycle: {', '.join(files) or _one_line(exc)}.",
            hint="Correct down_revision in one of them.",
        )
    return RevisionsError(f"{_one_line(exc)}.", hint=f"List the files with: {workspace.again('history')}")


def _missing(headers: list[Header]) -> Iterator[tuple[Header, str]]:
    """Yield each file that comes after, or depends on, a revision that no file has."""
    ids = {each.revision for each in headers} | {label for each in headers for label in each.branch_labels}
    for header in headers:
        for wanted in (*header.down_revision, *header.depends_on):
            shortened = ids if wanted in header.depends_on else ()
            if wanted not in ids and not any(each.startswith(wanted) for each in shortened):
                yield header, wanted


def broken_file(exc: BaseException, folders: tuple[Path, ...], workspace: Workspace) -> RevisionsError:
    if isinstance(exc, SyntaxError) and exc.filename:
        file = workspace.environment.shown(Path(exc.filename))
        return RevisionsError(
            f"The revision file {file} has a syntax error in line {exc.lineno}: {exc.msg}.",
            hint=f"Correct it, then check with: python -m py_compile {file}",
        )
    if isinstance(exc, AttributeError) and exc.name == "down_revision" and hasattr(exc.obj, "__file__"):
        file = workspace.environment.shown(Path(exc.obj.__file__))
        return RevisionsError(
            f"The revision file {file} has no 'down_revision'.",
            hint="Write into it which revision it comes after, or down_revision = None for the first one.",
        )
    place = place_in(exc, folders)
    where = f"{workspace.environment.shown(place[0])} (line {place[1]})" if place else "A revision file"
    return RevisionsError(
        f"{where} cannot be loaded: {type(exc).__name__}: {_one_line(exc)}.",
        hint="Correct the file; --traceback shows where it came from.",
    )


def place_in(exc: BaseException, folders: Iterable[Path]) -> tuple[Path, int] | None:
    """Give the file and line of the innermost frame of an exception that lies in a version folder."""
    roots = [folder.resolve() for folder in folders]
    for frame in reversed(traceback.extract_tb(exc.__traceback__)):
        file = Path(frame.filename)
        if any(root in file.resolve().parents for root in roots):
            return file, frame.lineno or 0
    return None


def revisions_error(exc: CommandError, workspace: Workspace) -> RevisionsError:
    """Translate Alembic's CommandError. What it was raised from says more than its text."""
    name = workspace.environment.name
    cause = exc.__cause__
    if isinstance(cause, MultipleHeads):
        several = several_heads(_files_of(cause.heads, workspace), workspace)
        return RevisionsError(several.message, hint=f"{several.hint}; or name one, or all: heads")
    if isinstance(cause, RangeNotAncestorError):
        return RevisionsError(f"{_one_line(exc)}.", hint=f"See the order with: {workspace.again('history')}")
    if isinstance(cause, ResolutionError):
        return RevisionsError(
            f"{_one_line(cause).rstrip('.')}.",
            hint=f"The revisions of {name} are listed by: {workspace.again('history')}",
        )
    return RevisionsError(
        f"{_one_line(exc).rstrip('.')}.", hint=f"List the revisions with: {workspace.again('history')}"
    )


def _files_of(revisions: Iterable[str], workspace: Workspace) -> dict[str, Path | None]:
    try:
        folders = version_folders(workspace.environment)
    except ConfigurationError:
        folders = ()
    return {each: find_revision(folders, each) for each in revisions}


def _one_line(exc: BaseException) -> str:
    return " ".join(str(exc).split())
