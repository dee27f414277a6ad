"""`migrator rebase`: moves a branch that no database has yet on top of another head."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from alembic.script import Script, ScriptDirectory

from migrator.bridge.revision_files.loading import down_revisions, own_labels, scripts_of, translated
from migrator.bridge.revision_files.plan import dependencies, stands_on
from migrator.config.select import Workspace
from migrator.errors import Effect, RevisionsError
from migrator.results.written import Rebased
from migrator.revisions.file_changes import Rewrite, changed_files
from migrator.revisions.graph import reached
from migrator.revisions.headers import read_source
from migrator.revisions.rewriting import NewHeader, rewrite_header


class _BranchSearch:
    def __init__(self, scripts: ScriptDirectory, workspace: Workspace) -> None:
        self._scripts = scripts
        self._workspace = workspace
        self._all = {script.revision: script for script in scripts.walk_revisions()}
        self._before = {revision: down_revisions(script) for revision, script in self._all.items()}

    def run(self, said: str, onto: str | None) -> tuple[list[Script], str]:
        """Give the branch that `said` is on, oldest first, and the head that it is to come after.

        The branch goes from where it parts from the others up to its head. `onto` is another head, and need
        not be said where there is only one other. Raises RevisionsError where there is no such branch or
        head, and where the branch cannot be moved without changing what it means.
        """
        heads = sorted(self._scripts.get_heads())
        if len(heads) < 2:
            name = self._workspace.environment.name
            what = f"one head, {heads[0]}" if heads else "no revisions"
            raise self._refused(f"The environment {name} has {what}: there is nothing to rebase", "history")
        head = self._head_of(self._one(said).revision, heads)
        target = self._target(head, heads, onto)
        shared = self._up_to(each for each in heads if each != head)
        branch = self._up_to([head]) - shared
        moved = [self._all[each] for each in reversed(list(self._all)) if each in branch]
        self._refuse_merges(moved)
        before_target = self._up_to([target])
        self._refuse_other_ground(moved[0], before_target)
        beside = [self._all[each] for each in before_target - self._up_to([head])]
        self._refuse_labels([*moved, *beside])
        self._refuse_dependents(target, branch)
        return moved, target

    def _one(self, said: str) -> Script:
        with translated(self._workspace):
            script = self._scripts.get_revision(said)
        if script is None:
            raise self._refused(f"{said} names no revision", "heads")
        return script

    def _head_of(self, revision: str, heads: list[str]) -> str:
        above = [head for head in heads if revision in self._up_to([head])]
        if len(above) > 1:
            raise self._refused(
                f"{revision} is not on a branch: {' and '.join(above)} come after it", "branches"
            )
        return above[0]

    def _target(self, head: str, heads: list[str], onto: str | None) -> str:
        others = [each for each in heads if each != head]
        if onto is None and len(others) > 1:
            raise RevisionsError(
                f"There are {len(others)} other heads that {head} could come after: {', '.join(others)}.",
                hint=f"Name one: {self._workspace.again('rebase', head, '--onto', others[0])}",
            )
        target = others[0] if onto is None else self._one(onto).revision
        if target not in others:
            why = f"the head of the branch of {head} itself" if target == head else "no head"
            raise self._refused(f"{target} is {why}, so that nothing can be put on top of it", "heads")
        return target

    def _up_to(self, revisions: Iterable[str]) -> set[str]:
        """Give revisions and all that they come after."""
        return reached(revisions, self._before.__getitem__)

    def _refuse_merges(self, moved: list[Script]) -> None:
        for script in moved:
            if len(down_revisions(script)) > 1:
                raise self._refused(
                    f"{script.revision} is a merge of {', '.join(down_revisions(script))}, and a branch with"
                    " a merge in it is not moved",
                    "branches",
                )

    def _refuse_other_ground(self, first: Script, before_target: set[str]) -> None:
        for ground in down_revisions(first):
            if ground not in before_target:
                raise self._refused(
                    f"{first.revision} stands on {ground}, which is not below the head that it would be put"
                    " on, and another head stands on it too",
                    "branches",
                )

    def _refuse_labels(self, scripts: Iterable[Script]) -> None:
        # A label holds for what comes after it, and for what comes before it up to where branches part.
        for script in scripts:
            if label := ", ".join(own_labels(script)):
                raise self._refused(
                    f"{script.revision} has the branch label {label}, which would come to mean both branches",
                    "branches",
                )

    def _refuse_dependents(self, target: str, branch: set[str]) -> None:
        def needs(revision: str) -> tuple[str, ...]:
            return stands_on(self._scripts, self._all[revision])

        for revision in sorted(reached([target], needs)):
            for needed in branch.intersection(dependencies(self._scripts, self._all[revision])):
                raise self._refused(
                    f"{revision}, below {target}, depends on {needed}, which would then come after it",
                    "history",
                )

    def _refused(self, message: str, look: str) -> RevisionsError:
        return RevisionsError(f"{message}.", hint=f"Look at it with: {self._workspace.again(look)}")


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
    scripts = scripts_of(workspace)
    branch, onto = _BranchSearch(scripts, workspace).run(request.revision, request.onto)
    first, revisions = branch[0], tuple(script.revision for script in branch)
    path = Path(first.path)
    content = rewrite_header(read_source(path), path, NewHeader(down_revision=onto))
    if not request.unapplied:
        # Imported here: it is all that needs SQLAlchemy.
        from migrator.operations.write.applied_anywhere import require_unapplied

        require_unapplied(workspace, scripts, revisions)
    if not request.dry_run:
        with changed_files([Rewrite(path, content)]):
            _check(workspace, revisions, onto)
    return Rebased(
        revisions=revisions,
        onto=onto,
        before=down_revisions(first),
        path=workspace.environment.shown(path),
        dry_run=request.dry_run,
    )


def _check(workspace: Workspace, revisions: tuple[str, ...], onto: str) -> None:
    """See that Alembic finds the branch where it was put. Raises RevisionsError."""
    heads = scripts_of(workspace).get_heads()
    if onto in heads or revisions[-1] not in heads:
        raise RevisionsError(
            f"With {revisions[0]} after {onto} the heads would be {', '.join(heads)}.",
            effect=Effect.NOTHING_CHANGED,
            hint=f"Join the heads instead: {workspace.again('merge', 'heads', '-m', 'merge')}",
        )
