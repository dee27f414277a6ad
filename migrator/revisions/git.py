"""Looks for a revision in the project's git history, with the git command line."""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.revisions.headers import declares

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SECONDS = 10.0

# A revision id comes from a database. Alembic allows no "-", "+", "@" or ":" in one.
_SAFE_ID = re.compile(r"[\w.]{1,255}")

# A git hook sets these, and they would win over the folder that git is told to work in.
_HOOK_VARIABLES = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX"})

# No question may be asked, and no object fetched over the network to answer ours.
_SILENT = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}

# Whatever the user's git configuration says about how a log looks.
_FORMAT = "--format=%x01%H%x00%h%x00%P%x00%ad%x00%an --date=short --encoding=UTF-8"
_PLAIN = (*_FORMAT.split(), "--no-show-signature", "--no-ext-diff", "--no-textconv")


class NoHistory(Exception):
    """There is no complete git history here to look into."""


@dataclass(frozen=True)
class CommittedChange:
    """A commit that changed a file; `path` is relative to the top of the working tree."""

    commit: str
    short: str
    parents: tuple[str, ...]
    date: str
    author: str
    path: str


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
        self._deadline = time.monotonic() + _SECONDS
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
        # -m, because a merge can add or remove a file by itself; without --full-history git leaves out the
        # branch on which a file came and went.
        lines = self._lines(
            *("log", start, "--full-history", "-m", "--no-renames", "--name-only", *_PLAIN, *options),
            *("--", *paths),
        )
        changes: dict[CommittedChange, None] = {}
        fields: list[str] = []
        for line in lines:
            if line.startswith("\x01"):
                fields = line[1:].split("\0")
            elif line.endswith(".py"):
                commit, short, parents, date, author = fields
                changes[CommittedChange(commit, short, tuple(parents.split()), date, author, line)] = None
        return list(changes)

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
        done = self._run(*arguments)
        if done.returncode != 0:
            raise NoHistory
        return [line for line in done.stdout.decode(errors="replace").split("\n") if line]

    def _status(self, *arguments: str) -> bool:
        return self._run(*arguments).returncode == 0

    def _run(self, *arguments: str, request: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return run_git(self._top, arguments, request, max(0.0, self._deadline - time.monotonic()))


def run_git(
    top: Path, arguments: Sequence[str], request: bytes, seconds: float, *, literal: bool = True
) -> subprocess.CompletedProcess[bytes]:
    """Run git in `top` for at most `seconds`, with `request` on its stdin. Raises NoHistory.

    Paths among the arguments are taken `literal`, which not every command of git knows.
    """
    environment = {k: v for k, v in os.environ.items() if k not in _HOOK_VARIABLES} | _SILENT
    command = ["git", "-C", str(top), "--no-pager", "-c", "core.quotePath=false"]
    command += ["--literal-pathspecs"] if literal else []
    try:
        return subprocess.run(
            [*command, *arguments],
            input=request,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=seconds,
            check=False,
            start_new_session=True,  # Without a terminal of its own, ssh has nowhere to ask.
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise NoHistory from exc


def answer(top: Path, arguments: Sequence[str], seconds: float) -> bytes:
    """Return what git prints. Raises NoHistory, also where git fails."""
    done = run_git(top, arguments, b"", seconds)
    if done.returncode != 0:
        raise NoHistory
    return done.stdout


def shows(root: Path, name: str) -> bool:
    """Whether git would take up a file of that name at `root`; not without a repository, or without git."""
    try:
        asked = ("check-ignore", "--quiet", name)
        return run_git(root, asked, b"", _SECONDS, literal=False).returncode == 1
    except NoHistory:
        return False


def head_commit(root: Path) -> str | None:
    """Give the commit that is checked out at `root`, None where there is none, or no git."""
    try:
        return answer(root, ("rev-parse", "--verify", "--quiet", "HEAD"), _SECONDS).decode().strip() or None
    except NoHistory:
        return None


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
