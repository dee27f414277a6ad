"""Tells which version files a branch changes, with the git command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.revisions.git import NoHistory, answer, run_git

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECONDS = 10.0
# What the user's configuration says of a diff is left aside.
_DIFF = ("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv")
_TOP = ("rev-parse", "--show-toplevel")
_NEW = ("ls-files", "-z", "--others", "--exclude-standard")


class UnknownReference(NoHistory):
    """git knows no commit of that name here."""


class NoCommonCommit(NoHistory):
    """git knows no commit that HEAD and the other one come from: a shallow clone has too few."""


def changed_since(root: Path, folders: Sequence[Path], reference: str) -> frozenset[Path]:
    """Give the files of folders that are new, gone or otherwise since HEAD and `reference` parted.

    They are real paths. What is not committed yet counts too, new files with it. Raises UnknownReference,
    NoCommonCommit, and NoHistory where git cannot tell: no git, no repository, or no answer in ten seconds.
    """
    top = Path(os.fsdecode(answer(root, _TOP, _SECONDS)).rstrip("\n")).resolve()
    real = [folder.resolve() for folder in folders]
    inside = [str(folder.relative_to(top)) for folder in real if folder.is_relative_to(top)]
    if not inside:
        raise NoHistory
    base = _parting(top, reference)
    found = answer(top, (*_DIFF, base, "--", *inside), _SECONDS)
    found += answer(top, (*_NEW, "--", *inside), _SECONDS)
    return frozenset(top / os.fsdecode(name) for name in found.split(b"\0") if name)


def _parting(top: Path, reference: str) -> str:
    """Give the commit at which HEAD and a reference parted."""
    if reference.startswith("-"):
        # No reference's name does, and git would take it for an option.
        raise UnknownReference
    done = run_git(top, ("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}"), b"", _SECONDS)
    if done.returncode != 0:
        raise UnknownReference
    done = run_git(top, ("merge-base", "HEAD", done.stdout.decode().strip()), b"", _SECONDS)
    if done.returncode != 0:
        raise NoCommonCommit
    return done.stdout.decode().strip()
