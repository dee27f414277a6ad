"""What is said where two people wrote a revision at the same time: whose files, and the ways out."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.config.select import Workspace

if TYPE_CHECKING:
    from migrator.revisions.authors import Added

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
    from migrator.revisions.authors import added_by
    from migrator.revisions.git import NoHistory

    paths = [path for path in files.values() if path is not None]
    added: dict[Path, Added | None] = {}
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


def _age(revision: str, path: Path | None, added: Mapping[Path, Added | None]) -> tuple[float, bytes, str]:
    """Order heads by when they were committed, last what is not, else by the date that their files give."""
    commit = added.get(path) if path is not None else None
    time = commit.time if commit else math.inf if path in added else 0
    created = None
    with suppress(OSError):
        created = _CREATED.search(path.read_bytes()) if path is not None else None
    return time, created[1] if created else b"", revision


def _named(revision: str, path: Path | None, added: Mapping[Path, Added | None], workspace: Workspace) -> str:
    if path is None:
        return revision
    file = f"{revision} in {workspace.environment.shown(path)}"
    if path not in added:
        return file
    commit = added[path]
    return f"{file} ({f'by {commit.author}, {commit.date}' if commit else 'not committed'})"
