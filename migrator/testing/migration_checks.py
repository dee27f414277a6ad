"""The checks: each gives what is wrong with an environment, in lines, and nothing where all is well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from migrator.bridge.revision_files.loading_errors import several_heads
from migrator.config.select import Workspace
from migrator.errors import RevisionsError
from migrator.plain import How, lines
from migrator.plain.judged_lines import finding_lines, wrong_lines
from migrator.results.events import ignore
from migrator.scratch import scratch


@dataclass(frozen=True)
class MigrationCheck:
    """One check. `wrong` raises what the command line reports as an error."""

    wrong: Callable[[Workspace], Iterable[str]]
    needs_scratch: bool = True


def _one_head(workspace: Workspace) -> Iterator[str]:
    from migrator.operations.look.revision_listing import heads

    found = heads(workspace).revisions
    if len(found) > 1:
        root = workspace.environment.root
        files: dict[str, Path | None] = {each.revision: root / each.path for each in found}
        several = several_heads(files, workspace)
        raise RevisionsError(several.message, hint=several.hint)
    yield from ()


def _upgrade_from_base(workspace: Workspace) -> Iterator[str]:
    # Afresh: a template would only show that it ran once.
    with scratch(workspace, ignore, fresh=True) as place, place.at("heads"):
        yield from ()


def _up_down_up(workspace: Workspace) -> Iterator[str]:
    from migrator.operations.judge.verify import VerifyRequest, verify

    found = verify(workspace, ignore, VerifyRequest(models=False))
    if not found.ok:
        yield from wrong_lines(found)
        yield f"again: {workspace.again('verify')}"


def _models_equal_history(workspace: Workspace) -> Iterator[str]:
    from migrator.operations.judge.check import check

    result = check(workspace, ignore, "history")
    # That there are several heads is for another check to say.
    if result.changes or "models" not in result.compared:
        yield from lines(result, How(environment=workspace.environment.name))
        yield f"again: {workspace.again('check', '--against', 'history')}"


def _no_destructive_change(workspace: Workspace) -> Iterator[str]:
    from migrator.operations.judge.lint_command import losses

    for finding in losses(workspace, ignore):
        if finding.severity == "error" and finding.excused_by is None:
            yield from finding_lines(finding)


# In the order in which they run: the cheapest first.
CHECKS = {
    "one_head": MigrationCheck(_one_head, needs_scratch=False),
    "upgrade_from_base": MigrationCheck(_upgrade_from_base),
    "up_down_up": MigrationCheck(_up_down_up),
    "models_equal_history": MigrationCheck(_models_equal_history),
    "no_destructive_change": MigrationCheck(_no_destructive_change),
}
