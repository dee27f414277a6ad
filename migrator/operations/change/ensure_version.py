"""`migrator ensure-version`: makes the version table where there is none."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

from alembic.runtime.migration import MigrationContext

from migrator.bridge.env_py.connected_database import ensure_version_table
from migrator.bridge.env_py.session import Needs, Session, database_session
from migrator.bridge.revision_files.plan import PlannedStep
from migrator.config.select import Workspace
from migrator.database.connecting.backups import back_up
from migrator.operations.position.examine import Examined, examine
from migrator.operations.position.ownership import refuse_other_database, refuse_unknown_tables
from migrator.operations.run.run_lock import run_lock
from migrator.results.events import Report
from migrator.results.run import VersionTableEnsured


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
    seconds = session.workspace.environment.settings.longest_wait

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
