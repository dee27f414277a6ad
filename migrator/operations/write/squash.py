"""`migrator squash`: one revision in the place of the older part of a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic.script import Script, ScriptDirectory

from migrator.bridge.env_py.session import file_session
from migrator.bridge.revision_files.loading import folders_of, own_labels, translated
from migrator.bridge.revision_files.plan import applied_revisions, stands_on
from migrator.config.select import Workspace
from migrator.errors import Effect, RevisionsError
from migrator.operations.write.applied_anywhere import require_applied
from migrator.operations.write.collapse import Collapse, collapse
from migrator.operations.write.draft_folders import Draft, draft_folders, drafted
from migrator.results.events import Report
from migrator.results.written import Squashed
from migrator.revisions.archives import labelled, new_archive
from migrator.revisions.file_changes import FileChange, Move, Write, changed_files


@dataclass(frozen=True)
class SquashRequest:
    """What to squash: `to` and all before it. With `applied` no database is asked; see `Collapse`."""

    to: str
    message: str | None = None
    applied: bool = False
    rows: bool = True
    fresh: bool = False
    dry_run: bool = False


def squash(workspace: Workspace, request: SquashRequest, report: Report) -> Squashed:
    """Put one revision in the place of `to` and all before it, under the id of `to`, with proof on scratch.

    Databases at `to` or after it need no change, and none is made: so every environment that uses the folder
    is asked first whether its database is there. Whatever is raised, the files are as they were. Raises
    RefusedError, RevisionsError, and as `collapse` does.
    """
    scripts = file_session(workspace, ["heads"]).scripts
    last, old = _older_part(workspace, scripts, request.to)
    if len(old) == 1:
        return Squashed((), "", None, (), request.dry_run)
    if not request.applied:
        require_applied(workspace, scripts, last.revision)
    message = request.message or f"squash of {len(old)} revisions up to {last.revision}"
    files = tuple(Path(script.path) for script in old)
    folders = folders_of(scripts)
    with draft_folders(folders) as drafts:
        draft = Draft(workspace, folders, tuple(drafts))
        for path in files:
            draft.copy_of(path)
        wanted = Collapse(
            (last.revision,), files, message, last.revision, rows=request.rows, fresh=request.fresh
        )
        made = collapse(workspace, draft, wanted, report)
        content = labelled(
            made.path.read_bytes(),
            made.path,
            [script.revision for script in old],
            Path(last.path).read_bytes(),
        )
        new = draft.real_of(made.path)
    changes, archive = _changes(workspace, folders, files, new, content)
    _try_out(workspace, files, new, content)
    if not request.dry_run:
        with changed_files(changes):
            pass
    squashed = tuple(script.revision for script in old)
    return Squashed(squashed, archive, made.written, made.tables, request.dry_run)


def _older_part(workspace: Workspace, scripts: ScriptDirectory, to: str) -> tuple[Script, list[Script]]:
    """Give the revision `to`, and it with all before it, oldest first. Raises RevisionsError."""
    with translated(workspace):
        named = [script for script in scripts.get_revisions(to) if script is not None]
    if len(named) != 1:
        raise RevisionsError(
            f"{to} is not one revision.", effect=Effect.NOTHING_CHANGED, hint="Name it by its id."
        )
    (last,) = named
    below = applied_revisions(scripts, (last.revision,))
    old = [script for script in scripts.walk_revisions() if script.revision in below][::-1]
    for script in scripts.walk_revisions():
        into = below.intersection(stands_on(scripts, script)) - {last.revision}
        if script.revision not in below and into:
            raise RevisionsError(
                f"{script.revision} comes after {', '.join(sorted(into))}, which would be squashed, and not"
                f" after {last.revision}.",
                effect=Effect.NOTHING_CHANGED,
                hint="Name a revision below which no branch begins, or merge the branches first:"
                f" {workspace.again('branches')}",
            )
    for script in old:
        if own_labels(script):
            raise RevisionsError(
                f"{script.revision} has a branch label, which the new revision would not have.",
                effect=Effect.NOTHING_CHANGED,
                hint="Take the label out of its file first, where nobody uses it.",
            )
    return last, old


def _changes(
    workspace: Workspace, folders: Sequence[Path], files: Sequence[Path], new: Path, content: bytes
) -> tuple[list[FileChange], str]:
    archive = new_archive(folders[0])
    names = [path.name for path in files]
    if len(set(names)) < len(names):
        raise RevisionsError(
            "Two of the files have one name, and cannot go into one archive.",
            effect=Effect.NOTHING_CHANGED,
            hint="Rename one of them: its name plays no part.",
        )
    moves: list[FileChange] = [Move(path, archive / path.name) for path in files]
    return [*moves, Write(new, content)], workspace.environment.shown(archive)


def _try_out(workspace: Workspace, files: Sequence[Path], new: Path, content: bytes) -> None:
    """See that the history loads with the new file in the place of the old ones. Raises RevisionsError."""
    if new.exists():
        raise RevisionsError(
            f"The file {workspace.environment.shown(new)} exists already.",
            effect=Effect.NOTHING_CHANGED,
            hint="Give another message: -m TEXT",
        )
    with drafted(workspace) as draft:
        for path in files:
            draft.copy_of(path).unlink()
        draft.copy_of(new).write_bytes(content)
        file_session(draft.workspace, ["heads"])
