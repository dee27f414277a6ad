"""`migrator ensure-version`: makes the version table where there is none."""

from __future__ import annotations

from collections.abc import Iterable

from alembic.runtime.migration import MigrationContext

from migrator.bridge.plan import PlannedStep
from migrator.bridge.session import Needs, database_session
from migrator.bridge.version_table import has_version_table
from migrator.config.select import Workspace
from migrator.results.events import Report
from migrator.results.run import VersionTable


def ensure_version(workspace: Workspace, report: Report) -> VersionTable:
    """Make the version table if the environment's database has none. Raises DatabaseError and others."""
    found: list[VersionTable] = []
    with database_session(workspace, ["ensure_version"], report, Needs(models=False)) as session:

        def work(_heads: object, context: MigrationContext) -> Iterable[PlannedStep]:
            # Alembic has made the table by now; whether it was there is asked beforehand.
            schema = context.version_table_schema
            table = f"{schema}.{context.version_table}" if schema else context.version_table
            found.append(VersionTable(table, created=not existed[0]))
            return ()

        existed: list[bool] = []

        def look(_heads: object, context: MigrationContext) -> Iterable[PlannedStep]:
            existed.append(has_version_table(context))
            return ()

        session.run(look, dont_mutate=True)
        # No revision runs whose own transaction would be committed with the table in it.
        session.run(work, transaction="run")
    return found[0]
