"""Tells a database that is ahead of this checkout from one at an unknown revision."""

from __future__ import annotations

from collections.abc import Mapping

from migrator.bridge.env_py.session import Session
from migrator.bridge.revision_files.plan import applied_revisions, unknown_revisions
from migrator.operations.position.examine import Examined


def ahead_by(session: Session, examined: Examined) -> int | None:
    """Give how many revisions a database has applied beyond this checkout's heads, by its log.

    None where it is not ahead: no unknown revision, or one whose logged ancestors do not contain our heads.
    """
    heads = examined.found.heads
    unknown = unknown_revisions(session.scripts, heads)
    if not unknown:
        return None
    parents = {
        entry.revision: tuple(each.strip() for each in (entry.down_revision or "").split(",") if each.strip())
        for entry in examined.log
        if entry.revision is not None and entry.direction in ("upgrade", "stamp", "adopted")
    }
    beyond, reached = _walk(session, unknown, parents)
    known = applied_revisions(session.scripts, tuple(reached | (set(heads) - set(unknown))))
    return len(beyond) if set(session.scripts.get_heads()) <= known else None


def _walk(
    session: Session, start: list[str], parents: Mapping[str, tuple[str, ...]]
) -> tuple[set[str], set[str]]:
    """Go back from unknown revisions; give those, and the known ones they come after."""
    beyond: set[str] = set()
    reached: set[str] = set()
    left = list(start)
    while left:
        revision = left.pop()
        if revision in beyond:
            continue
        if not unknown_revisions(session.scripts, (revision,)):
            reached.add(revision)
            continue
        beyond.add(revision)
        left += parents.get(revision, ())
    return beyond, reached
