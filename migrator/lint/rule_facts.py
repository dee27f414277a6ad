"""A rule, and a statement that rules judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warning"]

# Lock modes as PostgreSQL's documentation names them, with whom they keep waiting.
ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"
SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
SHARE = "SHARE"


@dataclass(frozen=True)
class Rule:
    """A rule: why what it finds hurts, and how to write it safely with Alembic's operations.

    `severity` is None for a rule that is off unless `lint_error` names it. `lock` is the lock that the
    statement takes on PostgreSQL, empty where it matters to nobody or is not known. `opt_in` means that
    squawk has to be asked for it. `on_new` says whether it holds for tables that the same batch of revisions
    made.
    """

    name: str
    why: str
    remedy: str
    severity: Severity | None = "error"
    lock: str = ACCESS_EXCLUSIVE
    opt_in: bool = False
    on_new: bool = False


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
