"""The rules, by what the statements they find do; and what a rule is."""

from __future__ import annotations

from dataclasses import dataclass
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
