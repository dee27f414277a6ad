"""Where a database stands in the history that the version files tell."""

from __future__ import annotations

from collections.abc import Iterable

from alembic.script import Script

from migrator.bridge.env_py.session import Session
from migrator.bridge.revision_files.loading import revision_info
from migrator.bridge.revision_files.plan import applied_revisions, unknown_revisions
from migrator.operations.position.unknown_revision import unknown_revision_error
from migrator.results.revisions import Revision


def infos_in_database(
    scripts: Iterable[Script], session: Session, heads: tuple[str, ...]
) -> tuple[Revision, ...]:
    """Give the facts of revision files with what a database at `heads` has of them."""
    applied = applied_revisions(session.scripts, heads)
    return tuple(
        revision_info(
            script,
            session.workspace,
            applied=script.revision in applied,
            current=script.revision in heads,
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
    # Imported here: it is asked where something is out of the ordinary.
    from migrator.operations.position.ahead import ahead_by
    from migrator.operations.position.examine import examine

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
