"""Names for constraints that the models give none: without one no downgrade can take them away."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from alembic.operations import ops


def name_constraints(up: ops.UpgradeOps, longest: int) -> None:
    """Give every constraint that is added to a table a name of at most `longest` bytes.

    It is the one that PostgreSQL itself gives (`ChooseConstraintName` in its source), where that is not too
    long: `orders_user_id_fkey`, `users_email_key`.
    """
    taken: set[str] = set()
    for block in up.ops:
        for op in block.ops if isinstance(block, ops.ModifyTableOps) else ():
            if isinstance(op, ops.CreateForeignKeyOp) and op.constraint_name is None:
                op.constraint_name = _name((op.source_table, *op.local_cols), "fkey", longest, taken)
            elif isinstance(op, ops.CreateUniqueConstraintOp) and op.constraint_name is None:
                op.constraint_name = _name((op.table_name, *op.columns), "key", longest, taken)


def _name(parts: Sequence[str], kind: str, longest: int, taken: set[str]) -> str:
    whole, number = "_".join(map(str, parts)), 0
    while True:
        last = f"_{kind}{number or ''}"
        name = f"{whole}{last}"
        if len(name.encode()) > longest:
            last = f"_{hashlib.sha256(whole.encode()).hexdigest()[:8]}{last}"
            name = whole.encode()[: longest - len(last)].decode(errors="ignore") + last
        if name not in taken:
            taken.add(name)
            return name
        number += 1
