"""One scratch database: reached through the environment's own env.py, and through nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection

from migrator.bridge.env_py.connected_database import connection_of
from migrator.bridge.env_py.observed import MigrationFunction, env_failures
from migrator.bridge.env_py.session import Needs, Session, database_session
from migrator.bridge.revision_files.loading import folders_of
from migrator.bridge.revision_files.loading_errors import place_in
from migrator.bridge.revision_files.plan import (
    PlannedStep,
    applied_revisions,
    planned,
    step_info,
    upgrade_plan,
)
from migrator.bridge.tenant_cache import Remembered
from migrator.config.select import Workspace
from migrator.config.settings import Transaction
from migrator.database.round_trips.one_trip import shortened
from migrator.errors import MigratorError
from migrator.faults import is_own_fault
from migrator.results.events import ignore
from migrator.results.run import Step
from migrator.scratch.choose_store import connect
from migrator.scratch.failures_in_words import ScratchFailedError, failed_step, missing_role
from migrator.scratch.foreign_connections import refuse_other_connections
from migrator.scratch.store import Store
from migrator.scratch.undone_runs import Undoing, UndoneError

T = TypeVar("T")
Watch = Callable[[Connection, PlannedStep], None]
# Gives the steps of one run of env.py, from its session, the database's revisions and Alembic's context. What
# stands after a `yield` runs when the step has been committed.
Walk = Callable[[Session, tuple[str, ...], Any], Iterator[PlannedStep]]


@dataclass(frozen=True)
class ScratchDatabase:
    """A database for a moment, or a template, which is to stay as it is.

    `workspace` is the environment's, with this database as its own. `url` holds a password, and is not for
    showing.
    """

    url: URL = field(repr=False)
    workspace: Workspace
    store: Store = field(repr=False)
    is_template: bool = False

    @contextmanager
    def session(self, command: Sequence[str], needs: Needs | None = None) -> Iterator[Session]:
        """Give a session whose env.py reaches this database, and can reach no other.

        Raises RefusedError where it tries to, and what `database_session` raises.
        """
        needs = needs or Needs(models=False)
        opened = database_session(self.workspace, command, ignore, needs, new_folder=True)
        with refuse_other_connections(self.url), opened as session:
            yield session

    def upgrade(self, target: str = "head", watch: Watch | None = None) -> tuple[Step, ...]:
        """Run the revisions up to `target`, as a run does but without its lock, mark, log and consent.

        `watch` is called with env.py's connection before each step. Gives the steps. Raises
        ScratchFailedError for a revision that fails, RefusedError, RevisionsError and ConfigurationError.
        """

        def walk(session: Session, heads: tuple[str, ...], _context: Any) -> Iterator[PlannedStep]:
            yield from planned(upgrade_plan(session.scripts, target), heads, session.workspace)

        return _Replay(self, target, walk, watch).run()

    def try_out(self, revision: str, watch: Watch) -> bool:
        """Run one revision of a template and undo it; `watch` and errors are as for `upgrade`.

        Gives False where it did not come to its end, because it ends its transaction itself.
        """
        undoing = Undoing()

        def both(connection: Connection, step: PlannedStep) -> None:
            undoing.watch(connection, step)
            watch(connection, step)

        try:
            self.upgrade(revision, both)
        except UndoneError as exc:
            if exc.clean:
                return exc.whole
        # Something of it may be there for good now.
        self.store.forget(str(self.url.database))
        return False

    def walk(self, walk: Walk) -> tuple[Step, ...]:
        """Run the steps that `walk` gives, up and down as it likes, each in a transaction of its own.

        `walk` is called once more after each role that had to be made. Raises as `upgrade` does.
        """
        url = self.url
        if url.drivername.endswith("asyncpg"):
            # A statement prepared before a step does not fit the tables after it.
            url = url.update_query_dict({"prepared_statement_cache_size": "0"})
        database = replace(self, workspace=scratch_workspace(self.workspace, url))
        return _Replay(database, "heads", walk).run("revision")

    def call(self, work: Callable[[Connection], T]) -> T:
        """Give what `work` gives for a connection of its own, in autocommit. Raises what it raises."""
        connection = connect(self.url)
        try:
            return connection.call(work)
        finally:
            connection.close()


def scratch_workspace(workspace: Workspace, url: URL) -> Workspace:
    """Give a workspace with another database, without what is meant for the real one."""
    environment = workspace.environment
    settings = replace(
        environment.settings,
        role=None,
        lock_timeout=None,
        statement_timeout=None,
        tenants=None,
        tenant_url=None,
    )
    return replace(
        workspace,
        environment=replace(environment, settings=settings, protected=False),
        others=(),
        choice=replace(workspace.choice, url=url.render_as_string(hide_password=False)),
    )


class _FailedStep(BaseException):
    """Carries what a revision raised past the translation that is meant for env.py's own troubles."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__()
        self.cause = cause


