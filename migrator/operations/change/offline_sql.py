"""`--sql`: writes the SQL of a run instead of running it, as Alembic's offline mode does."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from alembic.runtime.migration import MigrationContext

from migrator.bridge.env_py.connected_database import ensure_version_table
from migrator.bridge.env_py.observed import env_failures
from migrator.bridge.env_py.session import Needs, Session, database_session
from migrator.bridge.revision_files.loading import folders_of
from migrator.bridge.revision_files.loading_errors import place_in
from migrator.bridge.revision_files.plan import (
    PlanFunction,
    PlannedStep,
    downgrade_plan,
    planned,
    stamp_plan,
    upgrade_plan,
)
from migrator.config.select import Workspace
from migrator.database.failures import first_line
from migrator.errors import MigratorError, RevisionsError, UsageError
from migrator.faults import is_own_fault
from migrator.results.events import Direction, Report
from migrator.results.run import SqlScript


def write_sql(
    workspace: Workspace,
    direction: Direction,
    targets: Sequence[str],
    report: Report,
    *,
    tag: str | None = None,
) -> SqlScript:
    """Give the SQL of an upgrade, downgrade or stamp to `targets`; no database is contacted.

    A target may be `<from>:<to>`, and must be for a downgrade. Raises UsageError, RevisionsError and
    ConfigurationError.
    """
    start, ends = _split(direction, targets)
    output = io.StringIO()
    command = [direction, "--sql", "--", *targets]
    needs = Needs(writes=False, offline=True)
    with database_session(workspace, command, report, needs, output=output) as session:
        plan = _plan(session, direction, ends)

        def work(heads: tuple[str, ...], _context: MigrationContext) -> Iterable[PlannedStep]:
            return planned(plan, tuple(heads), workspace)

        options: dict[str, Any] = {"starting_rev": start, "destination_rev": ends[0], "tag": tag}
        with (
            env_failures(workspace, session.scripts.env_py_location, lambda: None),
            _revision_failures(session),
        ):
            session.run_untranslated(work, as_sql=True, **options)
    return SqlScript(output.getvalue())


@contextmanager
def _revision_failures(session: Session) -> Iterator[None]:
    """Say which revision cannot be written as SQL, where a failure comes from one."""
    try:
        yield
    except (Exception, SystemExit) as exc:
        place = place_in(exc, folders_of(session.scripts))
        if place is None or isinstance(exc, MigratorError) or is_own_fault(exc):
            raise
        file, line = session.workspace.environment.shown(place[0]), place[1]
        raise RevisionsError(
            f"{file}, line {line}, cannot be written as SQL: {type(exc).__name__}: {first_line(exc)}.",
            hint="A revision that reads the database (op.get_bind()) can only be run; begin the range after"
            " it: migrator upgrade --sql <from>:<to>",
        ) from exc


def write_version_table_sql(workspace: Workspace, report: Report) -> SqlScript:
    """Give the SQL that creates the version table."""
    output = io.StringIO()
    needs = Needs(writes=False, models=False, offline=True)
    with database_session(workspace, ["ensure_version", "--sql"], report, needs, output=output) as session:

        def work(_heads: object, context: MigrationContext) -> Iterable[PlannedStep]:
            ensure_version_table(context)
            return ()

        session.run(work, as_sql=True)
    return SqlScript(output.getvalue())


def _split(direction: Direction, targets: Sequence[str]) -> tuple[str | None, list[str]]:
    starts, ends = set(), []
    for target in targets:
        start, colon, end = target.rpartition(":")
        if colon:
            starts.add(start)
        ends.append(end)
    if len(starts) > 1:
        raise UsageError("stamp --sql takes one starting revision only.")
    if direction == "downgrade" and not starts:
        raise UsageError(
            "downgrade --sql needs a range, because no database says where it begins.",
            hint="For example: migrator downgrade --sql head:-1",
        )
    return (starts.pop() if starts else None), ends


def _plan(session: Session, direction: Direction, targets: Sequence[str]) -> PlanFunction:
    if direction == "upgrade":
        return upgrade_plan(session.scripts, targets[0])
    if direction == "downgrade":
        return downgrade_plan(session.scripts, targets[0])
    return stamp_plan(session.scripts, targets)
