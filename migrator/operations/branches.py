"""`migrator branches`: the revisions that several others come after."""

from __future__ import annotations

from migrator.bridge.files import version_files
from migrator.bridge.scripts import translated
from migrator.config.select import Workspace
from migrator.operations.look import infos
from migrator.results.revisions import RevisionList


def branches(workspace: Workspace) -> RevisionList:
    """Give the branch points; `next_revisions` of each says what it branches into."""
    scripts = version_files(workspace)
    with translated(workspace):
        points = [script for script in scripts.walk_revisions() if script.is_branch_point]
        return RevisionList(infos(points, workspace))
