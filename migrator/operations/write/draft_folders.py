"""Version files that are tried out beside the real ones before they count."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from migrator.config.folders import version_folders
from migrator.config.select import Workspace
from migrator.errors import ConfigurationError, Effect, MigratorError, RevisionsError
from migrator.revisions.drafting import draft_beside, draft_locks
from migrator.revisions.file_changes import Move, changed_files


@contextmanager
def draft_folders(workspace: Workspace, folders: tuple[Path, ...]) -> Iterator[Draft]:
    """Make an empty folder beside each version folder, on the same file system, for the new files.

    Those that a killed process has left there go when all is well. Raises ConfigurationError where that
    cannot be, and for an OSError of the block.
    """
    drafts: list[Path] = []
    try:
        with draft_locks() as share:
            for folder in folders:
                parent = next(each for each in folder.parents if each.is_dir())
                share(parent)
                drafts.append(draft_beside(parent / folder.name))
                drafts[-1].mkdir(mode=0o700)
                drafts[-1].chmod(folder.stat().st_mode & 0o777 if folder.exists() else 0o755)
            yield Draft(workspace, folders, tuple(drafts))
    except OSError as exc:
        raise ConfigurationError(
            f"The version folder cannot be replaced: {exc.strerror}: {exc.filename}.",
            hint="Check the permissions of the folder above it.",
        ) from exc
    finally:
        for draft in drafts:
            shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def swapped(draft: Draft, archives: Sequence[Path]) -> Iterator[None]:
    """Move the real folders into `archives` and the copies into their place, for good only if all succeeds.

    Raises ConfigurationError where they cannot be moved.
    """
    for folder in draft.real:
        if folder.is_symlink():
            # Moved, a relative link would point to nowhere.
            raise ConfigurationError(
                f"The version folder {folder} cannot be archived: it is a symbolic link.",
                hint="Name the real folder in version_locations, then run it again.",
            )
    away = [Move(folder, archive) for folder, archive in zip(draft.real, archives, strict=True)]
    into_place = [Move(copy, folder) for folder, copy in zip(draft.real, draft.copies, strict=True)]
    with changed_files([*away, *into_place]):
        yield


@contextmanager
def drafted(workspace: Workspace) -> Iterator[Draft]:
    """Give a workspace whose version folders are copies of the real ones, to be changed at will.

    Errors of the block name the real files, not the copies. Raises as `draft_folders` does.
    """
    with draft_folders(workspace, version_folders(workspace.environment)) as draft:
        try:
            for folder, copy in zip(draft.real, draft.copies, strict=True):
                if folder.is_dir():
                    shutil.copytree(
                        folder, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
                    )
            yield draft
        except MigratorError as exc:
            exc.what, exc.hint = draft.in_place(exc.what), draft.in_place(exc.hint)
            raise


class Draft:
    """The version folders `real` of a workspace, and copies of them that stand in for them in `workspace`."""

    def __init__(self, workspace: Workspace, real: tuple[Path, ...], copies: tuple[Path, ...]) -> None:
        self.real = real
        self.copies = copies
        self.workspace = replace(workspace, environment=replace(workspace.environment, drafts=copies))

    def copy_of(self, path: Path) -> Path:
        """Give the path in the copies of a path in the real folders, whose links Alembic has followed."""
        return _moved(path, self.real, self.copies)

    def real_of(self, path: Path) -> Path:
        """Give the path in the real folders of a path in the copies."""
        return _moved(path, self.copies, self.real)

    def in_place(self, text: str) -> str:
        """Give a text that names real files where it names copies."""
        environment = self.workspace.environment
        for real, copy in zip(self.real, self.copies, strict=True):
            text = text.replace(str(copy), str(real))
            text = text.replace(environment.shown(copy), environment.shown(real))
        return text


def _moved(path: Path, folders: Sequence[Path], others: Sequence[Path]) -> Path:
    """Give a path in other folders. Raises RevisionsError for one in none of them, like a link's target."""
    for folder, other in zip(folders, others, strict=True):
        inside = path.parent.resolve() / path.name
        if inside.is_relative_to(folder.resolve()):
            return other / inside.relative_to(folder.resolve())
    raise RevisionsError(
        f"The version file {path} does not lie in a version folder.",
        effect=Effect.NOTHING_CHANGED,
        hint="A link to it stands there: put the file itself in its place.",
    )
