"""`migrator upgrade`, `downgrade`, `stamp` and `ensure-version`: write into the version table."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

from alembic.runtime.migration import MigrationContext

from migrator.bridge.env_py.connected_database import ensure_version_table
from migrator.bridge.env_py.session import Needs, Session, database_session
from migrator.bridge.revision_files.plan import PlannedStep, downgrade_plan, stamp_plan, upgrade_plan
from migrator.config.select import Workspace
from migrator.database.connecting.backups import back_up
from migrator.errors import UsageError
from migrator.operations.command_requests import DowngradeRequest, StampRequest, UpgradeRequest
from migrator.operations.position.examine import (
    Examined,
    examine,
    refuse_other_database,
    refuse_unknown_tables,
)
from migrator.operations.run.consent import Consent
from migrator.operations.run.execute import execute
from migrator.operations.run.planning import Run
from migrator.operations.run.run_lock import run_lock
from migrator.results.events import Report
from migrator.results.run import RunPlan, RunResult, VersionTableEnsured


def upgrade(
    workspace: Workspace, request: UpgradeRequest, consent: Consent, report: Report
) -> RunResult | RunPlan:
    """Upgrade the environment's database to the request's target, such as `head`, `+2` or an id.

    Raises MigrationFailedError with what was applied, LockedError where another run is at it, and
    RefusedError, RevisionsError, DatabaseError or ConfigurationError where nothing was begun.
    """
    target = _end(request.target)
    with database_session(workspace, ["upgrade", target], report, Needs()) as session:
        run = Run(request, (target,), upgrade_plan(session.scripts, target))
        return execute(session, run, consent, report)


def downgrade(
    workspace: Workspace, request: DowngradeRequest, consent: Consent, report: Report
) -> RunResult | RunPlan:
    """Downgrade the environment's database to the request's target, such as `-1`, `base` or an id.

    Raises as `upgrade` does; a protected environment has to be confirmed.
    """
    target = _end(request.target)
    with database_session(workspace, ["downgrade", "--", target], report, Needs()) as session:
        run = Run(request, (target,), downgrade_plan(session.scripts, target))
        return execute(session, run, consent, report)


def _end(target: str) -> str:
    """Return the target of a run, which begins where the database is."""
    if ":" in target:
        raise UsageError(f"The range {target} needs --sql.", hint="Give the target alone.")
    return target


def stamp(
    workspace: Workspace,
    request: StampRequest,
    consent: Consent,
    report: Report,
    expected: frozenset[str] | None = None,
) -> RunResult | RunPlan:
    """Stamp the environment's database with the request's targets.

    With `purge` the version table is emptied first, which also gets rid of a revision that no file has. A
    database that is not at the `expected` revisions is refused. Raises as `upgrade` does; a protected
    environment has to be confirmed.
    """
    targets = request.targets
    with database_session(workspace, ["stamp", "--", *targets], report, Needs(models=False)) as session:
        run = Run(request, targets, stamp_plan(session.scripts, targets), expected)
        return execute(session, run, consent, report)


def ensure_version(workspace: Workspace, report: Report) -> VersionTableEnsured:
    """Make the version table if the environment's database has none.

    Raises RefusedError for another environment's database, LockedError, DatabaseError and others.
    """
    with database_session(workspace, ["ensure_version"], report, Needs(models=False)) as session:
        examined = examine(session)
        for each in examined:
            refuse_other_database(workspace, each)
            refuse_unknown_tables(workspace, each)
        missing = [each for each in examined if not each.found.has_version_table]
        if missing:
            _make(session, missing, report)
        names = dict.fromkeys(_named(each) for each in examined)
        return VersionTableEnsured(", ".join(names), created=bool(missing))


def _make(session: Session, missing: list[Examined], report: Report) -> None:
    seconds = session.workspace.environment.settings.lock_wait

    def work(_heads: object, context: MigrationContext) -> Iterable[PlannedStep]:
        ensure_version_table(context)
        return ()

    with ExitStack() as stack:
        for each in missing:
            back_up(each.found.engine.url, session.workspace.environment.root)
            stack.enter_context(run_lock(each.found, seconds, seconds, report))
        # No revision runs whose own transaction would be committed with the table in it.
        session.run(work, dont_mutate=True, transaction="run", writes=True)


def _named(examined: Examined) -> str:
    found = examined.found
    return f"{found.version_schema}.{found.version_table}" if found.version_schema else found.version_table
