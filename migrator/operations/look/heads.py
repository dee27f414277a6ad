"""`migrator heads`: the newest revisions of the version folder."""

from __future__ import annotations

from migrator.config.select import Workspace
from migrator.operations.look.revision_listing import revisions_in_files
from migrator.results.revisions import RevisionList


def heads(workspace: Workspace, *, resolve_dependencies: bool = False) -> RevisionList:
    """Give the heads. With `resolve_dependencies`, `depends_on` counts like a down revision."""
    found = revisions_in_files(
        workspace,
        lambda graph: graph.real_heads if resolve_dependencies else graph.heads,
        lambda scripts: scripts.get_revisions("heads" if resolve_dependencies else scripts.get_heads()),
    )
    return RevisionList(found)
