"""Writes revision files through Alembic's templates, each whole and valid, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.util import template_to_file

from migrator.config.select import Workspace
from migrator.errors import ConfigurationError, RevisionsError
from migrator.results.written import WrittenRevision


@contextmanager
def atomic_writing(scripts: ScriptDirectory, workspace: Workspace) -> Iterator[None]:
    """Make Alembic write version files by renaming a finished, compiled one into place.

    What was written is removed again, with folders made for it, where the block fails (a failing post-write
    hook, Ctrl-C). Raises ConfigurationError for a folder that cannot be written to, RevisionsError for a
    template that yields no valid Python or a file that is there already.
    """
    written: list[Path] = []
    made: list[Path] = []

    def generate(src: Path, dest: Path, **values: Any) -> None:
        if dest.exists():
            raise RevisionsError(
                f"The file {workspace.environment.shown(dest)} exists already.", hint="Give another message."
            )
        _render(src, dest, scripts.output_encoding, values, workspace)
        written.append(dest)

    def ensure(path: Path) -> None:
        for folder in (*reversed(path.absolute().parents), path.absolute()):
            if not folder.exists():
                folder.mkdir()
                made.append(folder)

    # Alembic has no public hook for either; both names are checked by a test.
    scripts._generate_template = generate  # type: ignore[method-assign]
    scripts._ensure_directory = ensure  # type: ignore[method-assign]
    try:
        yield
    except BaseException as exc:
        _take_back(written, made)
        if isinstance(exc, OSError):
            raise ConfigurationError(
                f"The revision file cannot be written: {exc.strerror}: {exc.filename}.",
                hint="Check the permissions of the version folder.",
            ) from exc
        raise
    finally:
        del scripts._generate_template, scripts._ensure_directory


def _render(src: Path, dest: Path, encoding: str, values: dict[str, Any], workspace: Workspace) -> None:
    draft = dest.with_name(f".{dest.name}.draft")
    try:
        template_to_file(src, draft, encoding, **values)
        try:
            compile(draft.read_bytes(), str(dest), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as exc:
            raise RevisionsError(
                f"The template {workspace.environment.shown(src)} yields no valid Python: {exc}.",
                hint="Correct the template; the message and the operations are what it was given.",
            ) from exc
        draft.replace(dest)
    finally:
        draft.unlink(missing_ok=True)


def _take_back(written: list[Path], made: list[Path]) -> None:
    for path in written:
        path.unlink(missing_ok=True)
    for folder in reversed(made):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def written_info(script: Script, workspace: Workspace) -> WrittenRevision:
    """Give the facts of a file that was just written."""
    down = script.down_revision
    return WrittenRevision(
        revision=script.revision,
        down_revisions=(down,) if isinstance(down, str) else tuple(down or ()),
        message=" ".join(script.doc.split()),
        path=workspace.environment.shown(Path(script.path)),
    )


def runs_env_for_revisions(config: Config) -> bool:
    """Whether Alembic's `revision_environment` asks for env.py even where nothing is compared."""
    said = config.get_alembic_option("revision_environment")
    return str(said).strip().lower() in ("true", "yes", "on", "y", "t", "1")
