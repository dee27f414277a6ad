"""`migrator branches`: the revisions that several others come after."""

from __future__ import annotations

from migrator.config.select import Workspace
from migrator.operations.look.revision_listing import revisions_in_files
from migrator.results.revisions import RevisionList


def branches(workspace: Workspace) -> RevisionList:
    """Give the branch points; `next_revisions` of each says what it branches into."""
    points = revisions_in_files(
        workspace,
        lambda graph: (node for node in graph.walk() if node.is_branch_point),
        lambda scripts: (script for script in scripts.walk_revisions() if script.is_branch_point),
    )
    return RevisionList(points)
