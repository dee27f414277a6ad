"""Says which tenant is next: canaries first, and none after a failure where that ends the command."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from migrator.config.tenants import Tenant
from migrator.results.fleet import TenantAnswer


class TenantOrder:
    """The tenants that are left, those at work, and the answers that are in; `failures` counts the failed."""

    def __init__(self, tenants: Sequence[Tenant], *, canary: int = 0, fail_fast: bool = False) -> None:
        """Begin with all; `canary` of them go before all others, and with `fail_fast` a failure ends it."""
        self.tenants = tuple(tenants)
        self.failures = 0
        self._left = deque(tenants)
        self._canary = canary
        self._fail_fast = fail_fast
        self._running: dict[str, Tenant] = {}
        self._answers: dict[str, TenantAnswer] = {}
        self._stopped = ""

    @property
    def running(self) -> tuple[str, ...]:
        """The names of the tenants at work, in the order in which they began."""
        return tuple(self._running)

    @property
    def answered(self) -> int:
        """How many answers are in."""
        return len(self._answers)

    @property
    def is_over(self) -> bool:
        """Whether no other tenant will be begun."""
        return bool(self._stopped) or not self._left

    def next(self) -> Tenant | None:
        """Give a tenant to begin with, None where there is none at the moment."""
        begun = len(self._running) + len(self._answers)
        waits = begun >= self._canary and len(self._answers) < self._canary
        if self._stopped or waits or not self._left:
            return None
        tenant = self._left.popleft()
        self._running[tenant.name] = tenant
        return tenant

    def take(self, answer: TenantAnswer) -> None:
        """Take in the answer of a tenant that was begun."""
        del self._running[answer.tenant]
        self._answers[answer.tenant] = answer
        if answer.outcome != "failed":
            return
        self.failures += 1
        if len(self._answers) <= self._canary:
            self.stop(f"the canary {answer.tenant} failed")
        elif self._fail_fast:
            self.stop(f"{answer.tenant} failed")

    def stop(self, why: str) -> None:
        """Begin with no other tenant."""
        self._stopped = self._stopped or why

    def all_answers(self) -> tuple[TenantAnswer, ...]:
        """Give what became of each tenant, in their order; those that were not begun were skipped."""
        return tuple(
            self._answers.get(each.name) or TenantAnswer(each.name, "skipped", error=self._stopped)
            for each in self.tenants
        )
