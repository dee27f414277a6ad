"""Which tenant is next, and when no other one is begun."""

from __future__ import annotations

from migrator.config.tenants import Tenant
from migrator.operations.fleet.fleet_course import TenantOrder
from migrator.results.fleet import FleetResult, TenantAnswer, TenantOutcome

TENANTS = [Tenant(name) for name in "abcd"]


def take(course: TenantOrder, name: str, outcome: TenantOutcome = "done", code: int = 0) -> None:
    course.take(TenantAnswer(name, outcome, code))


def begun(course: TenantOrder) -> list[str]:
    """Begin as many as there are to begin."""
    found = []
    while (tenant := course.next()) is not None:
        found.append(tenant.name)
    return found


def outcomes(course: TenantOrder) -> list[str]:
    return [each.outcome for each in course.all_answers()]


def test_all_are_begun_in_their_order() -> None:
    course = TenantOrder(TENANTS)

    assert begun(course) == ["a", "b", "c", "d"]


def test_the_rest_waits_for_all_canaries() -> None:
    course = TenantOrder(TENANTS, canary=2)

    assert begun(course) == ["a", "b"]
    take(course, "a")
    assert begun(course) == []
    take(course, "b", "nothing to do")
    assert begun(course) == ["c", "d"]


def test_a_canary_that_failed_keeps_the_rest_from_beginning() -> None:
    course = TenantOrder(TENANTS, canary=2)
    begun(course)
    take(course, "b", "failed", 7)
    take(course, "a")

    assert begun(course) == []
    assert outcomes(course) == ["done", "failed", "skipped", "skipped"]
    assert course.all_answers()[2].error == "the canary b failed"


def test_fleets_without_canaries_go_on_after_a_failure_unless_they_are_not_to() -> None:
    for fail_fast, expected in ((False, ["b", "c", "d"]), (True, [])):
        course = TenantOrder(TENANTS, fail_fast=fail_fast)
        course.next()
        take(course, "a", "failed", 7)
        assert begun(course) == expected


def test_the_exit_code_is_the_one_that_all_failures_share() -> None:
    def code(*codes: tuple[TenantOutcome, int | None], writes: bool) -> int:
        answers = tuple(TenantAnswer(str(index), *each) for index, each in enumerate(codes))
        return FleetResult(answers, 1.0).code(writes=writes)

    done: tuple[TenantOutcome, int] = ("done", 0)
    assert code(done, ("nothing to do", 0), writes=True) == 0
    assert code(done, ("failed", 6), ("failed", 6), ("skipped", None), writes=True) == 6
    assert code(done, ("failed", 6), ("failed", 8), writes=True) == 7
    assert code(("yes", 0), ("no", 1), writes=False) == 1
    assert code(("no", 1), ("failed", 6), writes=False) == 1
    assert code(("yes", 0), ("failed", 6), ("failed", 5), writes=False) == 7
    assert code(done, ("skipped", None), writes=True) == 7
    assert code(("yes", 0), ("failed", 6), writes=False) == 6
    assert code(writes=True) == 0
