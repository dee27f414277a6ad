"""`migrator verify`: each revision up, down and up on a scratch database, and the end against the models."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from migrator.bridge.autogenerate.comparing import Comparison
from migrator.bridge.env_py.session import Needs, file_session
from migrator.bridge.revision_files.plan import known_script
from migrator.config.select import Workspace
from migrator.database.connecting.timeouts import run_plainly
from migrator.database.failures import first_line, is_database_failure
from migrator.database.kinds import kind_of
from migrator.errors import ConfigurationError, UsageError
from migrator.operations.judge.up_down_up import UpDownUp, VerifyFindings
from migrator.results.differences import Change
from migrator.results.events import Noticed, Report, Waiting
from migrator.results.judged import Verified
from migrator.scratch import Scratch, ScratchDatabase, ScratchFailedError, scratch

_PROJECT_SEED = Path("tests") / "seed.sql"
_AT = re.compile(r"--\s*migrator:\s*at\s+(\S+)\s*")


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
    seed = _seed_of_project(workspace, report) if wanted.seed is None else _said_seed(workspace, wanted.seed)
    with scratch(workspace, report, fresh=wanted.fresh) as place:
        report(Waiting("running the revisions up, down and up on a scratch database"))
        return _Verification(place, report, wanted, seed).run()


@dataclass(frozen=True)
class Seed:
    """Rows, so that data migrations meet data: a file of SQL, and the revision at which it is loaded."""

    shown: str
    revision: str
    sql: str = field(repr=False)

    def load(self, database: ScratchDatabase) -> None:
        """Run the file's statements. Raises ConfigurationError where one fails."""
        try:
            database.call(self._run)
        except Exception as exc:
            if not is_database_failure(exc):
                raise
            raise ConfigurationError(
                f"{self.shown} cannot be loaded at revision {self.revision}: {first_line(exc)}",
                hint="Correct the file, or name the revision whose tables it is for.",
            ) from exc

    def _run(self, connection: Connection) -> None:
        if kind_of(connection.dialect.name).runs_scripts:
            run_plainly(connection, self.sql)
            return
        for statement in _statements(self.sql):
            connection.exec_driver_sql(statement)


def _statements(sql: str) -> Iterator[str]:
    """Give the statements of a file one by one: SQLite's drivers take no more at once."""
    statement = ""
    for piece in re.split("(?<=;)", sql):
        statement += piece
        # A semicolon may stand in a literal, a comment or a trigger.
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement


def _said_seed(workspace: Workspace, said: str) -> Seed:
    """Read `FILE@REVISION`. Raises UsageError, and ConfigurationError for a file that cannot be read."""
    file, at, revision = said.rpartition("@")
    if not (file and at and revision) or "/" in revision:
        raise UsageError(
            f"--seed {said} does not say at which revision the file is loaded.",
            hint="For example: --seed tests/seed.sql@16619171fa2e",
        )
    path = Path(file)
    return Seed(workspace.environment.shown(path), revision, _read(path, workspace))


def _seed_of_project(workspace: Workspace, report: Report) -> Seed | None:
    """Read the project's tests/seed.sql; None where it has none, or one for another environment's revision.

    Raises ConfigurationError where its first line does not say at which revision it is loaded.
    """
    path = workspace.environment.root / _PROJECT_SEED
    if not path.is_file():
        return None
    shown, sql = workspace.environment.shown(path), _read(path, workspace)
    found = _AT.fullmatch(sql.partition("\n")[0].strip())
    if found is None:
        raise ConfigurationError(
            f"{shown} does not say at which revision it is loaded.",
            hint="Write as its first line: -- migrator: at REVISION",
        )
    scripts = file_session(workspace, ["heads"], new_folder=True).scripts
    if known_script(scripts, found[1]) is None:
        name = workspace.environment.name
        report(Noticed(f"{shown} is for {found[1]}, which {name} does not have: no rows are loaded."))
        return None
    return Seed(shown, found[1], sql)


def _read(path: Path, workspace: Workspace) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        shown = workspace.environment.shown(path)
        raise ConfigurationError(
            f"The seed file {shown} cannot be read: {exc}.", hint="Check the path after --seed."
        ) from exc


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
