"""`migrator heads`: the newest revisions of the version folder."""

from __future__ import annotations

from migrator.bridge.files import version_files
from migrator.bridge.scripts import translated
from migrator.config.select import Workspace
from migrator.operations.look import infos
from migrator.results.revisions import RevisionList


def heads(workspace: Workspace, *, resolve_dependencies: bool = False) -> RevisionList:
    """Give the heads. With `resolve_dependencies`, `depends_on` counts like a down revision."""
    scripts = version_files(workspace)
    with translated(workspace):
        names = "heads" if resolve_dependencies else scripts.get_heads()
        return RevisionList(infos(scripts.get_revisions(names), workspace))
