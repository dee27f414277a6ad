"""The version table, of which Alembic's contexts have no public name."""

from __future__ import annotations

from alembic.runtime.migration import MigrationContext

from migrator.bridge.tenant_cache import cached


def has_version_table(context: MigrationContext) -> bool:
    """Whether the database of a context has a version table."""
    return context._has_version_table()


def ensure_version_table(context: MigrationContext) -> None:
    """Make the version table where there is none; offline, write the SQL for it."""
    context._ensure_version_table()


def share_version_table(context: MigrationContext) -> None:
    """Let the contexts of tenants describe a version table of one name by one object.

    What SQLAlchemy has compiled for one tenant then serves the next.
    """
    primary_key = context.opts.get("version_table_pk", True)
    key = (type(context.impl), context.version_table, context.version_table_schema, primary_key)
    context._version = cached(key, lambda: context._version)
