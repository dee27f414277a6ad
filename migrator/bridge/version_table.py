"""The version table; Alembic has no public name for either question."""

from __future__ import annotations

from alembic.runtime.migration import MigrationContext


def has_version_table(context: MigrationContext) -> bool:
    """Whether the database of a context has a version table."""
    return context._has_version_table()


def ensure_version_table(context: MigrationContext) -> None:
    """Make the version table where there is none; offline, write the SQL for it."""
    context._ensure_version_table()
