"""The revisions that a scratch database is to have, as their files are now."""

from __future__ import annotations

from pathlib import Path

from migrator.bridge.env_py.session import file_session
from migrator.bridge.revision_files.loading import translated
from migrator.bridge.revision_files.plan import applied_revisions
from migrator.config.select import Workspace
from migrator.errors import RevisionsError
from migrator.scratch.manifest import file_hash


def wanted_revisions(workspace: Workspace, targets: tuple[str, ...]) -> dict[str, str] | None:
    """Give the revisions that targets (`heads`, ids, `base`) mean, with the hashes of their files.

    None where only a replay tells: an env.py of somebody else's may name other folders.
    Raises RevisionsError.
    """
    try:
        scripts = file_session(workspace, ["heads"], new_folder=True, unexecuted=True).scripts
        with translated(workspace):
            found = [script for each in targets for script in scripts.get_revisions(each) if script]
    except RevisionsError:
        if workspace.environment.managed:
            raise
        return None
    applied = applied_revisions(scripts, tuple(script.revision for script in found))
    paths = {revision: Path(scripts.get_revision(revision).path) for revision in applied}
    return {revision: file_hash(path) or "" for revision, path in paths.items()}
