"""`migrator ensure-version`: makes the version table where there is none."""

from __future__ import annotations

from collections.abc import Iterable

from alembic.runtime.migration import MigrationContext

from migrator.bridge.plan import PlannedStep
from migrator.bridge.session import Needs, database_session
from migrator.bridge.version_table import ensure_version_table, has_version_table
from migrator.config.select import Workspace
from migrator.results.events import Report
from migrator.results.run import VersionTable


def ensure_version(workspace: Workspace, report: Report) -> VersionTable:
    """Make the version table if the environment's database has none. Raises DatabaseError and others."""
    found: list[VersionTable] = []
    with database_session(workspace, ["ensure_version"], report, Needs(models=False)) as session:

        def work(_heads: object, context: MigrationContext) -> Iterable[PlannedStep]:
            existed = has_version_table(context)
            ensure_version_table(context)
            schema = context.version_table_schema
            table = f"{schema}.{context.version_table}" if schema else context.version_table
            found.append(VersionTable(table, created=not existed))
            return ()

        # Alembic would make the table before `work` could ask for it. No revision runs whose own transaction
        # would be committed with the table in it.
        session.run(work, dont_mutate=True, transaction="run")
    return found[0]
