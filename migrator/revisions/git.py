"""Asks the git command line about version files: who added them, and which ones a branch changes."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SECONDS = 10.0
# A git hook sets these, and they would win over the folder that git is told to work in.
_HOOK_VARIABLES = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX"})
# No question may be asked, and no object fetched over the network to answer ours.
_SILENT = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}

# Whatever the user's git configuration says about how a log or a diff looks.
_AS_IT_IS = ("--no-renames", "--no-ext-diff", "--no-textconv", "--name-only")
# -m, because a merge can add or remove a file by itself; without --full-history git leaves out the branch on
# which a file came and went.
LOG = (
    *("log", "--full-history", "-m", *_AS_IT_IS, "--no-show-signature"),
    *("--format=%x01%H%x00%h%x00%P%x00%at%x00%ad%x00%an", "--date=short", "--encoding=UTF-8"),
)
_DIFF = ("diff", "-z", *_AS_IT_IS)
_NEW = ("ls-files", "-z", "--others", "--exclude-standard")


class NoHistory(Exception):
    """There is no complete git history here to look into."""


class UnknownReference(NoHistory):
    """git knows no commit of that name here."""


class NoCommonCommit(NoHistory):
    """git knows no commit that HEAD and the other one come from: a shallow clone has too few."""


@dataclass(frozen=True)
class CommittedChange:
    """A commit that changed a file; `path` is relative to the folder that git works in.

    `time` is in seconds since 1970, `date` is the day (`2024-05-06`).
    """

    commit: str
    short: str
    parents: tuple[str, ...]
    time: int
    date: str
    author: str
    path: str


def run_git(
    top: Path,
    arguments: Sequence[str],
    *,
    request: bytes = b"",
    seconds: float = SECONDS,
    literal: bool = True,
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


def answer(top: Path, arguments: Sequence[str], seconds: float = SECONDS) -> bytes:
    """Return what git prints. Raises NoHistory, also where git fails."""
    done = run_git(top, arguments, seconds=seconds)
    if done.returncode != 0:
        raise NoHistory
    return done.stdout


def changes_in(log: bytes) -> Iterator[CommittedChange]:
    """Yield each change in what git prints for `LOG`, the newest first."""
    fields: list[str] = []
    for line in log.decode(errors="replace").split("\n"):
        if line.startswith("\x01"):
            fields = line[1:].split("\0")
        elif line:
            commit, short, parents, time, date, author = fields
            yield CommittedChange(commit, short, tuple(parents.split()), int(time or 0), date, author, line)


def added_by(paths: Sequence[Path]) -> dict[Path, CommittedChange | None]:
    """Give the commit that added each file to what is checked out, None for one that is not committed.

    A file is left out where the history that is here does not go back to that commit. It takes one git
    process, two in a shallow clone. Raises NoHistory where there is no git or no repository with a commit,
    or no answer in five seconds.
    """
    real = {path: path.resolve() for path in paths}
    top = Path(os.path.commonpath([path.parent for path in real.values()]))
    names = {str(path.relative_to(top)): said for said, path in real.items()}
    log = answer(top, (*LOG, "--root", "--diff-filter=A", "--relative", "HEAD", "--", *names), seconds=5)
    # A merge shows once more what came with it; the newest commit that did it by itself says more.
    added: dict[str, CommittedChange] = {}
    for change in changes_in(log):
        known = added.get(change.path)
        if known is None or (len(known.parents) > 1 and len(change.parents) <= 1):
            added[change.path] = change
    unknown = {name for name, change in added.items() if not change.parents}
    if unknown and run_git(top, ("rev-parse", "--is-shallow-repository"), seconds=5).stdout != b"false\n":
        names = {name: path for name, path in names.items() if name not in unknown}
    return {path: added.get(name) for name, path in names.items()}


def changed_since(root: Path, folders: Sequence[Path], reference: str) -> frozenset[Path]:
    """Give the files of folders that are new, gone or otherwise since HEAD and `reference` parted.

    They are real paths. What is not committed yet counts too, new files with it. Raises UnknownReference,
    NoCommonCommit, and NoHistory where git cannot tell: no git, no repository, or no answer in ten seconds.
    """
    top = Path(os.fsdecode(answer(root, ("rev-parse", "--show-toplevel"))).rstrip("\n")).resolve()
    real = [folder.resolve() for folder in folders]
    inside = [str(folder.relative_to(top)) for folder in real if folder.is_relative_to(top)]
    if not inside:
        raise NoHistory
    found = answer(top, (*_DIFF, _parting(top, reference), "--", *inside))
    found += answer(top, (*_NEW, "--", *inside))
    return frozenset(top / os.fsdecode(name) for name in found.split(b"\0") if name)


def _parting(top: Path, reference: str) -> str:
    """Give the commit at which HEAD and a reference parted."""
    if reference.startswith("-"):
        # No reference's name does, and git would take it for an option.
        raise UnknownReference
    done = run_git(top, ("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}"))
    if done.returncode != 0:
        raise UnknownReference
    done = run_git(top, ("merge-base", "HEAD", done.stdout.decode().strip()))
    if done.returncode != 0:
        raise NoCommonCommit
    return done.stdout.decode().strip()


def shows(root: Path, name: str) -> bool:
    """Whether git would take up a file of that name at `root`; not without a repository, or without git."""
    try:
        return run_git(root, ("check-ignore", "--quiet", name), literal=False).returncode == 1
    except NoHistory:
        return False


def head_commit(root: Path) -> str | None:
    """Give the commit that is checked out at `root`, None where there is none, or no git."""
    try:
        return answer(root, ("rev-parse", "--verify", "--quiet", "HEAD")).decode().strip() or None
    except NoHistory:
        return None
