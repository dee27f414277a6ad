"""How an environment looks at a database's catalogue: without what is not its own."""

from __future__ import annotations

from dataclasses import dataclass

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from migrator.bridge.env_py.connected_database import log_table_name
from migrator.bridge.env_py.session import Needs
from migrator.config.select import Workspace
from migrator.database.catalog import Catalog, read_catalog
from migrator.database.own.own_tables import excluder, is_own_table
from migrator.scratch import ScratchDatabase


@dataclass(frozen=True)
class CatalogView:
    """What of a database counts: all but the version table, migrator's own tables and `exclude_tables`.

    Of a tenant that is a schema only that schema counts.
    """

    workspace: Workspace
    version_table: str

    @classmethod
    def of(cls, workspace: Workspace, context: MigrationContext) -> CatalogView:
        """Give that of a workspace, whose version table env.py has named."""
        schema, table = context.version_table_schema, context.version_table
        return cls(workspace, f"{schema}.{table}" if schema else table)

    def read(self, connection: Connection) -> Catalog:
        """Read a database, writing nothing."""
        excluded = excluder(self.workspace.environment.settings.exclude_tables)
        log_table = log_table_name(self.workspace)

        def leave_out(name: str, schema: str | None) -> bool:
            return excluded(name, schema) or is_own_table(name, schema, log_table)

        return read_catalog(
            connection,
            leave_out=leave_out,
            version_tables=(self.version_table,),
            only_schema=self._schema,
        )

    def read_replayed(self, connection: Connection) -> Catalog:
        """Read a scratch database, whose schema has the tenant's name while it is read.

        The connection is in autocommit. Definitions name the schema, so that no other way compares them.
        """
        if self._schema in (None, "public"):
            return self.read(connection)
        schema = connection.dialect.identifier_preparer.quote_identifier(self._schema)
        connection.exec_driver_sql("BEGIN")
        try:
            connection.exec_driver_sql(f"ALTER SCHEMA public RENAME TO {schema}")
            return self.read(connection)
        finally:
            connection.exec_driver_sql("ROLLBACK")

    @property
    def _schema(self) -> str | None:
        tenant = self.workspace.tenant
        return tenant.schema if tenant is not None else None


def scratch_catalog(database: ScratchDatabase) -> Catalog:
    """Read a scratch database, as its environment's env.py sees it. Raises as `Session.look` does."""
    views: list[CatalogView] = []
    with database.session(["current"], Needs(writes=False, models=False)) as session:
        session.look(lambda _heads, context: views.append(CatalogView.of(database.workspace, context)))
    return database.call(views[-1].read)
