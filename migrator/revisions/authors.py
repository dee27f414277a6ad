"""Tells who added a version file, and when, with the git command line."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.revisions.git import answer, run_git

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SECONDS = 5.0
# What a commit adds itself, the first one and merges included, whatever the user's configuration says.
_LOG = (
    *("log", "HEAD", "-m", "--root", "--full-history", "--no-renames", "--diff-filter=A", "--relative"),
    *("--name-only", "--format=%x01%P%x00%at%x00%ad%x00%an", "--date=short", "--encoding=UTF-8"),
    *("--no-show-signature", "--no-ext-diff", "--no-textconv", "--"),
)
_SHALLOW = ("rev-parse", "--is-shallow-repository")


@dataclass(frozen=True)
class AddedFile:
    """The commit that added a file: author, day (`2024-05-06`), and seconds since 1970."""

    author: str
    date: str
    time: int


def added_by(paths: Sequence[Path]) -> dict[Path, AddedFile | None]:
    """Give the commit that added each file to what is checked out, None for one that is not committed.

    A file is left out where the history that is here does not go back to that commit. It takes one git
    process, two in a shallow clone. Raises NoHistory where there is no git or no repository with a commit,
    or no answer in five seconds.
    """
    real = {path: path.resolve() for path in paths}
    top = Path(os.path.commonpath([path.parent for path in real.values()]))
    names = {str(path.relative_to(top)): said for said, path in real.items()}
    log = answer(top, (*_LOG, *names), _SECONDS).decode(errors="replace")
    # A merge shows once more what came with it; the newest commit that did it by itself says more.
    added: dict[str, tuple[int, AddedFile]] = {}
    for parents, name, commit in _commits(log):
        if name not in added or (added[name][0] > 1 and parents <= 1):
            added[name] = (parents, commit)
    unknown = {name for name, (parents, _) in added.items() if parents == 0}
    if unknown and run_git(top, _SHALLOW, b"", _SECONDS).stdout.strip() != b"false":
        names = {name: path for name, path in names.items() if name not in unknown}
    return {path: added[name][1] if name in added else None for name, path in names.items()}


def _commits(log: str) -> Iterator[tuple[int, str, AddedFile]]:
    """Yield for each file that a commit added the number of its parents, the name, and the commit."""
    parents, commit = 0, AddedFile("", "", 0)
    for line in log.split("\n"):
        if line.startswith("\x01"):
            ids, time, date, author = line[1:].split("\0")
            parents, commit = len(ids.split()), AddedFile(author, date, int(time))
        elif line:
            yield parents, line, commit
