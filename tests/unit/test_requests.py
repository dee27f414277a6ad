"""A request is plain data: it goes to another process, and tells what came of it."""

from __future__ import annotations

import pickle
from dataclasses import fields
from typing import Any

import pytest

from migrator.errors import UsageError
from migrator.operations.command_requests import (
    CheckRequest,
    CurrentRequest,
    DatabaseRequest,
    DowngradeRequest,
    LogRequest,
    MarkRequest,
    RevisionsRequest,
    StampRequest,
    StatusRequest,
    UpgradeRequest,
    WaitRequest,
)
from migrator.operations.dispatch import operation_of
from migrator.operations.fleet.task import Task, outcome_of
from migrator.operations.run.consent import Consent
from migrator.results.judged import Checked
from migrator.results.records import LogList, Marked
from migrator.results.revisions import Current
from migrator.results.run import RunPlan, RunResult, Step

STEP = Step("aaa1", "one", "versions/aaa1.py")
DONE = RunResult("upgrade", "head", (), ("aaa1",), (STEP,))
ALREADY = RunResult("upgrade", "head", ("aaa1",), ("aaa1",))
PLAN = RunPlan("upgrade", "head", "shop", (), (STEP,))
REQUESTS = [
    UpgradeRequest(target="head", lock_wait=float("inf"), tag="t", allow_ahead=True),
    DowngradeRequest(target="-1", confirm="production", dry_run=True),
    StampRequest(targets=("aaa1", "bbb2"), purge=True, confirm="production"),
    MarkRequest(confirm="shop", force=True),
    MarkRequest(accept=("aaa1",)),
    CurrentRequest(check_heads=True),
    LogRequest(limit=20, revision="aaa"),
    StatusRequest(seconds=10),
    CheckRequest(against="history", fresh=True),
    WaitRequest(seconds=60, goal="head"),
    RevisionsRequest(),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
def test_a_task_arrives_in_another_process_as_it_was_sent(request_: DatabaseRequest) -> None:
    assert pickle.loads(pickle.dumps(Task(request_, traceback=True))) == Task(request_, traceback=True)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
def test_every_request_has_an_operation(request_: DatabaseRequest) -> None:
    assert callable(operation_of(request_))


def test_no_operation_is_guessed_for_an_unknown_request() -> None:
    with pytest.raises(TypeError, match="DatabaseRequest"):
        operation_of(DatabaseRequest())


@pytest.mark.parametrize(
    ("request_", "confirm"),
    [
        (UpgradeRequest(target="head"), None),
        (DowngradeRequest(target="-1", confirm="production"), "production"),
        (StampRequest(targets=("head",), confirm="production"), "production"),
    ],
)
def test_what_a_request_confirms_is_added_to_who_can_be_asked(
    request_: DatabaseRequest, confirm: str | None
) -> None:
    operation: Any = operation_of(request_, Consent(yes=True, can_ask=True))

    assert operation.keywords["consent"] == Consent(confirm, yes=True, can_ask=True)


@pytest.mark.parametrize(
    ("request_", "result", "outcome"),
    [
        (UpgradeRequest(target="head"), DONE, "done"),
        (UpgradeRequest(target="head"), ALREADY, "nothing to do"),
        (UpgradeRequest(target="head", dry_run=True), PLAN, "planned"),
        (MarkRequest(), Marked("shop", "testing", changed=True), "done"),
        (MarkRequest(), Marked("shop", "testing", changed=False), "nothing to do"),
        (CurrentRequest(), Current((), (), False, "shop"), "read"),
        (CurrentRequest(check_heads=True), Current((), (), True, "shop"), "yes"),
        (CurrentRequest(check_heads=True), Current((), (), False, "shop"), "no"),
        (CheckRequest(), Checked("database"), "yes"),
        (CheckRequest(), Checked("database", pending=("aaa1",)), "no"),
        (LogRequest(limit=20), LogList(None, ()), "read"),
    ],
)
def test_a_request_tells_what_came_of_it(request_: DatabaseRequest, result: object, outcome: str) -> None:
    assert outcome_of(request_, result) == outcome


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        (UpgradeRequest, {"target": 5}, "target is a text, not 5."),
        (UpgradeRequest, {"target": None}, "target is a text, not None."),
        (UpgradeRequest, {"target": "head", "dry_run": None}, "dry_run is True or False, not None."),
        (DowngradeRequest, {"target": "-1", "confirm": True}, "confirm is a text, not True."),
        (StatusRequest, {"seconds": "10s"}, "timeout is a number of seconds, not '10s'."),
        (CheckRequest, {"against": "air"}, "against 'air' is not known."),
        (WaitRequest, {"seconds": 1, "goal": "heads"}, "goal 'heads' is not known."),
    ],
)
def test_values_of_another_type_are_refused(kind: Any, values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        kind(**values)

    assert caught.value.message == said


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
def test_a_request_has_no_place_for_a_password(request_: DatabaseRequest) -> None:
    assert {each.name for each in fields(request_)}.isdisjoint({"url", "consent", "choice", "x"})
