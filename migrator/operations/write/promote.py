"""`migrator promote`: takes tested revisions from one environment's folder to another's, with proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic.script import ScriptDirectory

from migrator.bridge.env_py.session import file_session
from migrator.bridge.revision_files.loading import folders_of
from migrator.bridge.revision_files.plan import applied_revisions
from migrator.config.folders import shared_folder, version_folders
from migrator.config.select import Workspace
from migrator.errors import Effect, MigratorError, RefusedError, RevisionsError
from migrator.operations.judge.lint_command import LintRequest, lint
from migrator.operations.judge.two_environments import SECONDS, compare_histories, why_silent
from migrator.operations.judge.verify import VerifyRequest, verify
from migrator.operations.look.status import statuses
from migrator.operations.write.draft_folders import Draft, drafted
from migrator.operations.write.promotion_plan import PROMOTED, Promotion, origin_line, plan_promotion
from migrator.results.events import Report
from migrator.results.written import Promoted, WrittenRevision
from migrator.revisions.file_changes import Write, changed_files
from migrator.revisions.rewriting import NewHeader, label_docstring, rewrite_header


@dataclass(frozen=True)
class PromoteRequest:
    """What to promote: the named revisions with what they need, or all that is lacking.

    `untested` takes what the source's database has not applied.
    """

    revisions: tuple[str, ...] = ()
    untested: bool = False
    dry_run: bool = False
    fresh: bool = False


def promote(source: Workspace, target: Workspace, request: PromoteRequest, report: Report) -> Promoted:
    """Write into the target's folder what it lacks of the source's, once it is proved on scratch databases.

    All is judged, run up, down and up, and compared in copies of the folder. Whatever is raised, the folder
    is as it was. Raises RefusedError for what the source has not applied, what does not verify or has lint
    errors, and where the schemas are not equal; RevisionsError; and as `lint` and `verify` do.
    """
    _refuse_one_folder(source, target)
    mine, theirs = (file_session(each, ["heads"], new_folder=True).scripts for each in (source, target))
    promotion = plan_promotion(source, target, (mine, theirs), request.revisions)
    names = source.environment.name, target.environment.name
    if not promotion.moved:
        return Promoted(*names, dry_run=request.dry_run, notes=promotion.notes)
    notes = [*promotion.notes, *_tested(source, mine, promotion, request)]
    folder = _folder_for(target, theirs, promotion)
    files = _moved_files(promotion, folder, source, target)
    with drafted(target) as draft:
        _put(draft, files)
        _prove(source, draft, files, promotion, request, report)
    if not request.dry_run:
        with changed_files([Write(file.path, file.content) for file in files]):
            pass
    written = tuple(file.result for file in files)
    return Promoted(*names, written, promotion.whole, request.dry_run, tuple(notes))


def _refuse_one_folder(source: Workspace, target: Workspace) -> None:
    shared = shared_folder(source.environment, target.environment)
    if shared is not None:
        raise RefusedError(
            f"{source.environment.name} and {target.environment.name} have one version folder,"
            f" {source.environment.shown(shared)}: there is nothing to promote.",
            hint=f"What one has the other has too: {target.again('upgrade')}",
        )


def _tested(
    source: Workspace, scripts: ScriptDirectory, promotion: Promotion, request: PromoteRequest
) -> list[str]:
    """See that the source's database has applied what is promoted; gives a note where it cannot be asked."""
    if request.untested:
        return ["Whether the source's database has applied it was not asked (--untested)."]
    (status,) = statuses([source], source.environment.name, SECONDS)
    why = why_silent(status)
    if why is not None:
        return [f"Whether {source.environment.name} has applied it could not be asked: {why.rstrip('.')}."]
    applied = applied_revisions(scripts, status.current)
    lacking = [each.script.revision for each in promotion.moved if each.script.revision not in applied]
    if lacking:
        raise RefusedError(
            f"The database of {source.environment.name} has not applied {', '.join(lacking)}.",
            effect=Effect.NOTHING_WRITTEN,
            hint=f"Test it first: {source.again('upgrade')}; or take it as it is: --untested",
        )
    return []


