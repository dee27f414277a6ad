"""One scratch database: reached through the environment's own env.py, and through nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection

from migrator.bridge.environment import Work, env_failures
from migrator.bridge.plan import (
    Plan,
    PlannedStep,
    applied_revisions,
    downgrade_plan,
    planned,
    step_info,
    upgrade_plan,
)
from migrator.bridge.reached import connection_of
from migrator.bridge.remembered import Remembered
from migrator.bridge.scripts import folders_of, place_in
from migrator.bridge.session import Needs, Session, database_session
from migrator.config.select import Workspace
from migrator.config.settings import Transaction
from migrator.database.failures import causes, failing_statement, first_line
from migrator.database.one_trip import OneTrip
from migrator.errors import ExitCode, MigratorError
from migrator.results.events import ignore
from migrator.results.run import Step
from migrator.scratch.guard import only
from migrator.scratch.on_server import connect
from migrator.scratch.store import Store
from migrator.scratch.undoing import Undoing, UndoneError

T = TypeVar("T")
Watch = Callable[[Connection, PlannedStep], None]
# Gives the steps of one run of env.py, from its session, the database's revisions and Alembic's context. What
# stands after a `yield` runs when the step has been committed.
Walk = Callable[[Session, tuple[str, ...], Any], Iterator[PlannedStep]]
# Undefined object, feature not supported, undefined file: the server words its errors in its own language.
_NO_ROLE = "42704"
_NO_EXTENSION = frozenset({"0A000", "58P01"})
_QUOTED = re.compile('["\u00ab\u201e\u201c]\\s*(.+?)\\s*["\u00bb\u201c\u201d]')
_ABOUT_ROLES = re.compile(r"\b(?:grant|revoke|owner|role|user|authorization|policy|privileges)\b", re.I)
_CREATE_EXTENSION = re.compile(
    r'\s*create\s+extension\s+(?:if\s+not\s+exists\s+)?(?:"((?:[^"]|"")+)"|([\w$]+))', re.IGNORECASE
)


class ScratchFailedError(MigratorError):
    """A history does not run on a scratch database. `step` is the revision that failed, where it is known."""

    exit_code = ExitCode.MIGRATION

    def __init__(self, message: str, step: Step | None, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.step = step


@dataclass(frozen=True)
class ScratchDatabase:
    """A database for a moment, or a template, which is to stay as it is.

    `workspace` is the environment's, with this database as its own.

    `url` holds a password, and is not for showing.
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
        with only(self.url), opened as session:
            yield session

    def upgrade(self, target: str = "head", watch: Watch | None = None) -> tuple[Step, ...]:
        """Run the revisions up to `target`, as a run does but without its lock, mark, log and consent.

        `watch` is called with env.py's connection before each step. Gives the steps. Raises
        ScratchFailedError for a revision that fails, RefusedError, RevisionsError and ConfigurationError.
        """
        return _Replay(self, "upgrade", target, _planned_walk(upgrade_plan, target), watch).run()

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

    def downgrade(self, target: str, watch: Watch | None = None) -> tuple[Step, ...]:
        """Run the revisions back to `target`. Raises as `upgrade` does."""
        return _Replay(self, "downgrade", target, _planned_walk(downgrade_plan, target), watch).run()

    def walk(self, walk: Walk) -> tuple[Step, ...]:
        """Run the steps that `walk` gives, up and down as it likes, each in a transaction of its own.

        `walk` is called once more after each role that had to be made. Raises as `upgrade` does.
        """
        url = self.url
        if url.drivername.endswith("asyncpg"):
            # A statement prepared before a step does not fit the tables after it.
            url = url.update_query_dict({"prepared_statement_cache_size": "0"})
        database = replace(self, workspace=scratch_workspace(self.workspace, url))
        return _Replay(database, "upgrade", "heads", walk, None).run("revision")

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
    settings = replace(environment.settings, role=None, lock_timeout=None, statement_timeout=None)
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


def _planned_walk(make_plan: Callable[[Any, str], Plan], target: str) -> Walk:
    def walk(session: Session, heads: tuple[str, ...], _context: Any) -> Iterator[PlannedStep]:
        yield from planned(make_plan(session.scripts, target), heads, session.workspace)

    return walk


