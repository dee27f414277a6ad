"""`migrator show`: everything that a revision file says."""

from __future__ import annotations

from migrator.config.select import Workspace
from migrator.operations.look.revision_listing import named_revisions
from migrator.results.events import Report
from migrator.results.revisions import RevisionList


def show(workspace: Workspace, target: str, report: Report) -> RevisionList:
    """Give the revisions that `target` names, such as `head`, an id or `current`. Raises RevisionsError."""
    return RevisionList(named_revisions(target, workspace, "show", report))
