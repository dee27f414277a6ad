"""A database's catalogue as an environment sees it, and how it differs from what its history creates."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from migrator.bridge.env_py.connected_database import connection_of, log_table_name
from migrator.bridge.env_py.session import Needs
from migrator.config.select import Workspace
from migrator.database.catalog.objects import Catalog, differences
from migrator.database.catalog.reading import read_catalog
from migrator.database.kinds import kind_of
from migrator.database.own.own_tables import excluder, is_own_table
from migrator.errors import ConfigurationError, DatabaseError, MigratorError, RefusedError
from migrator.results.differences import Difference
from migrator.results.events import Report
from migrator.scratch import Scratch, ScratchDatabase, ScratchFailedError, is_known_equal, scratch


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


class NotComparableError(MigratorError):
    """A database cannot be compared with its history."""


@dataclass(frozen=True)
class ObservedDatabase:
    """A database as it was seen: its kind and version, where it stands, and what it holds."""

    backend: str
    major: str
    heads: tuple[str, ...]
    catalog: Catalog
    view: CatalogView

    @property
    def digest(self) -> str:
        """A hash of all that counts when it is compared with a history."""
        objects = [[*key, definition] for key, definition in self.catalog.objects.items()]
        said = [self.backend, self.major, self.view.version_table, objects]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def observe_database(
    workspace: Workspace, heads: tuple[str, ...], context: MigrationContext
) -> ObservedDatabase:
    """Look at the database of a context, in a handful of queries whatever it holds, writing nothing."""
    connection, view = connection_of(context), CatalogView.of(workspace, context)
    version = connection.dialect.server_version_info or ("",)
    backend = kind_of(connection.dialect.name).name
    return ObservedDatabase(backend, str(version[0]), heads, view.read(connection), view)


def drift(
    workspace: Workspace, seen: ObservedDatabase, report: Report, *, fresh: bool
) -> tuple[Difference, ...]:
    """Give what a database (`left`) and its history, replayed to where it stands (`right`), have otherwise.

    Of a database and a history that were found equal before it is known without a replay, unless `fresh`.
    Raises NotComparableError, with what to do in its hint, where there is no scratch database to replay on,
    or none of the same version, or the history does not run there; and RevisionsError.
    """
    digest = seen.digest
    if not fresh and is_known_equal(workspace, seen.heads, digest):
        return ()
    try:
        with scratch(workspace, report, fresh=fresh) as place:
            _require_like(seen, place)
            with place.reading(*seen.heads) as database:
                found = differences(seen.catalog, database.call(seen.view.read_replayed))
            if not found:
                place.remember_equal(seen.heads, digest)
            return found
    except (ConfigurationError, RefusedError, DatabaseError, ScratchFailedError) as exc:
        raise NotComparableError(exc.message.rstrip("."), hint=exc.hint) from exc


def _require_like(seen: ObservedDatabase, place: Scratch) -> None:
    hint = "Name a server like it in the [migrator] section: scratch_url = URL"
    if place.backend != seen.backend:
        raise NotComparableError(
            f"the scratch database is of the kind {place.backend}, the database {seen.backend}", hint=hint
        )
    if place.major and place.major != seen.major:
        raise NotComparableError(
            f"the scratch server is a PostgreSQL {place.major}, the database a {seen.major}, and two versions"
            " word the same thing differently",
            hint=hint,
        )
