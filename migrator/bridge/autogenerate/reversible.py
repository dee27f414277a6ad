"""Operations that Alembic's autogenerate has no way back for: renames, and SQL with its opposite.

What is written of them is plain Alembic: `op.rename_table`, `op.alter_column` and `op.execute`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops

from migrator.results.differences import Change


class RenameTable(ops.RenameTableOp):
    """The rename of a table, and back."""

    def reverse(self) -> RenameTable:
        return RenameTable(self.new_table_name, self.table_name, schema=self.schema)


class RenameColumn(ops.AlterColumnOp):
    """The rename of a column and nothing else, and back."""

    def reverse(self) -> RenameColumn:
        said = {**vars(self), "column_name": self.modify_name, "modify_name": self.column_name}
        return RenameColumn(**said.pop("kw"), **said)


# As Alembic writes the further arguments of alter_column.
_INDENT = " " * 15


class AlterIdentity(ops.AlterColumnOp):
    """A column that becomes, is changed as, or ceases to be an identity column.

    Alembic needs to be told what it was before, and does not write that itself.
    """


class ReversibleSql(ops.ExecuteSQLOp):
    """SQL statements with those that undo them; either may be none. `change` says what they do.

    `sql` is SQL as a database takes it; the colons in it are escaped where it is written.
    """

    def __init__(self, sql: Sequence[str], undo: Sequence[str], change: Change, back: Change) -> None:
        super().__init__("; ".join(sql))
        self.sql = tuple(sql)
        self.undo = tuple(undo)
        self.change = change
        self.back = back

    def reverse(self) -> ReversibleSql:
        return ReversibleSql(self.undo, self.sql, self.back, self.change)


@renderers.dispatch_for(RenameTable)
def _rename_table(context: AutogenContext, operation: RenameTable) -> str:
    names = [repr(str(operation.table_name)), repr(str(operation.new_table_name))]
    if operation.schema:
        names.append(f"schema={str(operation.schema)!r}")
    return f"{_prefix(context)}rename_table({', '.join(names)})"


@renderers.dispatch_for(AlterIdentity)
def _alter_identity(context: AutogenContext, operation: AlterIdentity) -> str:
    write = renderers.dispatch(ops.AlterColumnOp)
    was = ops.AlterColumnOp(
        operation.table_name,
        operation.column_name,
        existing_server_default=operation.existing_server_default,
    )
    text, existing = write(context, operation), write(context, was)
    _, _, said = existing.removesuffix(")").partition(",\n")
    # Unsaid it would mean that nobody knows, and for older versions that there was an identity already.
    return f"{text.removesuffix(')')},\n{said or f'{_INDENT}existing_server_default=None'})"


@renderers.dispatch_for(ReversibleSql)
def _statements(context: AutogenContext, operation: ReversibleSql) -> list[str]:
    return [f"{_prefix(context)}execute({_written(_escaped(sql))})" for sql in operation.sql]


def _written(sql: str) -> str:
    """Write a text as Python: of several lines each on its own, since files are indented line by line."""
    lines = sql.splitlines(keepends=True)
    if len(lines) < 2:
        return repr(sql)
    return "\n".join(["", *(f"    {line!r}" for line in lines), ""])


def _prefix(context: AutogenContext) -> Any:
    return context.opts["alembic_module_prefix"] or ""


def _escaped(sql: str) -> str:
    """`op.execute` takes `:name` for a parameter; `::type` it leaves alone."""
    return re.sub("(?<!:):(?!:)", r"\\:", sql)
