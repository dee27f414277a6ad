"""An error says what it left behind: in its message, in `--json`, and across processes."""

from __future__ import annotations

import pickle

import pytest

from migrator.cli.invocation import Outcome
from migrator.cli.output import envelope
from migrator.errors import Effect, ExitCode, MigratorError, RefusedError
from migrator.plain import error_lines
from migrator.processes.child import passed_on
from migrator.results.run import Failure, RunResult, Step
from migrator.results.run_errors import MigrationFailedError

SAID = [
    (Effect.NOTHING_DONE, "The file is there; nothing was done."),
    (Effect.NOTHING_WRITTEN, "The file is there; nothing was written."),
    (Effect.NOTHING_CHANGED, "The file is there; nothing was changed."),
    (Effect.NOTHING_APPLIED, "The file is there."),
    (Effect.PARTLY_APPLIED, "The file is there."),
    (None, "The file is there."),
]
STEP = Step("aaa1", "one", "versions/aaa1.py")


@pytest.mark.parametrize(("effect", "message"), SAID)
def test_a_message_ends_with_the_effect_that_the_error_has(effect: Effect | None, message: str) -> None:
    error = RefusedError("The file is there.", effect=effect, hint="Move it.")

    assert (error.message, str(error), error.what) == (message, message, "The file is there.")
    assert list(error_lines(error)) == [f"error: {message}", "hint: Move it."]
    [told] = envelope("upgrade", "testing", Outcome(None, ExitCode.REFUSED), (error,))["errors"]
    assert told == {"type": "RefusedError", "message": message, "effect": effect, "hint": "Move it."}


def test_what_is_said_about_an_error_later_goes_before_its_effect() -> None:
    error = RefusedError("The file is there.", effect=Effect.NOTHING_DONE)
    error.what = f"testing: {error.what}"

    assert str(error) == "testing: The file is there; nothing was done."


def test_an_effect_goes_from_process_to_process() -> None:
    error = RefusedError("The file is there.", effect=Effect.NOTHING_WRITTEN, hint="Move it.")

    for arrived in (pickle.loads(pickle.dumps(error)), pickle.loads(pickle.dumps(passed_on(error))).error()):
        assert (arrived.what, arrived.effect, arrived.hint) == (error.what, error.effect, error.hint)
        assert arrived.message == error.message


@pytest.mark.parametrize(
    ("result", "effect"),
    [
        (RunResult("upgrade", "head", (), ("aaa1",), (STEP,)), Effect.PARTLY_APPLIED),
        (RunResult("upgrade", "head", (), ()), Effect.NOTHING_APPLIED),
        (RunResult("upgrade", "head", (), None), None),
        (RunResult("upgrade", "head", (), None, (STEP,)), Effect.PARTLY_APPLIED),
        (
            RunResult("upgrade", "head", (), (), failed=Failure(STEP, "no", None, None, None, ("CREATE",))),
            Effect.PARTLY_APPLIED,
        ),
    ],
)
def test_a_run_that_failed_tells_by_its_result_what_it_left_behind(
    result: RunResult, effect: Effect | None
) -> None:
    error = MigrationFailedError("The upgrade failed.", result)

    assert (error.effect, error.message) == (effect, "The upgrade failed.")


def test_the_first_line_of_a_class_is_the_message_where_none_is_given() -> None:
    assert str(MigratorError()) == "Something went wrong."
