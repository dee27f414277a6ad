"""`migrator verify`: each revision up, down and up on a scratch database, and the end against the models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from alembic.runtime.migration import MigrationContext

from migrator.bridge.autogenerate.comparing import Comparison
from migrator.bridge.env_py.session import Needs, file_session
from migrator.bridge.revision_files.plan import known_script
from migrator.config.select import Workspace
from migrator.operations.judge.up_down_up import UpDownUp, VerifyFindings
from migrator.results.differences import Change
from migrator.results.events import Noticed, Report, Waiting
from migrator.results.judged import Verified
from migrator.scratch import Scratch, ScratchDatabase, ScratchFailedError, scratch
from migrator.scratch.seed import Seed, project_seed, said_seed


@dataclass(frozen=True)
class VerifyRequest:
    """What to verify: the revisions after `start`, with rows of `seed` (`FILE@REVISION`).

    Without `seed` it is the project's tests/seed.sql, if any. With `fresh` no kept template is used. Without
    `models` the end is not compared with them.
    """

    start: str = "base"
    seed: str | None = None
    fresh: bool = False
    models: bool = True


def verify(workspace: Workspace, report: Report, wanted: VerifyRequest) -> Verified:
    """Verify a history on scratch databases; the environment's own database is never contacted.

    Raises ConfigurationError (no scratch server, a seed that does not load), ModelsError, UsageError,
    RevisionsError, RefusedError and DatabaseError. A revision that does not run is part of the result.
    """
    seed = _seed_of_project(workspace, report) if wanted.seed is None else said_seed(workspace, wanted.seed)
    with scratch(workspace, report, fresh=wanted.fresh) as place:
        report(Waiting("running the revisions up, down and up on a scratch database"))
        return _Verification(place, report, wanted, seed).run()


def _seed_of_project(workspace: Workspace, report: Report) -> Seed | None:
    """Give the project's seed, None where it is for a revision of another environment."""
    seed = project_seed(workspace)
    if seed is None:
        return None
    scripts = file_session(workspace, ["heads"], new_folder=True).scripts
    if known_script(scripts, seed.revision) is None:
        name = workspace.environment.name
        report(
            Noticed(f"{seed.shown} is for {seed.revision}, which {name} does not have: no rows are loaded.")
        )
        return None
    return seed


class _Verification:
    """Goes on from one scratch database to the next, after each revision that spoils one."""

    def __init__(self, place: Scratch, report: Report, wanted: VerifyRequest, seed: Seed | None) -> None:
        self._place = place
        self._report = report
        self._start = wanted.start
        self._models = wanted.models
        self._seed = seed
        self._has_rows = False
        self._tally = VerifyFindings()
        self._changes: tuple[Change, ...] | None = None

    def run(self) -> Verified:
        going_on = True
        while going_on:
            try:
                with self._database() as database:
                    going_on = self._use(database)
            except ScratchFailedError as exc:
                if exc.step is None:
                    raise
                self._tally.fail(exc.step, "upgrade", exc)
                going_on = False
        tally, seed = self._tally, self._seed
        return Verified(
            revisions=tuple(tally.clean),
            irreversible=tuple(tally.irreversible),
            unlike=tuple(tally.unlike),
            failed=tuple(tally.failed),
            not_verified=tally.not_verified,
            compared=self._changes is not None,
            changes=self._changes or (),
            seed=f"{seed.shown} at {seed.revision}" if seed is not None and self._has_rows else None,
        )

    @contextmanager
    def _database(self) -> Iterator[ScratchDatabase]:
        """Give a database at the revisions that are done, with the rows that came on the way."""
        targets = (self._start, *self._tally.heads)
        if self._seed is None or not self._has_rows:
            with self._place.at(*targets) as database:
                yield database
            return
        with self._place.at(self._seed.revision) as database:
            self._seed.load(database)
            for target in targets:
                if target != "base":
                    database.upgrade(target)
            yield database

    def _use(self, database: ScratchDatabase) -> bool:
        """Run what is left; gives whether something is left for another database."""
        seed_at = self._seed.revision if self._seed is not None and not self._has_rows else None
        steps = UpDownUp(self._tally, self._report, seed_at)
        try:
            database.walk(steps)
        except ScratchFailedError as exc:
            return steps.failed(exc)
        if steps.wants_rows:
            self._has_rows = True
            return True
        if not steps.spoilt and self._models:
            self._changes = _compared(database)
        return steps.spoilt


def _compared(database: ScratchDatabase) -> tuple[Change, ...] | None:
    """Give what the models have otherwise, None where there are none to compare with."""
    compared = False

    def has_models(_heads: tuple[str, ...], context: MigrationContext) -> bool:
        nonlocal compared
        environment = database.workspace.environment
        said = environment.settings.models if environment.managed else context.opts.get("target_metadata")
        compared = said is not None and said != ()
        return compared

    with database.session(["check"], Needs(writes=False)) as session:
        comparison = Comparison(session, autogenerate=True)
        comparison.compare(has_models)
    return comparison.changes if compared else None
