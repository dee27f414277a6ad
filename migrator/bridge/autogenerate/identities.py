"""Identity columns, of which Alembic writes less than it needs."""

from __future__ import annotations

from alembic.operations import ops
from sqlalchemy import Identity

from migrator.bridge.autogenerate.reversible import AlterIdentity


def say_what_was_identity(up: ops.UpgradeOps) -> None:
    """Put operations that say what a column was before in the place of those that change an identity."""
    for block in up.ops:
        if isinstance(block, ops.ModifyTableOps):
            block.ops[:] = [_told(op) for op in block.ops]


def _told(op: ops.MigrateOperation) -> ops.MigrateOperation:
    if not isinstance(op, ops.AlterColumnOp) or op.modify_server_default is False:
        return op
    if not any(isinstance(each, Identity) for each in (op.existing_server_default, op.modify_server_default)):
        return op
    return AlterIdentity(
        op.table_name,
        op.column_name,
        schema=op.schema,
        existing_type=op.existing_type,
        existing_nullable=op.existing_nullable,
        existing_server_default=op.existing_server_default,
        existing_comment=op.existing_comment,
        modify_nullable=op.modify_nullable,
        modify_comment=op.modify_comment,
        modify_server_default=op.modify_server_default,
        modify_type=op.modify_type,
        **op.kw,
    )
