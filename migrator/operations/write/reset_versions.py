"""`migrator reset-versions`: starts a history over, for a new and empty database."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from migrator.bridge.autogenerate.comparing import Comparison
from migrator.bridge.env_py.session import Needs, Session, database_session
from migrator.bridge.revision_files.loading import translated
from migrator.bridge.revision_files.writing import atomic_writing, written_info
from migrator.config.folders import shared_folder, version_folders
from migrator.config.select import Workspace
from migrator.config.url import names_database
from migrator.database.connecting.opening import is_missing_file
from migrator.errors import Effect, RefusedError, RevisionsError
from migrator.operations.change.moves import upgrade
from migrator.operations.command_requests import UpgradeRequest
from migrator.operations.run.consent import Consent, require_consent
from migrator.operations.write.draft_folders import Draft, draft_folders, swapped
from migrator.operations.write.generate import check_rev_id
from migrator.results.events import Report
from migrator.results.run import RunResult
from migrator.results.run_errors import RunError
from migrator.results.written import VersionsReset
from migrator.revisions.archives import archive_folder, new_archive
from migrator.revisions.version_folder import version_files
from migrator.revisions.version_text import docstring_safe


@dataclass(frozen=True)
class ResetRequest:
    """How to start over. With `files_only` no database is looked at; `upgrade` applies the new revision."""

    message: str = "initial"
    rev_id: str | None = None
    files_only: bool = False
    upgrade: bool = False
    dry_run: bool = False


def reset_versions(
    workspace: Workspace, request: ResetRequest, consent: Consent, report: Report
) -> VersionsReset:
    """Archive the version files and write one revision that creates every table of the models.

    Raises RefusedError where the database already has a revision, another environment uses the folder, or a
    protected environment was not confirmed. Whatever is raised, the files are as they were; except where an
    upgrade failed after the new revision had come into the database, as the error then says.
    """
    check_rev_id(request.rev_id)
    folders = version_folders(workspace.environment)
    refuse_empty(folders, workspace)
    if not request.files_only:
        refuse_shared_folder(workspace, "When no database of either has a revision, add --files-only.")
    if not request.dry_run:
        require_consent(workspace, "start its history over", consent)
    with draft_folders(workspace, folders) as draft:
        archives = archives_of(folders)
        result = _draft(workspace, request, draft, moved_to(folders, archives, workspace), report)
        if request.dry_run:
            return result
        failed = None
        with swapped(draft, archives):
            if request.upgrade:
                result, failed = _upgrade(workspace, result, report)
        if failed is not None:
            raise _kept(failed, result) from failed
    return result


def archives_of(folders: Sequence[Path]) -> list[Path]:
    """Give an archive for each folder; several folders may have one parent, and then one place to go to."""
    now = datetime.now(UTC)
    if len(folders) == 1:
        return [new_archive(folders[0], now)]
    return [new_archive(folder, now) / folder.name for folder in folders]


def _upgrade(
    workspace: Workspace, result: VersionsReset, report: Report
) -> tuple[VersionsReset, RunError | None]:
    """Apply the new revision. Gives the error with which a run ended whose revision is in the database.

    Raises every other error, after which the new files must go.
    """
    try:
        # Whoever was to be asked has been asked already.
        done = upgrade(workspace, UpgradeRequest(target="head"), Consent(yes=True), report)
        return replace(result, upgraded=done if isinstance(done, RunResult) else None), None
    except RunError as exc:
        if _new_revision(result) in (exc.result.after or ()):
            return replace(result, upgraded=exc.result), exc
        raise _taken_back(exc, workspace, result) from exc


def _new_revision(result: VersionsReset) -> str:
    return result.written.revision if result.written is not None else ""


def _taken_back(exc: RunError, workspace: Workspace, result: VersionsReset) -> RunError:
    # The error's own hint speaks of a file that is about to be taken back.
    again = workspace.again("reset-versions", "--upgrade")
    hint = f"Correct the models or empty the database, then run again: {again}"
    if exc.result.after is None and result.written is not None:
        new = _new_revision(result)
        rewrite = workspace.again("reset-versions", "--files-only", "--rev-id", new)
        hint = (
            f"Ask the database with: {workspace.again('current')}. Where it is at {new}, the file"
            f" {result.written.path} has to come back and the old ones into {result.archive}: {rewrite};"
            f" where it is not: {again}"
        )
    return files_back(exc, hint)


def files_back(exc: RunError, hint: str) -> RunError:
    """Say of a run that did not end well that it has left the version files as they were."""
    return type(exc)(f"{exc.message} Every version file is back where it was.", exc.result, hint=hint)


def _kept(exc: RunError, result: VersionsReset) -> RunError:
    """Say that the new files stay: without them the database would be at a revision that nobody has."""
    return type(exc)(
        f"{exc.message} The database has {_new_revision(result)}, so the new file stays; the old ones are in"
        f" {result.archive}.",
        exc.result,
        hint=exc.hint,
    )


def refuse_empty(folders: Sequence[Path], workspace: Workspace) -> None:
    """Refuse to start over from nothing. Raises RevisionsError."""
    if not any(path for folder in folders for path in version_files(folder)):
        raise RevisionsError(
            f"The environment {workspace.environment.name} has no revisions to start over from.",
            hint='Write the first one: migrator generate -m "initial"',
        )


def refuse_shared_folder(workspace: Workspace, hint: str) -> None:
    """Refuse folders that are another environment's history as well. Raises RefusedError."""
    for other in workspace.others:
        shared = shared_folder(workspace.environment, other)
        if shared is not None:
            raise RefusedError(
                f"The folder {workspace.environment.shown(shared)} is also the history of {other.name}.",
                effect=Effect.NOTHING_CHANGED,
                hint=hint,
            )


