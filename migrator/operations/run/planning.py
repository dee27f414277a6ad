"""Plans a run: what the databases are, what is to be done to them, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from migrator.bridge.env_py.session import Session
from migrator.bridge.revision_files.plan import Heads, PlanFunction, PlannedStep, planned, script_of
from migrator.bridge.tenant_cache import cached
from migrator.config.url import address
from migrator.database.kinds.postgresql import drop_index
from migrator.errors import Effect, RefusedError, RevisionsError
from migrator.operations.command_requests import ChangeRequest, StampRequest, UpgradeRequest
from migrator.operations.position.examine import (
    Examined,
    edited_revisions,
    examine,
    refuse_log_table,
    refuse_other_database,
    refuse_unknown_tables,
)
from migrator.operations.position.position import ahead_by, refuse_unknown
from migrator.operations.run.losses import with_losses
from migrator.results.events import Direction, Noticed, Report
from migrator.results.run import Loss, RunPlan, Step
from migrator.revisions.directives import Directives, directives
from migrator.revisions.plain_function import only_operations


@dataclass(frozen=True)
class Run:
    """What is to be run: what was asked for, the targets, and the plan towards them.

    With `expected` it begins at these revisions or not at all.
    """

    request: ChangeRequest
    targets: tuple[str, ...]
    plan: PlanFunction
    expected: frozenset[str] | None = None

    @property
    def direction(self) -> Direction:
        """Which of the three commands it is."""
        return self.request.verb

    @property
    def purge(self) -> bool:
        """Whether the version table is emptied first; it may then be at revisions that no file has."""
        return isinstance(self.request, StampRequest) and self.request.purge

    def environment_options(self) -> dict[str, Any]:
        """Give what env.py may ask Alembic for, in the form that Alembic's own commands give it."""
        one = self.direction != "stamp"
        return {"destination_rev": self.targets[0] if one else self.targets, "tag": self.request.tag}


@dataclass(frozen=True)
class PreparedRun:
    """The databases of a run, and the plan over all of them. `ahead` is None unless they may be so."""

    examined: tuple[Examined, ...]
    plan: RunPlan
    ahead: int | None = None


