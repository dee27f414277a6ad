"""The account of a run while it goes on: what was asked for, and what has been done in each database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alembic.runtime.migration import MigrationContext

from migrator.bridge.env_py.connected_database import ConnectedDatabase
from migrator.bridge.env_py.session import Session
from migrator.bridge.revision_files.plan import Heads, PlanFunction, PlannedStep, applied_revisions
from migrator.database.own.run_notes import LockWatch
from migrator.operations.run.connection_guard import ConnectionGuard
from migrator.operations.run.recording import Recorder
from migrator.operations.run.run_lock import RunLock
from migrator.results.events import Direction
from migrator.results.run import Step


@dataclass(frozen=True)
class Run:
    """What is to be run: the direction, the targets as they were asked for, and the plan towards them.

    A run with `purge` empties the version table first, and may begin at revisions that no file has. With
    `expected` it begins at these revisions or not at all.
    """

    direction: Direction
    targets: tuple[str, ...]
    plan: PlanFunction
    purge: bool = False
    tag: str | None = None
    expected: frozenset[str] | None = None

    def environment_options(self) -> dict[str, Any]:
        """Give what env.py may ask Alembic for, in the form that Alembic's own commands give it."""
        one = self.direction != "stamp"
        return {"destination_rev": self.targets[0] if one else self.targets, "tag": self.tag}


@dataclass
class RunAccount:
    """What is known of one database while env.py runs; env.py's own word for success is not taken.

    `standing` are the heads that the version table was last given, `changed` whether it was given any.
    """

    found: ConnectedDatabase
    direction: Direction
    before: Heads
    planned: list[Step]
    finished: list[Step] = field(default_factory=list)
    running: Step | None = None
    running_step: PlannedStep | None = None
    started_at: datetime | None = None
    standing: Heads = ()
    changed: bool = False

    def go_on_from(self, earlier: RunAccount) -> None:
        """Take over what the same run had done, with a plan of its own, before another run overtook it."""
        if not earlier.finished:
            return
        done = {step.revision for step in earlier.finished}
        self.before = earlier.before
        self.finished = list(earlier.finished)
        self.planned = [*self.finished, *(step for step in self.planned if step.revision not in done)]
        self.changed = True

    def resume(self, heads: Heads, left: list[Step], session: Session) -> None:
        """Begin an attempt at `heads` with the steps that are left: what was rolled back is not finished."""
        applied = applied_revisions(session.scripts, heads)
        up = self.direction == "upgrade"
        self.finished = [
            step for step in self.finished if self.direction != "stamp" and (step.revision in applied) == up
        ]
        self.planned = [*self.finished, *left]
        self.standing = heads
        self.changed = bool(self.finished)
        self.running = self.running_step = None


@dataclass
class DatabaseRun:
    """One database of a run: its account, its records, its lock, and the guard of the present attempt.

    `one_by_one` are revisions whose statements failed when they were sent together.
    """

    tally: RunAccount
    recorder: Recorder
    lock: RunLock | None = None
    watch: LockWatch = field(default_factory=LockWatch)
    guard: ConnectionGuard | None = None
    context: MigrationContext | None = None
    one_by_one: set[str] = field(default_factory=set)
