"""Where a database stands in the history of the version files: at, ahead of, behind, or unknown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alembic.script import Script

from migrator.bridge.env_py.session import Session
from migrator.bridge.revision_files.loading import folders_of, revision_info
from migrator.bridge.revision_files.plan import applied_revisions, unknown_revisions
from migrator.config.folders import version_folders
from migrator.errors import ConfigurationError, RevisionsError
from migrator.operations.position.examine import Examined, examine
from migrator.results.revisions import Revision
from migrator.revisions.graph import reached


def infos_in_database(
    scripts: Iterable[Script], session: Session, heads: tuple[str, ...]
) -> tuple[Revision, ...]:
    """Give the facts of revision files with what a database at `heads` has of them."""
    applied = applied_revisions(session.scripts, heads)
    return tuple(
        revision_info(
            script, session.workspace, applied=script.revision in applied, current=script.revision in heads
        )
        for script in scripts
    )


def heads_and_ahead(session: Session) -> tuple[tuple[str, ...], int | None]:
    """Read where the database stands, and by how many revisions it is ahead of this checkout, None if it is
    not.

    Raises RevisionsError for a revision that no file has, where the database's log does not explain it.
    """
    heads = session.read_heads()
    if not unknown_revisions(session.scripts, heads):
        return heads, None
    ahead = max((ahead_by(session, each) or 0 for each in examine(session)), default=0)
    if not ahead:
        refuse_unknown(session, heads)
    return heads, ahead


def known_heads(session: Session) -> tuple[str, ...]:
    """Read where the database stands. Raises RevisionsError for a revision that no file has."""
    heads = session.read_heads()
    refuse_unknown(session, heads)
    return heads


def refuse_unknown(session: Session, heads: tuple[str, ...]) -> None:
    """Refuse a database at a revision that no file has. Raises RevisionsError with the likely cause."""
    unknown = unknown_revisions(session.scripts, heads)
    if unknown:
        raise unknown_revision_error(session, unknown[0])


def unknown_revision_error(session: Session, revision: str) -> RevisionsError:
    """Make the error, having looked for the cause in other environments, archives and git."""
    from migrator.revisions.archives import archive_folder
    from migrator.revisions.revision_origin import SearchPlaces, explain

    workspace = session.workspace
    folders = folders_of(session.scripts)
    others = {}
    for other in workspace.others:
        try:
            others[other.name] = version_folders(other)
        except ConfigurationError:
            continue
    origin = explain(
        revision,
        SearchPlaces(
            environment=workspace.environment.name,
            folders=folders,
            archives=tuple(archive_folder(folder) for folder in folders),
            others=others,
            root=workspace.environment.root,
        ),
    )
    return RevisionsError(origin.message, hint=origin.hint)


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

    def before_unknown(revision: str) -> tuple[str, ...]:
        return parents.get(revision, ()) if unknown_revisions(session.scripts, (revision,)) else ()

    walked = reached(unknown, before_unknown)
    beyond = unknown_revisions(session.scripts, tuple(walked))
    known = applied_revisions(session.scripts, tuple(walked.union(heads).difference(beyond)))
    return len(beyond) if known.issuperset(session.scripts.get_heads()) else None


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
