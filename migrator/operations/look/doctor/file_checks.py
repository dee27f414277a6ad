"""What `doctor` finds in files: the version files, and env.py, which it does not run."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alembic.script import Script

from migrator.bridge.revision_files.loading import scripts_of
from migrator.bridge.revision_files.loading_errors import several_heads
from migrator.config.folders import script_folder, version_folders
from migrator.config.select import Workspace
from migrator.errors import ConfigurationError, MigratorError, RevisionsError
from migrator.results.environment_status import Finding
from migrator.revisions.env_py_source import loggers_remark, read_env_py
from migrator.revisions.headers import LONGEST_ID
from migrator.revisions.version_folder import readable_headers
from migrator.syntax import parse

_SHOWN = 5


def problem_of(topic: str, error: MigratorError, workspace: Workspace) -> Finding:
    """Return the problem that an error tells of, in which another command shows the traceback."""
    again = workspace.again("current", "--traceback")
    hint = error.hint.replace("--traceback shows", f"{again} shows")
    return Finding(topic, "problem", error.what, hint)


@dataclass(frozen=True)
class _Loaded:
    """The version files, as far as they can be loaded; `error` is what every other command would say."""

    scripts: tuple[Script, ...]
    ids: dict[str, Path]
    error: MigratorError | None


def check_version_files(workspace: Workspace) -> tuple[list[Finding], bool]:
    """Look at the version files, and say whether they load; a broken one hides nothing of the others."""
    loaded = _load(workspace)
    findings = [
        *_versions(loaded, workspace),
        *_heads(loaded, workspace),
        *_long_ids(loaded, workspace),
        *_without_downgrade(loaded, workspace),
    ]
    return findings, loaded.error is None


def _load(workspace: Workspace) -> _Loaded:
    try:
        return _of_scripts(workspace, None)
    except MigratorError as exc:
        error = exc
    try:
        # A plain configuration may have missing folders and long ids: they hide nothing else here.
        return _of_scripts(
            replace(workspace, environment=replace(workspace.environment, managed=False)), error
        )
    except MigratorError:
        return _Loaded((), _ids_in_headers(workspace), error)


def _of_scripts(workspace: Workspace, error: MigratorError | None) -> _Loaded:
    scripts = tuple(scripts_of(workspace).walk_revisions())
    return _Loaded(scripts, {each.revision: Path(each.path) for each in scripts}, error)


def _ids_in_headers(workspace: Workspace) -> dict[str, Path]:
    try:
        folders = version_folders(workspace.environment)
    except ConfigurationError:
        return {}
    return {header.revision: header.path for header in readable_headers(folders)}


def _versions(loaded: _Loaded, workspace: Workspace) -> Iterator[Finding]:
    if loaded.error is None:
        count = len(loaded.scripts)
        yield Finding("version files", "ok", f"{count} revision{'' if count == 1 else 's'}")
    elif not (loaded.scripts and isinstance(loaded.error, RevisionsError) and _long(loaded)):
        # Otherwise it is about a long id, which is a finding of its own.
        yield problem_of("version files", loaded.error, workspace)


def _heads(loaded: _Loaded, workspace: Workspace) -> Iterator[Finding]:
    heads = [script for script in loaded.scripts if script.is_head]
    if not heads:
        return
    names = ", ".join(sorted(script.revision for script in heads))
    if len(heads) == 1:
        yield Finding("heads", "ok", names)
    elif all(script.branch_labels for script in heads):
        # Branches that have names are usually there on purpose.
        yield Finding(
            "heads", "note", f"several: {names}", f"To go to all: {workspace.again('upgrade', 'heads')}"
        )
    else:
        several = several_heads({each.revision: Path(each.path) for each in heads}, workspace)
        yield Finding("heads", "problem", f"several: {several.named}", several.hint)


def _long(loaded: _Loaded) -> dict[str, Path]:
    return {each: path for each, path in loaded.ids.items() if len(each) > LONGEST_ID}


def _long_ids(loaded: _Loaded, workspace: Workspace) -> Iterator[Finding]:
    if loaded.ids and not _long(loaded):
        yield Finding("ids", "ok", f"none is longer than {LONGEST_ID} characters")
    for revision, path in sorted(_long(loaded).items()):
        yield Finding(
            "ids",
            # Where the version table is env.py's own business it may be wider.
            "problem" if workspace.environment.managed else "note",
            f"{revision} in {workspace.environment.shown(path)} has {len(revision)} characters;"
            f" alembic_version holds {LONGEST_ID}",
            "Shorten it in that file, and in the down_revision of the files after it.",
        )


def _without_downgrade(loaded: _Loaded, workspace: Workspace) -> Iterator[Finding]:
    paths = [workspace.environment.shown(p) for p in loaded.ids.values() if not _has_downgrade(p)]
    if paths:
        yield Finding(
            "downgrade",
            "note",
            f"{_listed(sorted(paths))} {'has' if len(paths) == 1 else 'have'} no function downgrade()",
            "Write it; where there is nothing to undo: def downgrade(): pass",
        )
    elif loaded.ids:
        yield Finding("downgrade", "ok", "each file has a function downgrade()")


def _has_downgrade(path: Path) -> bool:
    try:
        return "downgrade" in _names(parse(path.read_bytes()))
    except (OSError, SyntaxError):
        # What is wrong with the file is said in another place.
        return True


def _names(tree: ast.Module) -> Iterator[str]:
    """Give the names that a module's functions, assignments and imports make, wherever they are."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            # What `import *` makes is not known without running it.
            yield "downgrade" if node.name == "*" else node.asname or node.name


def _listed(paths: Sequence[str]) -> str:
    more = len(paths) - _SHOWN
    return ", ".join(paths[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def check_env_py(workspace: Workspace) -> list[Finding]:
    """Read env.py: a problem where it cannot run, a note for each call that disables loggers."""
    environment = workspace.environment
    try:
        path = script_folder(environment) / "env.py"
        file = environment.shown(path)
        lines = read_env_py(path.read_bytes()).disables_loggers
    except ConfigurationError as exc:
        return [problem_of("env.py", exc, workspace)]
    except OSError as exc:
        config = environment.shown(environment.config_file)
        correct = f"Correct script_location in {config}, or write that file."
        return [Finding("env.py", "problem", f"{file} cannot be read: {exc.strerror}", correct)]
    except SyntaxError as exc:
        line = f", line {exc.lineno}," if exc.lineno else ""
        check = f"Correct it, then check with: python -m py_compile {shlex.quote(file)}"
        return [Finding("env.py", "problem", f"{file}{line} is not valid Python: {exc.msg}", check)]
    if not lines:
        return [Finding("env.py", "ok", f"{file} disables no loggers")]
    hint = "Take it out, with its import, and put nothing in its place: migrator shows Alembic's logs."
    if not environment.managed:
        hint = "Keep them: fileConfig(config.config_file_name, disable_existing_loggers=False)"
    return [Finding("env.py", "note", loggers_remark(file, line), hint) for line in lines]
