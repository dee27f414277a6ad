"""What `heads`, `branches`, `history`, `show` and `edit` have in common.

What belongs to databases is imported where one is asked: most of these commands only read files.
"""

from __future__ import annotations

from collections.abc import Iterable

from alembic.script import Script

from migrator.bridge.files import version_files
from migrator.bridge.scripts import revision_info, translated
from migrator.config.select import Workspace
from migrator.results.events import Report
from migrator.results.revisions import Revision


def infos(scripts: Iterable[Script], workspace: Workspace) -> tuple[Revision, ...]:
    """Give the facts of revision files, where no database was asked."""
    return tuple(revision_info(script, workspace) for script in scripts)


def scripts_for(target: str, workspace: Workspace, command: str, report: Report) -> list[Script]:
    """Give the revision files that `target` names; `current` asks the database. Raises RevisionsError."""
    if target == "current":
        return _scripts_of_database(workspace, command, report)
    scripts = version_files(workspace)
    with translated(workspace):
        return [script for script in scripts.get_revisions(target) if script is not None]


def _scripts_of_database(workspace: Workspace, command: str, report: Report) -> list[Script]:
    from migrator.bridge.session import Needs, database_session
    from migrator.operations.standing import known_heads

    needs = Needs(writes=False, models=False)
    with database_session(workspace, [command, "current"], report, needs) as session:
        heads = known_heads(session)
        with translated(workspace):
            return list(session.scripts.get_revisions(heads))
