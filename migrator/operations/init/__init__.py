"""`migrator init`: makes a project of a folder, or environments over the Alembic project that is there."""

from __future__ import annotations

from pathlib import Path

from migrator.operations.init.project import make_project
from migrator.operations.init.questions import Ask, InitRequest
from migrator.results.written import Initialized


def init(root: Path, request: InitRequest, ask: Ask) -> Initialized:
    """Write the files of a project into `root`, all or none, never over what is there.

    `ask` puts a question to somebody and gives the answer, or None where nobody can be asked. Raises
    UsageError, ConfigurationError and RefusedError; then nothing was written.
    """
    if request.adopt is not None:
        from migrator.operations.init.adopt import adopt

        return adopt(root, request.adopt, request, ask)
    return make_project(root, request, ask)
