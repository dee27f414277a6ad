"""What `doctor` finds in env.py, without running it."""

from __future__ import annotations

import shlex

from migrator.config.folders import script_folder
from migrator.config.select import Workspace
from migrator.errors import ConfigurationError
from migrator.operations.look.doctor.problem import problem_of
from migrator.results.environment_status import Finding
from migrator.revisions.env_py_source import loggers_remark, read_env_py


def check_env_py(workspace: Workspace) -> tuple[Finding, ...]:
    """Read env.py: a problem where it cannot run, a note for each call that disables loggers."""
    try:
        path = script_folder(workspace.environment) / "env.py"
        source = path.read_bytes()
    except ConfigurationError as exc:
        return (problem_of("env.py", exc, workspace),)
    except OSError as exc:
        what = f"{workspace.environment.shown(path)} cannot be read: {exc.strerror}"
        config = workspace.environment.shown(workspace.environment.config_file)
        return (
            Finding("env.py", "problem", what, f"Correct script_location in {config}, or write that file."),
        )
    return _in_source(workspace, workspace.environment.shown(path), source)


def _in_source(workspace: Workspace, file: str, source: bytes) -> tuple[Finding, ...]:
    try:
        lines = read_env_py(source).disables_loggers
    except SyntaxError as exc:
        line = f", line {exc.lineno}," if exc.lineno else ""
        check = f"Correct it, then check with: python -m py_compile {shlex.quote(file)}"
        return (Finding("env.py", "problem", f"{file}{line} is not valid Python: {exc.msg}", check),)
    if not lines:
        return (Finding("env.py", "ok", f"{file} disables no loggers"),)
    hint = "Take it out, with its import, and put nothing in its place: migrator shows Alembic's logs."
    if not workspace.environment.managed:
        hint = "Keep them: fileConfig(config.config_file_name, disable_existing_loggers=False)"
    return tuple(Finding("env.py", "note", loggers_remark(file, line), hint) for line in lines)
