"""What a database lacks of this checkout, or has beyond it."""

from __future__ import annotations

from dataclasses import dataclass

from migrator.bridge.env_py.session import Session
from migrator.bridge.revision_files.plan import applied_revisions
from migrator.operations.position.ahead import ahead_by
from migrator.operations.position.examine import Examined
from migrator.operations.position.position import refuse_unknown


@dataclass(frozen=True)
class Behind:
    """The revisions that are not applied, oldest first. `ahead` is by how many it is ahead, else None."""

    pending: tuple[str, ...] = ()
    ahead: int | None = None


def behind(session: Session, examined: Examined) -> Behind:
    """Compare where a database stands with the version files.

    Raises RevisionsError for a revision that no file has, where the log does not tell that it is ahead.
    """
    ahead = ahead_by(session, examined)
    if ahead is not None:
        return Behind(ahead=ahead)
    heads = examined.found.heads
    refuse_unknown(session, heads)
    return Behind(missing_from(heads, session))


def missing_from(heads: tuple[str, ...], session: Session) -> tuple[str, ...]:
    """Give the revisions that a database at known `heads` lacks, oldest first."""
    applied = applied_revisions(session.scripts, heads)
    walked = [script.revision for script in session.scripts.walk_revisions()]
    return tuple(revision for revision in reversed(walked) if revision not in applied)
