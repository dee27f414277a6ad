"""Names of tables as operations and models have them."""

from __future__ import annotations

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy import Table


def qualified(schema: str | None, name: str) -> str:
    """Give `schema.name`, or the name alone."""
    return f"{schema}.{name}" if schema else str(name)


def model_table(autogen: AutogenContext, create: ops.CreateTableOp) -> Table:
    """Give the table of the models that an operation creates."""
    wanted = (create.schema, create.table_name)
    return next(table for table in autogen.sorted_tables if (table.schema, table.name) == wanted)