@dataclass
class _Replay:
    """Runs revisions; once more after each role that had to be made for them."""

    database: ScratchDatabase
    target: str
    walk: Walk
    watch: Watch | None = None
    direction: str = "upgrade"
    done: list[Step] = field(default_factory=list)
    running: Step | None = None
    folders: tuple[Path, ...] = ()

    def run(self, transaction: Transaction | None = None) -> tuple[Step, ...]:
        made: set[str] = set()
        while True:
            try:
                self._run_env(transaction)
                return tuple(self.done)
            except _FailedStep as exc:
                role = missing_role(exc.cause)
                if role is None or role in made or not self.database.store.makes_roles:
                    raise self._failed(exc.cause) from exc.cause
                made.add(role)
                self.database.store.make_role(role)

    def _run_env(self, transaction: Transaction | None) -> None:
        workspace, self.running = self.database.workspace, None
        with self.database.session([self.direction, "--", self.target]) as session:
            env_py = session.scripts.env_py_location
            with env_failures(workspace, env_py, lambda: session.connected_to):
                try:
                    session.run_untranslated(
                        self._work(session),
                        writes=True,
                        destination_rev=self.target,
                        transaction=transaction,
                    )
                except (Exception, SystemExit) as exc:
                    if self.running is None or isinstance(exc, MigratorError) or is_own_fault(exc):
                        raise
                    raise _FailedStep(exc) from exc

    def _work(self, session: Session) -> MigrationFunction:
        def work(heads: Any, context: Any) -> Iterator[PlannedStep]:
            # A foreign env.py may have named other folders by now.
            self.folders = folders_of(session.scripts)
            # What was rolled back with a revision that has to run again is not done.
            if self.direction == "upgrade":
                there = applied_revisions(session.scripts, tuple(heads))
                self.done = [step for step in self.done if step.revision in there]
            connection = connection_of(context)
            fast = self.database.workspace.environment.settings.round_trips == "fast"
            one_trip, remembered = shortened(connection, fast=fast), Remembered(context)
            try:
                for step in self.walk(session, tuple(heads), context):
                    self.running = step_info(step, self.database.workspace)
                    self.direction = "upgrade" if step.is_upgrade else "downgrade"
                    if self.watch is not None:
                        self.watch(connection, step)
                    if step.is_upgrade:
                        remembered.begin(self.running.revision)
                    yield step
                    if not step.is_upgrade:
                        remembered.undone(self.running.revision)
                    self.done.append(self.running)
                    self.running = None
            finally:
                if one_trip is not None:
                    one_trip.stop()

        return work

    def _failed(self, cause: BaseException) -> ScratchFailedError:
        place, running = place_in(cause, self.folders), self.running
        shown = self.database.workspace.environment.shown
        where = f"{shown(place[0])}, line {place[1]}" if place else running.path if running else "env.py"
        return failed_step(cause, running, f"The {self.direction}", where, self.database.store.server)
