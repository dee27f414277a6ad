"""Keeps a run for one tenant to that tenant's schema."""

from __future__ import annotations

from alembic.runtime.migration import MigrationContext

from migrator.bridge.env_py.connected_database import connection_of
from migrator.bridge.env_py.handover import is_our_env
from migrator.config.select import Workspace
from migrator.database.kinds import kind_of
from migrator.errors import DatabaseError, Effect, RefusedError


def refuse_other_schema(context: MigrationContext, workspace: Workspace) -> None:
    """Refuse to take another schema for a tenant's, before anything is asked of it.

    Raises DatabaseError where there is none of its name, and RefusedError for an env.py that knows no
    tenants: it would do to the same schema what was meant for each.
    """
    schema = workspace.tenant.schema if workspace.tenant is not None else None
    if schema is None or context.as_sql or context.version_table_schema == schema:
        return
    connection = connection_of(context)
    place = kind_of(connection.dialect.name).session_place(connection)
    if place is not None:
        _session, database, there = place
        if there == schema:
            return
        if there is None or (context.config is not None and is_our_env(context.config)):
            quoted = connection.dialect.identifier_preparer.quote(schema)
            raise DatabaseError(
                f"The database {database} has no schema {schema} that this role may use.",
                hint=f"Create it: CREATE SCHEMA {quoted}; or take it out of the tenants of"
                f" {workspace.environment.name}.",
            )
        where = f"the schema {there}"
    else:
        where = "a database without schemas"
    raise RefusedError(
        f"env.py works on {where}, not on that of the tenant {schema}.",
        effect=Effect.NOTHING_DONE,
        hint=f"It is told the tenant by -x tenant={schema}: let it take that from context.get_x_argument().",
    )