def _put(draft: Draft, files: Sequence[_NewFile]) -> None:
    for file in files:
        copy = draft.copy_of(file.path)
        if copy.exists():
            shown = draft.workspace.environment.shown(file.path)
            raise RevisionsError(
                f"The file {shown} exists already.",
                effect=Effect.NOTHING_WRITTEN,
                hint="Rename one of the two: its name plays no part.",
            )
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.content)


def _prove(
    source: Workspace,
    draft: Draft,
    files: Sequence[_NewFile],
    promotion: Promotion,
    request: PromoteRequest,
    report: Report,
) -> None:
    """Judge the new files, run them up, down and up, and compare the schemas where all was promoted."""
    target, ids = draft.workspace, tuple(file.result.revision for file in files)
    judged = lint(target, LintRequest(ids, request.fresh), report)
    errors = [each for each in judged.findings if each.severity == "error" and each.excused_by is None]
    if errors:
        said = "; ".join(f"{each.file}:{each.line}: {each.message} [{each.rule}]" for each in errors)
        hint = f"See what to write instead: {source.again('lint', *ids)}"
        raise _refused(target, f"lint finds errors: {draft.in_place(said)}", hint)
    verified = verify(
        target, report, VerifyRequest(promotion.head or "base", None, request.fresh, models=False)
    )
    faults = [f"the {each.phase} of {each.revision} fails: {each.cause}" for each in verified.failed]
    faults += [
        f"the {each.phase} of {each.revision} does not give back what was there:"
        f" {'; '.join(d.describe('before', 'after') for d in each.differences)}"
        for each in verified.unlike
    ]
    if faults:
        raise _refused(target, draft.in_place("; ".join(faults)), f"See: {source.again('verify')}")
    if promotion.whole and (unlike := compare_histories(source, target, report, fresh=request.fresh)):
        names = source.environment.name, target.environment.name
        said = "; ".join(each.describe(*names) for each in unlike)
        raise _refused(
            target,
            f"the schemas would not be equal: {said}",
            "See: migrator diff; a part of a history is promoted by naming its revisions.",
        )


def _refused(target: Workspace, why: str, hint: str) -> MigratorError:
    return RefusedError(f"Nothing was promoted to {target.environment.name}: {why.rstrip('.')}.", hint=hint)


@dataclass(frozen=True)
class _NewFile:
    """A file that is to be written, by its path in the target's folder."""

    path: Path
    content: bytes
    result: WrittenRevision


def _folder_for(target: Workspace, scripts: ScriptDirectory, promotion: Promotion) -> Path:
    """Give the folder for the new files: that of the target's head, else the first one."""
    if promotion.head is None:
        return version_folders(target.environment)[0]
    path = Path(scripts.get_revision(promotion.head).path)
    real = {folder.resolve(): folder for folder in folders_of(scripts)}
    return next((real[each] for each in path.resolve().parents if each in real), path.parent)


def _moved_files(promotion: Promotion, folder: Path, source: Workspace, target: Workspace) -> list[_NewFile]:
    """Give the files as they will be in the target's folder. Raises RevisionsError."""
    files = []
    for moved in promotion.moved:
        script, path = moved.script, Path(moved.script.path)
        above = moved.down_revisions
        down: str | tuple[str, ...] | None = above[0] if len(above) == 1 else above or None
        new_header = NewHeader(down_revision=down)
        if script.dependencies:
            new_header["depends_on"] = moved.depends_on
        content = rewrite_header(path.read_bytes(), path, new_header)
        content = label_docstring(content, path, PROMOTED, origin_line(script, source.environment.name))
        message = " ".join(script.doc.split())
        new = folder / path.name
        result = WrittenRevision(script.revision, above, message, target.environment.shown(new))
        files.append(_NewFile(new, content, result))
    return files
