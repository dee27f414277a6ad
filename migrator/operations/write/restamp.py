"""`migrator reset-versions --restamp`: one revision in the place of a history that a database has applied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from migrator.bridge.env_py.session import Needs, Session, database_session
from migrator.bridge.revision_files.plan import stamp_plan
from migrator.config.folders import version_folders
from migrator.config.select import Workspace
from migrator.errors import RefusedError, RevisionsError
from migrator.operations.position.position import refuse_unknown
from migrator.operations.run.consent import Consent, require_consent
from migrator.operations.run.execute import RunTerms, execute
from migrator.operations.run.run_account import Run
from migrator.operations.write.collapse import Collapse, collapse
from migrator.operations.write.draft_folders import Draft, draft_folders, swapped
from migrator.operations.write.generate import check_rev_id
from migrator.operations.write.reset_versions import (
    archives_of,
    moved_to,
    refuse_empty,
    refuse_shared_folder,
)
from migrator.results.events import Report
from migrator.results.run import RunResult
from migrator.results.run_errors import RunError
from migrator.results.written import VersionsReset
from migrator.revisions.headers import version_files


@dataclass(frozen=True)
class RestampRequest:
    """How to start over with a database that is in use; see `Collapse`."""

    message: str = "initial"
    rev_id: str | None = None
    rows: bool = True
    fresh: bool = False
    dry_run: bool = False


def restamp(workspace: Workspace, request: RestampRequest, consent: Consent, report: Report) -> VersionsReset:
    """Put one revision in the place of all, prove on scratch that it makes the same, and stamp the database.

    The database must be at the heads. The files are archived while the version table is written, in one
    transaction with its log row; whatever is raised, both are as they were. Raises RefusedError,
    RevisionsError, and as `collapse` and `execute` do.
    """
    check_rev_id(request.rev_id)
    folders = version_folders(workspace.environment)
    refuse_empty(folders, workspace)
    refuse_shared_folder(folders, workspace)
    heads, files = _standing(workspace, report)
    if not request.dry_run:
        require_consent(workspace, "start its history over", consent)
    with draft_folders(folders) as drafts:
        draft = Draft(workspace, folders, tuple(drafts))
        wanted = Collapse(
            ("heads",), files, request.message, request.rev_id, rows=request.rows, fresh=request.fresh
        )
        made = collapse(workspace, draft, wanted, report)
        archives = archives_of(folders)
        old = [path for folder in folders for path in version_files(folder)]
        result = VersionsReset(
            archived=tuple(workspace.environment.shown(path) for path in old),
            archive=", ".join(moved_to(folders, archives, workspace)),
            written=made.written,
            tables=made.tables,
            dry_run=request.dry_run,
            restamps=True,
        )
        if request.dry_run:
            return result
        with swapped(folders, drafts, archives):
            stamped = _stamp(workspace, made.written.revision, heads, report)
    return replace(result, stamped=stamped)


def _standing(workspace: Workspace, report: Report) -> tuple[frozenset[str], tuple[Path, ...]]:
    """Give where the database is, which must be at the heads, and the files that brought it there."""
    needs = Needs(writes=False, models=False)
    with database_session(workspace, ["current"], report, needs) as session:
        heads = session.read_heads()
        refuse_unknown(session, heads)
        _require_heads(session, heads)
        return frozenset(heads), tuple(Path(each.path) for each in session.scripts.walk_revisions())


def _require_heads(session: Session, heads: tuple[str, ...]) -> None:
    name, wanted = session.workspace.environment.name, set(session.scripts.get_revisions("heads"))
    if not heads:
        raise RevisionsError(
            f"The database of {name} has no revision, so that nothing is to be stamped; nothing was changed.",
            hint=f"Start over without --restamp: {session.workspace.again('reset-versions')}",
        )
    if {script.revision for script in wanted if script is not None} != set(heads):
        raise RevisionsError(
            f"The database of {name} is at {', '.join(heads)}, and not at the newest revision; nothing was"
            " changed.",
            hint=f"Upgrade it first: {session.workspace.again('upgrade', 'heads')}",
        )


def _stamp(workspace: Workspace, revision: str, expected: frozenset[str], report: Report) -> RunResult:
    """Stamp the database through the spine. Raises RefusedError where it has moved meanwhile."""
    # Whoever was to be asked has been asked already.
    terms = RunTerms(Consent(confirm=workspace.environment.name, yes=True))
    with database_session(workspace, ["stamp", revision], report, Needs(models=False)) as session:
        run = Run(
            "stamp", (revision,), stamp_plan(session.scripts, [revision]), purge=True, expected=expected
        )
        try:
            done = execute(session, run, terms, report)
        except RunError as exc:
            raise type(exc)(
                f"{exc.message} Every version file is back where it was.", exc.result, hint=exc.hint
            ) from exc
    if not isinstance(done, RunResult):
        raise RefusedError("The database was not stamped.")
    return done
