"""`migrator rebase`: moves a branch that no database has yet on top of another head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from migrator.bridge.revision_files.files import load_version_files
from migrator.bridge.revision_files.loading import down_revisions
from migrator.config.select import Workspace
from migrator.errors import RevisionsError
from migrator.operations.write.moved_branch import MovedBranch, find_branch
from migrator.results.written import Rebased
from migrator.revisions.file_changes import Rewrite, changed_files
from migrator.revisions.rewriting import NewHeader, rewrite_header


@dataclass(frozen=True)
class RebaseRequest:
    """What to move: the branch of `revision`, onto the other head, or onto the head `onto`.

    With `unapplied` no database is asked whether it has the branch.
    """

    revision: str
    onto: str | None = None
    unapplied: bool = False
    dry_run: bool = False


def rebase(workspace: Workspace, request: RebaseRequest) -> Rebased:
    """Let the first revision of a branch come after another head; only its file changes.

    Raises RevisionsError where that cannot be, RefusedError where a database has a revision of the branch or
    cannot be asked, ConfigurationError where the file cannot be written. Then nothing has changed.
    """
    scripts = load_version_files(workspace)
    branch = find_branch(scripts, workspace, request.revision, request.onto)
    path = Path(branch.first.path)
    change = Rewrite(path, _rewritten(path, branch))
    if not request.unapplied:
        # Imported here: it is all that needs SQLAlchemy.
        from migrator.operations.write.applied_anywhere import require_unapplied

        require_unapplied(workspace, scripts, branch.revisions)
    if not request.dry_run:
        with changed_files([change]):
            _check(workspace, branch)
    return Rebased(
        revisions=branch.revisions,
        onto=branch.onto,
        before=down_revisions(branch.first),
        path=workspace.environment.shown(path),
        dry_run=request.dry_run,
    )


def _rewritten(path: Path, branch: MovedBranch) -> bytes:
    try:
        source = path.read_bytes()
    except OSError as exc:
        raise RevisionsError(
            f"The version file {path} cannot be read: {exc.strerror}.",
            hint="Check that the file exists and that you may read it.",
        ) from exc
    return rewrite_header(source, path, NewHeader(down_revision=branch.onto))


def _check(workspace: Workspace, branch: MovedBranch) -> None:
    """See that Alembic finds the branch where it was put. Raises RevisionsError."""
    scripts = load_version_files(workspace)
    heads = scripts.get_heads()
    if branch.onto in heads or branch.revisions[-1] not in heads:
        raise RevisionsError(
            f"With {branch.first.revision} after {branch.onto} the heads would be {', '.join(heads)};"
            " nothing was changed.",
            hint=f"Join the heads instead: {workspace.again('merge', 'heads', '-m', 'merge')}",
        )
