"""What `heads`, `branches`, `history`, `show` and `current` have in common.

What belongs to databases is imported where one is asked: most of these commands only read files.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from alembic.script import Script

from migrator.bridge.files import version_files
from migrator.bridge.plan import applied_revisions, unknown_revisions
from migrator.bridge.scripts import revision_info, translated
from migrator.config.select import Workspace
from migrator.results.events import Report
from migrator.results.revisions import Revision

if TYPE_CHECKING:
    from migrator.bridge.session import Session


def infos(scripts: Iterable[Script], workspace: Workspace) -> tuple[Revision, ...]:
    """Give the facts of revision files, where no database was asked."""
    return tuple(revision_info(script, workspace) for script in scripts)


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


def known_heads(session: Session) -> tuple[str, ...]:
    """Read where the database stands. Raises RevisionsError for a revision that no file has."""
    heads = session.read_heads()
    refuse_unknown(session, heads)
    return heads


def refuse_unknown(session: Session, heads: tuple[str, ...]) -> None:
    """Refuse a database at a revision that no file has. Raises RevisionsError with the likely cause."""
    unknown = unknown_revisions(session.scripts, heads)
    if unknown:
        from migrator.operations.unknown import unknown_revision_error

        raise unknown_revision_error(session, unknown[0])


def scripts_for(target: str, workspace: Workspace, command: str, report: Report) -> list[Script]:
    """Give the revision files that `target` names; `current` asks the database. Raises RevisionsError."""
    if target == "current":
        return _scripts_of_database(workspace, command, report)
    scripts = version_files(workspace)
    with translated(workspace):
        return [script for script in scripts.get_revisions(target) if script is not None]


def _scripts_of_database(workspace: Workspace, command: str, report: Report) -> list[Script]:
    from migrator.bridge.session import Needs, database_session

    needs = Needs(writes=False, models=False)
    with database_session(workspace, [command, "current"], report, needs) as session:
        heads = known_heads(session)
        with translated(workspace):
            return list(session.scripts.get_revisions(heads))
