"""Runs revisions up, down and up on a scratch database, and looks at its catalogue in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import Script

from migrator.bridge.env_py.connected_database import connection_of
from migrator.bridge.env_py.session import Session
from migrator.bridge.revision_files.loading import down_revisions, translated
from migrator.bridge.revision_files.plan import (
    PlannedStep,
    applied_revisions,
    planned,
    script_of,
    step_info,
    upgrade_plan,
    way_back,
)
from migrator.config.settings import parse_duration
from migrator.database.catalog.objects import Catalog, differences
from migrator.errors import RevisionsError
from migrator.operations.judge.drift import CatalogView
from migrator.results.events import Report, StepFinished, StepStarted
from migrator.results.judged import DoesNotRun, Irreversible, Phase, Unlike
from migrator.results.run import Step
from migrator.revisions.directives import directives, refuses_downgrade
from migrator.scratch import ScratchFailedError


@dataclass
class VerifyFindings:
    """What was found so far, on whatever scratch database.

    `planned` are all revisions that are to be verified, and `done` those that were run up.
    """

    done: dict[str, Script] = field(default_factory=dict)
    clean: list[str] = field(default_factory=list)
    irreversible: list[Irreversible] = field(default_factory=list)
    unlike: list[Unlike] = field(default_factory=list)
    failed: list[DoesNotRun] = field(default_factory=list)
    planned: tuple[str, ...] = ()

    @property
    def heads(self) -> tuple[str, ...]:
        """The newest of the revisions that were run up."""
        below = {down for script in self.done.values() for down in down_revisions(script)}
        return tuple(revision for revision in self.done if revision not in below)

    @property
    def not_verified(self) -> tuple[str, ...]:
        """The revisions that were not come to."""
        begun = {*self.done, *(each.revision for each in self.failed)}
        return tuple(revision for revision in self.planned if revision not in begun)

    def fail(self, step: Step, phase: Phase, error: ScratchFailedError) -> None:
        """Note a revision that does not run."""
        found = DoesNotRun(step.revision, step.message, step.path, phase, error.message, error.hint)
        self.failed.append(found)


class UpDownUp:
    """The steps of one run of env.py, from where its database stands.

    It ends early where the database is not as it should be any more (`spoilt`), and at the revision `seed_at`
    (`wants_rows`).
    """

    def __init__(self, tally: VerifyFindings, report: Report, seed_at: str | None) -> None:
        self._tally = tally
        self._report = report
        self._seed_at = seed_at
        self._phase: Phase = "upgrade"
        self._running: tuple[PlannedStep, Script, Step] | None = None
        self._before = Catalog({})
        self.spoilt = False
        self.wants_rows = False

    def __call__(
        self, session: Session, heads: tuple[str, ...], context: MigrationContext
    ) -> Iterator[PlannedStep]:
        """Give the steps. Raises RevisionsError where a revision is not known."""
        view, connection = CatalogView.of(session.workspace, context), connection_of(context)

        def read() -> Catalog:
            return view.read(connection)

        seed_at = self._seed_revision(session)
        if seed_at is not None and seed_at in applied_revisions(session.scripts, heads):
            self.wants_rows = True
            return
        if self._running is not None and self._phase == "downgrade":
            # Begun again, once a role was made for it.
            yield from self._down_and_up(session, read, read())
            if self.spoilt:
                return
        with translated(session.workspace):
            plan = planned(upgrade_plan(session.scripts, "heads"), heads, session.workspace)
        if not self._tally.planned:
            self._tally.planned = tuple(each.revision for each in map(script_of, plan) if each is not None)
        if plan:
            self._before = read()
        for step in plan:
            yield from self._one(step, session, read)
            if self.spoilt:
                return
            if seed_at is not None and seed_at in self._tally.done:
                self.wants_rows = True
                return

    def failed(self, error: ScratchFailedError) -> bool:
        """Take note of what stopped the steps; gives whether the revisions after it can be run.

        Raises the error where it belongs to no revision.
        """
        if self._running is None or error.step is None:
            raise error
        _, script, step = self._running
        if self._phase == "upgrade":
            self._tally.fail(step, self._phase, error)
            return False
        self._tally.done[step.revision] = script
        if self._phase == "downgrade" and isinstance(error.__cause__, NotImplementedError):
            self._irreversible(step, "downgrade() raises NotImplementedError")
        else:
            self._tally.fail(step, self._phase, error)
        return True

    def _seed_revision(self, session: Session) -> str | None:
        if self._seed_at is None:
            return None
        with translated(session.workspace):
            found = session.scripts.get_revision(self._seed_at)
        if found is None:
            raise RevisionsError(
                f"A seed is loaded at a revision, and {self._seed_at} is none.",
                hint="Name the revision whose tables it is for.",
            )
        return found.revision

    def _one(
        self, planned_step: PlannedStep, session: Session, read: Callable[[], Catalog]
    ) -> Iterator[PlannedStep]:
        script = script_of(planned_step)
        if script is None:
            raise AssertionError("An upgrade has a step without a revision.")
        step = step_info(planned_step, session.workspace)
        self._running, self._phase = (planned_step, script, step), "upgrade"
        started = StepStarted(
            "verify", len(self._tally.done) + 1, len(self._tally.planned), step.revision, step.message
        )
        self._report(started)
        began = time.monotonic()
        yield planned_step
        once = read()
        reason = _irreversible(script, session)
        if reason is not None:
            self._irreversible(step, reason)
            self._before = once
            self._tally.done[step.revision] = script
        else:
            yield from self._down_and_up(session, read, once)
        self._report(StepFinished(started, time.monotonic() - began))

    def _down_and_up(
        self, session: Session, read: Callable[[], Catalog], once: Catalog
    ) -> Iterator[PlannedStep]:
        if self._running is None:
            raise AssertionError("There is no revision to take back.")
        planned_step, script, step = self._running
        self._phase = "downgrade"
        yield way_back(session.scripts, script)
        self._tally.done[step.revision] = script
        if self._is_unlike(step, self._before, read()):
            # The second upgrade would only stumble over what was left.
            return
        self._phase = "second upgrade"
        yield planned_step
        twice = read()
        if not self._is_unlike(step, once, twice):
            self._tally.clean.append(step.revision)
            self._before = twice

    def _is_unlike(self, step: Step, was: Catalog, now: Catalog) -> bool:
        found = differences(was, now)
        if found:
            unlike = Unlike(step.revision, step.message, step.path, self._phase, found)
            self._tally.unlike.append(unlike)
            self.spoilt = True
        return self.spoilt

    def _irreversible(self, step: Step, reason: str) -> None:
        self._tally.irreversible.append(Irreversible(step.revision, step.message, step.path, reason))


def _irreversible(script: Script, session: Session) -> str | None:
    path = Path(script.path)
    if not hasattr(script.module, "downgrade"):
        return "no downgrade()"
    if directives(path, session.workspace.environment.shown(path), parse_duration).irreversible:
        return "# migrator: irreversible"
    return "downgrade() raises NotImplementedError" if refuses_downgrade(path) else None
