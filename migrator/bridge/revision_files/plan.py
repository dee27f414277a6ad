"""The steps from where a database stands to a target, as Alembic plans them.

Alembic has no public name for its planners; `alembic.command` calls the same methods.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from alembic.runtime.migration import MigrationStep, RevisionStep, StampStep
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError

from migrator.bridge.revision_files.loading import down_revisions
from migrator.config.select import Workspace
from migrator.errors import RevisionsError
from migrator.results.run import Step

Heads = tuple[str, ...]
PlannedStep = RevisionStep | StampStep
PlanFunction = Callable[[Heads], list[PlannedStep]]


def upgrade_plan(scripts: ScriptDirectory, target: str) -> PlanFunction:
    """Give the planner of an upgrade to `target`, which may be relative."""
    return lambda heads: list(scripts._upgrade_revs(target, heads))  # type: ignore[arg-type]


def downgrade_plan(scripts: ScriptDirectory, target: str) -> PlanFunction:
    """Give the planner of a downgrade to `target`, which may be relative."""

    def plan(heads: Heads) -> list[PlannedStep]:
        if not heads and re.fullmatch(r"-\d+", target):
            # At base there is nothing to go back to, and Alembic says so in other words.
            return []
        return list(scripts._downgrade_revs(target, heads))  # type: ignore[arg-type]

    return plan


def way_back(scripts: ScriptDirectory, script: Script) -> RevisionStep:
    """Give the step that takes back a revision whose upgrade was the last step."""
    return MigrationStep.downgrade_from_script(scripts.revision_map, script)


def stamp_plan(scripts: ScriptDirectory, targets: Sequence[str]) -> PlanFunction:
    """Give the planner of a stamp with `targets`."""
    return lambda heads: list(scripts._stamp_revs(tuple(targets), heads))


def planned(plan: PlanFunction, heads: Heads, workspace: Workspace) -> list[PlannedStep]:
    """Run a planner. Raises RevisionsError where a file has no function for the direction."""
    try:
        return plan(heads)
    except AttributeError as exc:
        file = getattr(exc.obj, "__file__", None)
        if file is None or exc.name not in ("upgrade", "downgrade"):
            raise
        raise RevisionsError(
            f"The revision file {workspace.environment.shown(Path(file))} has no function {exc.name}().",
            hint=f"Write it; where there is nothing to do: def {exc.name}(): pass",
        ) from exc


def step_info(step: PlannedStep, workspace: Workspace) -> Step:
    """Give the facts of a step: its revision, or what a stamp moves to."""
    if isinstance(step, RevisionStep):
        script = step.revision
        path = workspace.environment.shown(script.path)
        return Step(script.revision, " ".join((step.doc or "").split()), path)
    moved = step.to_revisions or ("base",)
    return Step(", ".join(moved), "", "")


def script_of(step: PlannedStep) -> Script | None:
    """Give the version file that a step runs; None for one that only stamps."""
    return step.revision if isinstance(step, RevisionStep) else None


def known_script(scripts: ScriptDirectory, revision: str) -> Script | None:
    """Give the version file of exactly that revision, None where there is none."""
    try:
        found = scripts.get_revision(revision)
    except CommandError:
        return None
    return found if found is not None and found.revision == revision else None


def applied_revisions(scripts: ScriptDirectory, heads: Heads) -> set[str]:
    """Give every revision that a database with these heads contains, as far as files tell."""
    found: set[str] = set()
    for head in heads:
        # One by one: Alembic refuses to walk from two of which one contains the other.
        if head not in found and known_script(scripts, head) is not None:
            walked = scripts.revision_map.iterate_revisions(
                head, "base", inclusive=True, implicit_base=True, assert_relative_length=False
            )
            found |= {script.revision for script in walked}
    return found


def stands_on(scripts: ScriptDirectory, script: Script) -> tuple[str, ...]:
    """Give the revisions that a version file comes after or depends on."""
    return (*down_revisions(script), *dependencies(scripts, script))


def dependencies(scripts: ScriptDirectory, script: Script) -> tuple[str, ...]:
    """Give the revisions that a version file depends on, by their ids where it names labels."""
    needed = scripts.get_revisions(script.dependencies) if script.dependencies else ()
    return tuple(each.revision for each in needed if each is not None)


def unknown_revisions(scripts: ScriptDirectory, heads: Heads) -> list[str]:
    """Give those revisions of a database that no file has."""
    return [head for head in heads if known_script(scripts, head) is None]
