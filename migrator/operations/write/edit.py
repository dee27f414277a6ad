"""`migrator edit`: opens revision files in an editor."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from migrator.config.select import Workspace
from migrator.errors import ConfigurationError, RevisionsError
from migrator.operations.look.revision_listing import named_revisions
from migrator.results.events import Report
from migrator.results.revisions import Edited


def edit(workspace: Workspace, target: str, report: Report) -> Edited:
    """Open the files that `target` names in $VISUAL or $EDITOR, then load the folder again.

    Raises RevisionsError where nothing is named or a file does not load afterwards, ConfigurationError where
    there is no editor.
    """
    named = named_revisions(target, workspace, "edit", report)
    if not named:
        raise RevisionsError(
            f"No revision file is named by {target}.", hint="List them with: migrator history"
        )
    paths = [workspace.environment.root / each.path for each in named]
    command = _editor()
    for path in paths:
        _open(command, path)
    # Imported here: what an editor shows need not wait for it.
    from migrator.bridge.revision_files.loading import scripts_of

    scripts_of(workspace)
    return Edited(tuple(workspace.environment.shown(path) for path in paths))


def _editor() -> list[str]:
    said = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    command = shlex.split(said)
    if not command or shutil.which(command[0]) is None:
        raise ConfigurationError(
            f"The editor {said} is not installed.", hint="Set EDITOR, for example: EDITOR=nano migrator edit"
        )
    return command


def _open(command: list[str], path: Path) -> None:
    # The editor's screen must not end up in data that is being piped.
    code = subprocess.run([*command, str(path)], stdout=sys.__stderr__, check=False).returncode
    if code != 0:
        raise ConfigurationError(f"The editor {command[0]} ended with code {code} on {path}.")
