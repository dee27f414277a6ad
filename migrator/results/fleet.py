"""Results of a command that was run for many tenants."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

TenantOutcome = Literal["done", "planned", "nothing to do", "read", "yes", "no", "failed", "skipped"]


@dataclass(frozen=True)
class TenantAnswer:
    """What became of one tenant.

    `outcome` of a command that writes is `done` or `nothing to do`, or `planned` where it only shows a plan;
    of one that reads it is `yes` or `no`, or `read` where it asks nothing; of either `failed` or `skipped`.

    `code` is the exit code that the command would have had alone, None where it was not begun. `seconds` is
    the time it took. `result` is what the command gives for one database, None where it gave nothing.
    `error`, `hint` and `error_type` say why it failed, or was skipped. `notes` are what was told meanwhile,
    `trace` is a traceback where one was asked for.
    """

    tenant: str
    outcome: TenantOutcome
    code: int | None = None
    seconds: float = 0.0
    result: Any = None
    error: str = ""
    hint: str = ""
    error_type: str = ""
    notes: tuple[str, ...] = ()
    trace: str = ""


@dataclass(frozen=True)
class FleetResult:
    """The answers of all tenants that were asked for, in the list's order; `seconds` is the whole time."""

    tenants: tuple[TenantAnswer, ...]
    seconds: float

    @property
    def counts(self) -> dict[str, int]:
        """How many tenants had each outcome."""
        return dict(Counter(each.outcome for each in self.tenants))

    def code(self, *, writes: bool) -> int:
        """Give the exit code: 0, or the one that all failures share, else 7; 1 where a reader says no."""
        outcomes = {each.outcome for each in self.tenants}
        if not writes and "no" in outcomes:
            return 1
        codes = {each.code for each in self.tenants if each.outcome == "failed"}
        if len(codes) == 1:
            return codes.pop() or 7
        # What was skipped is not done, whatever became of the others.
        return 7 if codes or "skipped" in outcomes else 0
