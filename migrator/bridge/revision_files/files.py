"""The version files of a workspace, for commands that run no env.py: nothing for databases is imported."""

from __future__ import annotations

from alembic.script import ScriptDirectory

from migrator.bridge.config import alembic_config
from migrator.bridge.revision_files.loading import load_scripts
from migrator.config.select import Workspace


def load_version_files(workspace: Workspace) -> ScriptDirectory:
    """Load the version files of a workspace. Raises ConfigurationError and RevisionsError."""
    return load_scripts(alembic_config(workspace), workspace)
