"""Results of the commands that look at revisions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Revision:
    """One revision file. `applied` is None where no database was asked.

    `is_effective_head` is a head that other revisions depend on: the version table never ends with it.
    """

    revision: str
    down_revisions: tuple[str, ...]
    depends_on: tuple[str, ...]
    branch_labels: tuple[str, ...]
    message: str
    description: str
    path: str
    created: str | None
    is_head: bool
    is_branch_point: bool
    is_merge_point: bool
    is_effective_head: bool = False
    next_revisions: tuple[str, ...] = ()
    applied: bool | None = None
    current: bool | None = None


@dataclass(frozen=True)
class RevisionList:
    """Revisions in the order in which they are shown, newest first."""

    revisions: tuple[Revision, ...]


@dataclass(frozen=True)
class History(RevisionList):
    """The history of an environment. `current` is None where no database was asked."""

    current: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Current(RevisionList):
    """Where a database stands; an empty list is a database without a revision.

    `ahead` is by how many revisions it is ahead of this checkout, which then has no files for its heads.
    """

    heads: tuple[str, ...]
    at_heads: bool
    database: str
    ahead: int | None = None


@dataclass(frozen=True)
class Edited:
    """Files that were opened in an editor."""

    paths: tuple[str, ...]
