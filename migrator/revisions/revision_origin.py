"""Tells why a database can be at a revision that its environment's version folder does not have."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from migrator.revisions.archives import squashed_into
from migrator.revisions.git import NoHistory
from migrator.revisions.git_history import FoundElsewhere, RemovedFile, UncommittedFile, find_in_history
from migrator.revisions.version_folder import find_revision

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Cause = Literal["other-environment", "archived", "deleted", "other-branch", "newer", "unknown"]


@dataclass(frozen=True)
class SearchPlaces:
    """Where a revision may come from.

    `folders` are the version folders of `environment`, `others` those of the other environments. Each of
    `archives` holds one folder of version files for each time that a history was started over. `root` is the
    project's.
    """

    environment: str
    folders: tuple[Path, ...]
    archives: tuple[Path, ...]
    others: Mapping[str, tuple[Path, ...]]
    root: Path


@dataclass(frozen=True)
class RevisionOrigin:
    """Where a revision comes from: a sentence for the user, and what to type next."""

    cause: Cause
    message: str
    hint: str


def explain(revision: str, places: SearchPlaces) -> RevisionOrigin:
    """Return where `revision`, which a database has and the version folders lack, comes from. Never fails."""
    return (
        _in_another_environment(revision, places)
        or _in_an_archive(revision, places)
        or _in_git(revision, places)
    )


def _in_another_environment(revision: str, places: SearchPlaces) -> RevisionOrigin | None:
    for name, folders in places.others.items():
        if path := find_revision(folders, revision):
            return RevisionOrigin(
                "other-environment",
                f"Revision {revision} belongs to environment {name} ({_shown(path, places.root)}), "
                f"not to {places.environment}.",
                f"The database is probably that of {name}: check the URL, or use `--env {name}`.",
            )
    return None


def _in_an_archive(revision: str, places: SearchPlaces) -> RevisionOrigin | None:
    for archive in places.archives:
        if path := find_revision([archive], revision):
            time = path.relative_to(archive).parts[0]
            if squashed := _squashed(revision, places, path, archive / time):
                return squashed
            return RevisionOrigin(
                "archived",
                f"Revision {revision} was archived at {time}, when reset-versions started the history of "
                f"{places.environment} over ({_shown(path, places.root)}).",
                f"This database still carries the old history, whose files are in "
                f"{_shown(archive / time, places.root)}: use them, or, after checking the schema, "
                "`migrator stamp --purge head`.",
            )
    return None


def _squashed(revision: str, places: SearchPlaces, path: Path, archive: Path) -> RevisionOrigin | None:
    folders = (*places.folders, *places.archives)
    sources = (file.read_bytes() for folder in folders for file in folder.rglob("*.py"))
    chain = squashed_into(sources, revision)
    if not chain:
        return None
    first, last = chain[0], chain[-1]
    new = find_revision(places.folders, last)
    if new is None:
        return None
    return RevisionOrigin(
        "archived",
        f"Revision {revision} was squashed into {last} ({_shown(new, places.root)}), and this database had"
        f" not applied all of that ({_shown(path, places.root)}).",
        f"Put the files of {_shown(archive, places.root)} in the place of that file, run"
        f" `migrator upgrade {first}`, and put all back: a stamp would leave out what lies between.",
    )


def _in_git(revision: str, places: SearchPlaces) -> RevisionOrigin:
    try:
        found = find_in_history(places.root, places.folders, revision)
    except NoHistory:
        return _unknown(revision, "no environment's version folder and no archive has it")
    match found:
        case UncommittedFile():
            path = _shown(found.path, places.root)
            return RevisionOrigin(
                "deleted",
                f"Revision {revision} is in {path} as last committed, but no longer in the working copy.",
                f"`git checkout HEAD -- {shlex.quote(path)}` brings the file back.",
            )
        case RemovedFile():
            return _removed(revision, found, places.root)
        case FoundElsewhere():
            return _on_a_branch(revision, found, places.root)
        case None:
            return _unknown(
                revision, "no environment's version folder, no archive and no commit in git has it"
            )


def _removed(revision: str, found: RemovedFile, root: Path) -> RevisionOrigin:
    path = _shown(found.path, root)
    by = f"commit {found.change.short} of {found.change.date} by {found.change.author}"
    if found.deleted:
        return RevisionOrigin(
            "deleted",
            f"Revision {revision} was in {path}, which was deleted by {by}.",
            f"`git checkout {found.before} -- {shlex.quote(path)}` brings the file back.",
        )
    return RevisionOrigin(
        "deleted",
        f"Revision {revision} was in {path} until it was given another id by {by}.",
        f"`git show {found.before}:{shlex.quote('./' + path)}` shows the file as it was.",
    )


def _on_a_branch(revision: str, found: FoundElsewhere, root: Path) -> RevisionOrigin:
    path, name = _shown(found.path, root), re.sub(r"^refs/(heads/|remotes/|tags/)?", "", found.ref)
    where = f"{path} on {name} (commit {found.change.short} of {found.change.date} by {found.change.author})"
    if found.ahead:
        return RevisionOrigin(
            "newer",
            f"The database is newer than this checkout: revision {revision} is in {where}.",
            f"`git pull`, or check out {name}, or deploy the newer image.",
        )
    return RevisionOrigin(
        "other-branch",
        f"Revision {revision} is not in this checkout: it is in {where}.",
        f"Merge it (`git merge {shlex.quote(name)}`) or switch to it, or downgrade the database from there.",
    )


def _unknown(revision: str, looked: str) -> RevisionOrigin:
    named = revision if revision.isprintable() else repr(revision)
    return RevisionOrigin(
        "unknown",
        f"Nothing here knows revision {named} ({looked}): it is another application's "
        "database, or one migrated by a newer version of this one.",
        "Compare the database shown above with what `migrator envs` lists; if a colleague made the revision, "
        "`git fetch` and try again.",
    )


def _shown(path: Path, root: Path) -> str:
    """Return `path` as one would type it in the project's root."""
    return os.path.relpath(path.resolve(), root.resolve())
