"""Writes revision files through Alembic's templates, each whole and valid, or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError, template_to_file

from migrator.bridge.quiet_stdout import stdout_to
from migrator.bridge.revision_files.loading import down_revisions, forget_loaded, refuse_changed
from migrator.config.select import Workspace
from migrator.errors import ConfigurationError, RevisionsError
from migrator.faults import is_own_fault, own_fault
from migrator.file_locks import LockFile
from migrator.results.written import WrittenRevision
from migrator.revisions.file_changes import Write, changed_files


@contextmanager
def atomic_writing(scripts: ScriptDirectory, workspace: Workspace) -> Iterator[None]:
    """Make Alembic write version files by putting a finished, compiled one into place.

    What was written is removed again, with folders made for it, where the block fails (a failing post-write
    hook, Ctrl-C). What hooks print goes to stderr. Raises ConfigurationError for a folder that cannot be
    written to, a hook or a template that cannot be run, RevisionsError for a template that yields no valid
    Python, a file that is there already, or version files that somebody has changed since they were read.
    """
    written: list[Path] = []
    changes = ExitStack()

    def generate(src: Path, dest: Path, **values: Any) -> None:
        content = _rendered(src, dest, scripts.output_encoding, values, workspace)
        with _alone(scripts):
            refuse_changed(scripts, workspace, apart_from=written)
            if os.path.lexists(dest):
                raise RevisionsError(
                    f"The file {workspace.environment.shown(dest)} exists already.",
                    hint="Give another message.",
                )
            changes.enter_context(changed_files([Write(dest, content)]))
            written.append(dest)

    def no_folder(path: Path) -> None:
        """Leave it to the change that writes the file."""

    forget_loaded()
    # Alembic has no public hook for either; both names are checked by a test.
    scripts._generate_template = generate  # type: ignore[method-assign]
    scripts._ensure_directory = no_folder  # type: ignore[method-assign]
    try:
        with changes, stdout_to(sys.stderr):
            yield
    except OSError as exc:
        raise _not_written(exc, hook=bool(written)) from exc
    finally:
        del scripts._generate_template, scripts._ensure_directory


@contextmanager
def _alone(scripts: ScriptDirectory) -> Iterator[None]:
    """Have no other process look whether version files have changed, or add one, during the block."""
    with ExitStack() as held:
        # Where there is no such file, or it cannot be locked, the moment between the two stays open.
        with suppress(OSError):
            lock = held.enter_context(LockFile(Path(scripts.env_py_location).resolve(), create=False))
            lock.wait()
        yield


def _not_written(exc: OSError, *, hook: bool) -> ConfigurationError:
    if hook:
        return ConfigurationError(
            f"A post-write hook cannot be run: {exc.strerror}: {exc.filename}.",
            hint="Install the program, or correct the section [post_write_hooks].",
        )
    return ConfigurationError(
        f"The revision file cannot be written: {exc.strerror}: {exc.filename}.",
        hint="Check the permissions of the version folder.",
    )


def _rendered(src: Path, dest: Path, encoding: str, values: dict[str, Any], workspace: Workspace) -> bytes:
    content = _filled_in(src, encoding, values, workspace)
    try:
        compile(content, str(dest), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as exc:
        raise RevisionsError(
            f"The template {workspace.environment.shown(src)} yields no valid Python: {exc}.",
            hint="Correct the template; the message and the operations are what it was given.",
        ) from exc
    return content


def _filled_in(src: Path, encoding: str, values: dict[str, Any], workspace: Workspace) -> bytes:
    try:
        with tempfile.TemporaryDirectory() as folder:
            draft = Path(folder) / "draft"
            template_to_file(src, draft, encoding, **values)
            return draft.read_bytes()
    except OSError:
        raise
    except Exception as exc:
        if is_own_fault(exc):
            raise own_fault(exc) from exc
        # A template is code and may raise anything; Alembic's error has the cause as its context.
        cause = (exc.__context__ or exc) if isinstance(exc, CommandError) else exc
        raise ConfigurationError(
            f"The template {workspace.environment.shown(src)} cannot be filled in:"
            f" {type(cause).__name__}: {' '.join(str(cause).split())}.",
            hint=str(exc) if cause is not exc else "Correct the template.",
        ) from exc


def written_info(script: Script, workspace: Workspace) -> WrittenRevision:
    """Give the facts of a file that was just written."""
    return WrittenRevision(
        revision=script.revision,
        down_revisions=down_revisions(script),
        message=" ".join(script.doc.split()),
        path=workspace.environment.shown(Path(script.path)),
    )


def runs_env_for_revisions(config: Config) -> bool:
    """Whether Alembic's `revision_environment` asks for env.py even where nothing is compared."""
    said = config.get_alembic_option("revision_environment")
    return str(said).strip().lower() in ("true", "yes", "on", "y", "t", "1")