class RunPlanner:
    """Plans a run, again whenever the databases change before it begins."""

    def __init__(self, session: Session, run: Run, report: Report) -> None:
        self._session = session
        self._run = run
        self._report = report
        self._directives: dict[str, Directives] = {}
        self._notes: dict[str, None] = {}

    def prepare(self) -> PreparedRun:
        """Look at the databases and plan the run.

        Raises RefusedError for another environment's database, for one that is not where it is expected, and
        for files that were edited after a protected environment had applied them; ConfigurationError for a
        log_table that cannot be one; RevisionsError; and what `Session.run` raises.
        """
        options, ahead = self._run.environment_options(), None
        try:
            examined = examine(self._session, self.steps, self._with_losses, **options)
        except RevisionsError as exc:
            # The database is asked once more: whose it is goes before what its revisions say.
            examined = examine(self._session, **options)
            self._refuse_others(examined)
            ahead = self._ahead(examined, exc)
            if ahead is None:
                raise
        else:
            self._refuse_others(examined)
        self._refuse_moved(examined)
        self._warn(examined)
        return PreparedRun(examined, self._plan(examined), ahead)

    def steps(self, heads: tuple[str, ...]) -> list[PlannedStep]:
        """Give the steps from `heads`, having read what each asks for. Raises RevisionsError."""
        before = () if self._run.purge else heads
        refuse_unknown(self._session, before)
        steps = planned(self._run.plan, before, self._session.workspace)
        for step in steps:
            self.asked(step)
        return steps

    def asked(self, step: PlannedStep) -> Directives:
        """Give what a step's file asks for itself. Raises RevisionsError where it cannot be read."""
        script = script_of(step)
        if script is None:
            return Directives()
        if script.path not in self._directives:
            shown = self._session.workspace.environment.shown(script.path)
            path = Path(script.path)
            self._directives[script.path] = cached((directives, path), lambda: directives(path, shown))
        return self._directives[script.path]

    def may_hold(self, step: PlannedStep) -> bool:
        """Whether the statements of a step may be sent together: nothing can come of them before the last."""
        script = script_of(step)
        if script is None or not self._session.workspace.environment.settings.hold_statements:
            return False
        source = Path(script.path).read_bytes()
        function = "upgrade" if step.is_upgrade else "downgrade"
        return cached((only_operations, source, function), lambda: only_operations(source, function))

    def _refuse_others(self, examined: Iterable[Examined]) -> None:
        # To stamp it with a revision says that it is ours, and has the schema.
        adopts = self._run.direction == "stamp" and self._run.targets != ("base",)
        for each in examined:
            refuse_other_database(self._session.workspace, each)
            if not adopts:
                refuse_unknown_tables(self._session.workspace, each)
            refuse_log_table(self._session.workspace, each.found)

    def _refuse_moved(self, examined: Iterable[Examined]) -> None:
        expected = self._run.expected
        for each in examined:
            if expected is not None and set(each.found.heads) != expected:
                now, before = ", ".join(each.found.heads) or "base", ", ".join(sorted(expected))
                raise RefusedError(
                    f"The database is at {now} now, and no longer at {before}.",
                    effect=Effect.NOTHING_DONE,
                    hint="Another run has changed it: run this again.",
                )

    def _ahead(self, examined: tuple[Examined, ...], exc: RevisionsError) -> int | None:
        request = self._run.request
        if not isinstance(request, UpgradeRequest):
            return None
        count = max((ahead_by(self._session, each) or 0 for each in examined), default=0)
        if not count:
            return None
        what = f"The database is ahead of this checkout by {count} revision{'s' if count > 1 else ''}"
        if not request.allow_ahead:
            raise RevisionsError(
                f"{what} (it is at {', '.join(examined[0].found.heads)}): a newer version has been deployed.",
                hint="There is nothing to upgrade. If an older version is meant to run on it: --allow-ahead",
            ) from exc
        self._notice(f"{what}.")
        return count

    def _warn(self, examined: Iterable[Examined]) -> None:
        for each in examined:
            edited = edited_revisions(self._session, each) if self._run.direction == "upgrade" else ()
            if edited:
                self._edited(edited)
            for index in each.found.facts.invalid_indexes:
                self._notice(
                    f"The index {index} is INVALID: a concurrent build of it was broken off. Remove it:"
                    f" {drop_index(index)}"
                )

    def _edited(self, edited: tuple[str, ...]) -> None:
        workspace = self._session.workspace
        what = f"Edited after they had been applied: {', '.join(edited)}"
        accept = workspace.again("mark", *(word for each in edited for word in ("--accept", each)))
        if workspace.environment.protected and not self._run.request.dry_run:
            raise RefusedError(
                f"{what}. The database of {workspace.environment.name} is not what these files say.",
                effect=Effect.NOTHING_DONE,
                hint=f"Bring the files back as they were, or accept them as they are: {accept}",
            )
        self._notice(f"{what}. To accept the files as they are: {accept}")

    def _notice(self, text: str) -> None:
        if text not in self._notes:
            self._notes[text] = None
            self._report(Noticed(text))

    def _plan(self, examined: tuple[Examined, ...]) -> RunPlan:
        url = self._session.connected_to
        heads = dict.fromkeys(head for each in examined for head in each.found.heads)
        return RunPlan(
            direction=self._run.direction,
            target=", ".join(self._run.targets),
            database=address(url) if url is not None else "",
            before=tuple(heads),
            steps=tuple(step for each in examined for step in each.steps),
            notes=tuple(self._notes),
            losses=tuple(loss for each in examined for loss in each.losses),
        )

    def _with_losses(
        self, connection: Connection, heads: Heads, steps: tuple[Step, ...]
    ) -> tuple[tuple[Step, ...], tuple[Loss, ...]]:
        workspace = self._session.workspace
        if not (heads or self._run.request.dry_run or workspace.environment.protected):
            # A whole history destroys nothing, and reading it takes time.
            return steps, ()
        return with_losses(workspace, self._run.direction, heads, steps, connection)