class _Replay:
    """Runs revisions; once more after each role that had to be made for them."""

    def __init__(
        self, database: ScratchDatabase, direction: str, target: str, walk: Walk, watch: Watch | None
    ) -> None:
        self._database = database
        self._direction = direction
        self._target = target
        self._walk = walk
        self._watch = watch
        self._done: list[Step] = []
        self._running: Step | None = None
        self._folders: tuple[Path, ...] = ()

    def run(self, transaction: Transaction | None = None) -> tuple[Step, ...]:
        made: set[str] = set()
        while True:
            try:
                self._run_env(transaction)
                return tuple(self._done)
            except _FailedStep as exc:
                role = _missing_role(exc.cause)
                if role is None or role in made or not self._database.store.makes_roles:
                    raise self._failed(exc.cause) from exc.cause
                made.add(role)
                self._database.store.make_role(role)

    def _run_env(self, transaction: Transaction | None) -> None:
        workspace, self._running = self._database.workspace, None
        with self._database.session([self._direction, "--", self._target]) as session:
            env_py = session.scripts.env_py_location
            with env_failures(workspace, env_py, lambda: session.connected_to):
                try:
                    session.run_untranslated(
                        self._work(session),
                        writes=True,
                        destination_rev=self._target,
                        transaction=transaction,
                    )
                except (Exception, SystemExit) as exc:
                    if self._running is None or isinstance(exc, MigratorError):
                        raise
                    raise _FailedStep(exc) from exc

    def _work(self, session: Session) -> Work:
        def work(heads: Any, context: Any) -> Iterator[PlannedStep]:
            # A foreign env.py may have named other folders by now.
            self._folders = folders_of(session.scripts)
            # What was rolled back with a revision that has to run again is not done.
            if self._direction == "upgrade":
                there = applied_revisions(session.scripts, tuple(heads))
                self._done = [step for step in self._done if step.revision in there]
            connection = connection_of(context)
            one_trip, remembered = OneTrip(connection), Remembered(context)
            try:
                for step in self._walk(session, tuple(heads), context):
                    self._running = step_info(step, self._database.workspace)
                    self._direction = "upgrade" if step.is_upgrade else "downgrade"
                    if self._watch is not None:
                        self._watch(connection, step)
                    if step.is_upgrade:
                        remembered.begin(self._running.revision)
                    yield step
                    if not step.is_upgrade:
                        remembered.undone(self._running.revision)
                    self._done.append(self._running)
                    self._running = None
            finally:
                one_trip.stop()

        return work

    def _failed(self, cause: BaseException) -> ScratchFailedError:
        step, shown = self._running, self._database.workspace.environment.shown
        place = place_in(cause, self._folders)
        where = f"{shown(place[0])}, line {place[1]}" if place else (step.path if step else "env.py")
        named = (
            f"{step.revision} ({step.message})" if step and step.message else step.revision if step else "?"
        )
        statement = failing_statement(cause)
        extension = _missing_extension(cause)
        if extension is not None:
            return ScratchFailedError(
                f"Revision {named} needs the extension {extension}, which the scratch server"
                f" ({self._database.store.server}) does not have.",
                step,
                hint="Use a server that has it: scratch = system (a PostgreSQL installed on this machine), or"
                " scratch_url = postgresql://..., in the [migrator] section.",
            )
        role = _missing_role(cause)
        if role is not None:
            return ScratchFailedError(
                f"Revision {named} names the role {role}, which the scratch server does not have.",
                step,
                hint=f'Make it there: CREATE ROLE "{role}" NOLOGIN',
            )
        return ScratchFailedError(
            f"The {self._direction} of revision {named} failed on a scratch database: {first_line(cause)}"
            + (f" (statement: {statement})" if statement else ""),
            step,
            hint=f"Correct {where}.",
        )


def _missing_role(cause: BaseException) -> str | None:
    statement = failing_statement(cause) or ""
    for each in causes(cause):
        found = _QUOTED.search(str(each))
        if getattr(each, "sqlstate", None) == _NO_ROLE and found and _ABOUT_ROLES.search(statement):
            return found[1]
    return None


def _missing_extension(cause: BaseException) -> str | None:
    found = _CREATE_EXTENSION.match(failing_statement(cause) or "")
    if found is None or not any(getattr(each, "sqlstate", None) in _NO_EXTENSION for each in causes(cause)):
        return None
    return found[2] or found[1].replace('""', '"')
