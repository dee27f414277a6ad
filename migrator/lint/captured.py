"""What is judged: the statements that revisions ran, as somebody captured them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Statement:
    """One statement that a revision ran, in the order of the run.

    `file` is the path as it is shown, `line` that of the `op.*` call in it, None where that is not known.
    `in_transaction` is False inside an `autocommit_block`. `old_types` maps `table.column` (with the schema
    if the statement names it) to the column's type before the statement, as far as somebody knows it. Where
    Alembic copies a table it has both tables; the one statement stands here once for each operation that it
    carries out, with the columns which that one changes.
    """

    sql: str
    revision: str
    file: str
    line: int | None
    operation: str
    in_transaction: bool = True
    old_types: Mapping[str, str] = field(default_factory=dict)
