"""Looks for a revision in the project's git history, with the git command line."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.revisions.git import LOG, SECONDS, CommittedChange, NoHistory, changes_in, run_git
from migrator.revisions.headers import declares

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Sequence

# A revision id comes from a database. Alembic allows no "-", "+", "@" or ":" in one.
_SAFE_ID = re.compile(r"[\w.]{1,255}")


@dataclass(frozen=True)
class UncommittedFile:
    """HEAD has the revision in `path`; the working copy has not."""

    path: Path


@dataclass(frozen=True)
class RemovedFile:
    """`change` took the revision out of `path`; `before`, a commit's name, still had it there.

    `deleted` tells whether the whole file went.
    """

    change: CommittedChange
    path: Path
    before: str
    deleted: bool


@dataclass(frozen=True)
class FoundElsewhere:
    """`change`, which HEAD does not contain, added the revision in `path`.

    `ref` is a full reference name that contains it, and `ahead` tells whether that one is where HEAD's own
    branch is going.
    """

    change: CommittedChange
    path: Path
    ref: str
    ahead: bool


def find_in_history(
    root: Path, folders: Sequence[Path], revision: str
) -> UncommittedFile | RemovedFile | FoundElsewhere | None:
    """Tell what became of `revision`, a file of `folders`, in the repository around `root`.

    Returns None if it never was there. Raises NoHistory where git cannot tell: no git, no repository, a
    shallow one, or no answer in ten seconds.
    """
    if not _SAFE_ID.fullmatch(revision):
        raise NoHistory
    return _HistorySearch(root, folders, revision).run()


class _HistorySearch:
    """One search; all its git commands share one time limit, and run at the top of the working tree."""

    def __init__(self, root: Path, folders: Sequence[Path], revision: str) -> None:
        self._deadline = time.monotonic() + SECONDS
        self._revision = revision
        self._top = root
        shallow, top = self._lines("rev-parse", "--is-shallow-repository", "--show-toplevel")
        self._top = Path(top).resolve()
        inside = [folder.resolve() for folder in folders if folder.resolve().is_relative_to(self._top)]
        self._folders = [str(folder.relative_to(self._top)) for folder in inside]
        if shallow != "false" or not self._folders:
            raise NoHistory

    def run(self) -> UncommittedFile | RemovedFile | FoundElsewhere | None:
        if self._status("rev-parse", "--quiet", "--verify", "HEAD^{commit}"):
            found = self._appearances("HEAD")
            if found:
                return self._gone_from_head(found)
        others = self._appearances("--all")
        return self._elsewhere(_plainest(others)) if others else None

    def _gone_from_head(self, found: list[CommittedChange]) -> UncommittedFile | RemovedFile | None:
        for path in dict.fromkeys(change.path for change in found):
            if self._declaring([("HEAD", path)]):
                return UncommittedFile(self._top / path)
        path = found[0].path
        changes = self._changes("HEAD", [path])
        declaring = self._declaring(_sides(changes))
        removals = [c for c in changes if (c.commit, path) not in declaring and _before(c, declaring)]
        if not removals:
            return None
        change = _plainest(removals)
        deleted = not self._status("cat-file", "-e", f"{change.commit}:{path}")
        return RemovedFile(change, self._top / path, _before(change, declaring), deleted)

    def _elsewhere(self, change: CommittedChange) -> FoundElsewhere | None:
        refs = self._lines(
            "for-each-ref",
            f"--contains={change.commit}",
            "--format=%(if)%(symref)%(then)%(else)%(refname)%(end)",
        )
        ahead = [ref for ref in self._ahead(change) if ref in refs]
        kinds = ("refs/heads/", "refs/remotes/", "refs/tags/", "refs/")
        ordered = ahead + [ref for kind in kinds for ref in refs if ref.startswith(kind)]
        if not ordered:
            return None
        return FoundElsewhere(change, self._top / change.path, ordered[0], bool(ahead))

    def _ahead(self, change: CommittedChange) -> list[str]:
        """Return the references that HEAD follows: its branch's upstream, or the main branch if detached."""
        head = self._run("symbolic-ref", "--quiet", "HEAD").stdout.decode(errors="replace").strip()
        if head:
            upstream = self._lines("for-each-ref", "--format=%(upstream)", head)
            remotes = self._lines("for-each-ref", "--format=%(refname)", "refs/remotes")
            name = head.removeprefix("refs/heads/")
            return upstream + [ref for ref in remotes if ref.split("/", 3)[3:] == [name]]
        if not self._status("merge-base", "--is-ancestor", "HEAD", change.commit):
            return []
        return [
            *self._lines("for-each-ref", "--format=%(symref)", "refs/remotes"),
            "refs/heads/main",
            "refs/heads/master",
        ]

    def _appearances(self, start: str) -> list[CommittedChange]:
        """Return the commits from `start` on that brought the revision, the newest first."""
        changes = self._changes(start, self._folders, f"-S{self._revision}")
        declaring = self._declaring(_sides(changes))
        return [c for c in changes if (c.commit, c.path) in declaring and not _before(c, declaring)]

    def _changes(self, start: str, paths: Sequence[str], *options: str) -> list[CommittedChange]:
        log = self._answer(*LOG, *options, start, "--", *paths)
        return list(dict.fromkeys(change for change in changes_in(log) if change.path.endswith(".py")))

    def _declaring(self, blobs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of the (commit, path) pairs whose content declares the revision."""
        wanted = list(dict.fromkeys(blobs))
        request = "".join(f"{commit}:{path}\n" for commit, path in wanted)
        rest = self._run("cat-file", "--batch", request=request.encode()).stdout
        declaring = set()
        for commit, path in wanted:
            head, _, rest = rest.partition(b"\n")
            size = head.rpartition(b" ")[2]
            if size.isdigit():
                source, rest = rest[: int(size)], rest[int(size) + 1 :]
                if declares(Path(path), source, self._revision):
                    declaring.add((commit, path))
        return declaring

    def _lines(self, *arguments: str) -> list[str]:
        return [line for line in self._answer(*arguments).decode(errors="replace").split("\n") if line]

    def _answer(self, *arguments: str) -> bytes:
        done = self._run(*arguments)
        if done.returncode != 0:
            raise NoHistory
        return done.stdout

    def _status(self, *arguments: str) -> bool:
        return self._run(*arguments).returncode == 0

    def _run(self, *arguments: str, request: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        seconds = max(0.0, self._deadline - time.monotonic())
        return run_git(self._top, arguments, request=request, seconds=seconds)


def _sides(changes: Iterable[CommittedChange]) -> list[tuple[str, str]]:
    """Return every file that a change made, and what it was in each parent."""
    return [(commit, c.path) for c in changes for commit in (c.commit, *c.parents)]


def _before(change: CommittedChange, declaring: set[tuple[str, str]]) -> str:
    """Return the name of the parent of `change` that declares the revision, or an empty string."""
    for number, parent in enumerate(change.parents, start=1):
        if (parent, change.path) in declaring:
            return f"{change.short}^" if number == 1 else f"{change.short}^{number}"
    return ""


def _plainest(changes: list[CommittedChange]) -> CommittedChange:
    # A merge shows what happened on its branches once more; the commit that did it says more.
    return min(changes, key=lambda change: len(change.parents) > 1)
