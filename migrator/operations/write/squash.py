"""`migrator squash`: one revision in the place of a history, or of its older part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alembic.script import Script, ScriptDirectory

from migrator.bridge.env_py.session import Needs, database_session, file_session
from migrator.bridge.revision_files.loading import folders_of, own_labels, translated
from migrator.bridge.revision_files.plan import applied_revisions, stands_on
from migrator.config.folders import version_folders
from migrator.config.select import Workspace
from migrator.errors import Effect, RefusedError, RevisionsError
from migrator.operations.change.moves import stamp
from migrator.operations.command_requests import StampRequest
from migrator.operations.position.position import known_heads
from migrator.operations.run.consent import Consent, require_consent
from migrator.operations.write.applied_anywhere import require_applied
from migrator.operations.write.collapse import Collapse, collapse
from migrator.operations.write.draft_folders import draft_folders, drafted, swapped
from migrator.operations.write.generate import check_rev_id
from migrator.operations.write.reset_versions import (
    archives_of,
    files_back,
    moved_to,
    refuse_empty,
    refuse_shared_folder,
)
from migrator.results.events import Report
from migrator.results.run import RunResult
from migrator.results.run_errors import RunError
from migrator.results.written import Squashed
from migrator.revisions.archives import labelled, made_of, new_archive
from migrator.revisions.file_changes import FileChange, Move, Write, changed_files


@dataclass(frozen=True)
class SquashRequest:
    """What to squash: `to` and all before it. With `applied` no database is asked; see `Collapse`.

    With `new_id` the new revision gets an id of its own, `rev_id` where there is one, and the database is
    stamped with it; `to` must then be all heads.
    """

    to: str
    message: str | None = None
    new_id: bool = False
    rev_id: str | None = None
    applied: bool = False
    rows: bool = True
    fresh: bool = False
    dry_run: bool = False


def squash(workspace: Workspace, request: SquashRequest, consent: Consent, report: Report) -> Squashed:
    """Put one revision in the place of `to` and all before it, with proof on scratch databases.

    Under the id of `to`, databases at `to` or after it need no change, and none is made: every environment
    that uses the folder is asked first whether its database is there. With `new_id` the environment's
    database must be at the heads, and is stamped: the files are archived while the version table is written,
    in one transaction with its log row. Whatever is raised, files and database are as they were. Raises
    RefusedError, RevisionsError, and as `collapse` and `execute` do.
    """
    if request.new_id:
        return _all_of_it(workspace, request, consent, report)
    return _part(workspace, request, report)


def _part(workspace: Workspace, request: SquashRequest, report: Report) -> Squashed:
    scripts = file_session(workspace, ["heads"]).scripts
    last, old = _older_part(workspace, scripts, request.to)
    if len(old) == 1:
        return Squashed((), (), "", None, (), request.dry_run)
    if not request.applied:
        require_applied(workspace, scripts, last.revision)
    wanted, folders = _wanted(request, (last,), old, last.revision), folders_of(scripts)
    with draft_folders(workspace, folders) as draft:
        for path in wanted.files:
            draft.copy_of(path)
        made = collapse(workspace, draft, wanted, report)
        of = dict.fromkeys(each for script in old for each in (*made_of(script.longdoc), script.revision))
        content = labelled(made.path.read_bytes(), made.path, list(of), Path(last.path).read_bytes())
        new = draft.real_of(made.path)
    changes, archive = _changes(workspace, folders, wanted.files, new, content)
    _try_out(workspace, wanted.files, new, content)
    if not request.dry_run:
        with changed_files(changes):
            pass
    return Squashed(*_named(workspace, old), archive, made.written, made.tables, request.dry_run)


def _wanted(
    request: SquashRequest, last: Sequence[Script], old: Sequence[Script], rev_id: str | None
) -> Collapse:
    names = tuple(script.revision for script in last)
    message = request.message or f"squash of {len(old)} revisions up to {', '.join(names)}"
    files = tuple(Path(script.path) for script in old)
    return Collapse(names, files, message, rev_id, rows=request.rows, fresh=request.fresh)


def _named(workspace: Workspace, old: Sequence[Script]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the ids of the old revisions, and their files."""
    shown = workspace.environment.shown
    return tuple(script.revision for script in old), tuple(shown(Path(script.path)) for script in old)


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


def _all_of_it(workspace: Workspace, request: SquashRequest, consent: Consent, report: Report) -> Squashed:
    """Put one revision with an id of its own in the place of all, and stamp the database with it."""
    check_rev_id(request.rev_id)
    folders = version_folders(workspace.environment)
    refuse_empty(folders, workspace)
    refuse_shared_folder(workspace, "Squash it under the id that it has: leave --new-id out.")
    last, old = _all_applied(workspace, request.to, report)
    if not request.dry_run:
        require_consent(workspace, "start its history over", consent)
    with draft_folders(workspace, folders) as draft:
        made = collapse(workspace, draft, _wanted(request, last, old, request.rev_id), report)
        archives = archives_of(folders)
        result = Squashed(
            *_named(workspace, old),
            archive=moved_to(folders, archives, workspace),
            written=made.written,
            tables=made.tables,
            dry_run=request.dry_run,
            stamps=True,
        )
        if request.dry_run:
            return result
        with swapped(draft, archives):
            heads = frozenset(script.revision for script in last)
            stamped = _stamp(workspace, made.written.revision, heads, report)
    return replace(result, stamped=stamped)


def _all_applied(workspace: Workspace, to: str, report: Report) -> tuple[list[Script], list[Script]]:
    """Give the heads, which `to` and the database must be at, and all revisions, oldest first."""
    with database_session(workspace, ["current"], report, Needs(writes=False, models=False)) as session:
        heads = known_heads(session)
        scripts = session.scripts
        with translated(workspace):
            last, newest = (
                [script for script in scripts.get_revisions(each) if script is not None]
                for each in (to, "heads")
            )
        ids, name = {script.revision for script in newest}, workspace.environment.name
        if {script.revision for script in last} != ids:
            raise RevisionsError(
                f"There are revisions besides those up to {to}, and only a whole history gets a new id.",
                effect=Effect.NOTHING_CHANGED,
                hint="Squash all of it: --to head; or leave --new-id out.",
            )
        if not heads:
            raise RevisionsError(
                f"The database of {name} has no revision, so that nothing is to be stamped.",
                effect=Effect.NOTHING_CHANGED,
                hint=f"Start over for a new database: {workspace.again('reset-versions')}",
            )
        if ids != set(heads):
            raise RevisionsError(
                f"The database of {name} is at {', '.join(heads)}, and not at the newest revision.",
                effect=Effect.NOTHING_CHANGED,
                hint=f"Upgrade it first: {workspace.again('upgrade', 'heads')}",
            )
        return newest, list(scripts.walk_revisions())[::-1]


def _stamp(workspace: Workspace, revision: str, expected: frozenset[str], report: Report) -> RunResult:
    """Stamp the database through the spine. Raises RefusedError where it has moved meanwhile."""
    # Whoever was to be asked has been asked already.
    request, consent = (
        StampRequest(targets=(revision,), purge=True),
        Consent(confirm=workspace.environment.name),
    )
    try:
        done = stamp(workspace, request, consent, report, expected)
    except RunError as exc:
        raise files_back(exc, exc.hint) from exc
    if not isinstance(done, RunResult):
        raise RefusedError("The database was not stamped.")
    return done