def _draft(
    workspace: Workspace, request: ResetRequest, draft: Draft, archive: str, report: Report
) -> VersionsReset:
    """Write the new revision into the draft, with the old files out of Alembic's sight."""
    # An SQLite file that is not there yet has no revision, and must not be made by looking into it.
    unseen = request.files_only or (workspace.resolves_url and is_missing_file(workspace.database.url))
    needs = Needs(writes=False, offline=unseen)
    command = ["revision", "--autogenerate"]
    unread = io.StringIO()
    reached = _with_some_database(workspace) if request.files_only else workspace
    with database_session(reached, command, report, needs, folders=draft.copies, output=unread) as session:
        if not unseen:
            _refuse_used(session)
        comparison = Comparison(
            session,
            message=docstring_safe(request.message),
            rev_id=request.rev_id,
            version_path=str(draft.copies[0]),
        )
        tables = comparison.create_all()
        with translated(workspace), atomic_writing(session.scripts, workspace):
            (script,) = comparison.write()
        written = written_info(script, workspace)
    old = [path for folder in draft.real for path in version_files(folder)]
    return VersionsReset(
        archived=tuple(workspace.environment.shown(path) for path in old),
        archive=archive,
        written=replace(written, path=draft.in_place(written.path)),
        tables=tables,
        dry_run=request.dry_run,
        upgrades=request.upgrade,
    )


def _with_some_database(workspace: Workspace) -> Workspace:
    """Name a database where none is named: only its kind plays a part in what is written offline."""
    choice = workspace.choice
    if not workspace.resolves_url or choice.url or names_database(workspace.environment, choice.process):
        return workspace
    return replace(workspace, choice=replace(choice, url="postgresql://"))


def moved_to(folders: Sequence[Path], archives: Sequence[Path], workspace: Workspace) -> str:
    """Name each new folder in an `archive` once, whether it is itself a version folder or holds several."""
    tops = [
        archive_folder(folder) / archive.relative_to(archive_folder(folder)).parts[0]
        for folder, archive in zip(folders, archives, strict=True)
    ]
    return ", ".join(workspace.environment.shown(top) for top in dict.fromkeys(tops))


def _refuse_used(session: Session) -> None:
    heads = session.read_heads()
    if heads:
        environment = session.workspace.environment
        raise RefusedError(
            f"The database of {environment.name} is at {', '.join(heads)}, and these files are its history.",
            effect=Effect.NOTHING_CHANGED,
            hint="Start over with a new, empty database; keep this one with `migrator squash --to head"
            " --new-id`, which proves that the new revision makes the same; or reset the files alone with"
            " --files-only.",
        )
