"""Makes a finding of an error that another command would end with."""

from __future__ import annotations

from migrator.config.select import Workspace
from migrator.errors import MigratorError
from migrator.results.environment_status import Finding

_SHOWS = "--traceback shows"


def problem_of(topic: str, error: MigratorError, workspace: Workspace) -> Finding:
    """Return the problem that an error tells of. Another command shows its traceback."""
    again = workspace.again("current", "--traceback")
    hint = error.hint.replace(_SHOWS, f"{again} shows")
    return Finding(topic, "problem", error.what, hint)
