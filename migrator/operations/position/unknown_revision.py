"""The error for a database at a revision that the version folder does not have."""

from __future__ import annotations

from migrator.bridge.env_py.session import Session
from migrator.bridge.revision_files.loading import folders_of
from migrator.config.folders import version_folders
from migrator.errors import ConfigurationError, RevisionsError


def unknown_revision_error(session: Session, revision: str) -> RevisionsError:
    """Make the error, having looked for the cause in other environments, archives and git."""
    from migrator.revisions.archives import archive_folder
    from migrator.revisions.revision_origin import Places, explain

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
        Places(
            environment=workspace.environment.name,
            folders=folders,
            archives=tuple(archive_folder(folder) for folder in folders),
            others=others,
            root=workspace.environment.root,
        ),
    )
    return RevisionsError(origin.message, hint=origin.hint)
