"""What a database holds, the comparison of two databases, and the SQL for what Alembic does not see."""

from migrator.database.catalog.definition_statements import (
    NotCreatableError,
    creation_statements,
    needed_by_tables,
    removal_statements,
)
from migrator.database.catalog.objects import Catalog, differences, foreign_objects
from migrator.database.catalog.reading import read_catalog

__all__ = [
    "Catalog",
    "NotCreatableError",
    "creation_statements",
    "differences",
    "foreign_objects",
    "needed_by_tables",
    "read_catalog",
    "removal_statements",
]
