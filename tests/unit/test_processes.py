"""Processes of a pool: what they inherit, what they say, and how their ends are told."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

from migrator import secrets
from migrator.errors import (
    ConfigurationError,
    ExitCode,
    InterruptedCommandError,
    MigratorError,
    RefusedError,
)
from migrator.processes.child import Do, Done, Load
from migrator.processes.pool import Pool, Worker, answers, ended_error
from migrator.processes.side_by_side import LateError, SideBySide
from migrator.results.events import Event, Noticed, Report, ignore

SECRET = "n0tToBeSeenAnywhere"
LOADED: list[int] = []


def do(request: str, report: Report) -> object:
    """Do one of the things that a test wants a process to do."""
    match request:
        case "who":
            return os.getpid(), os.getppid(), LOADED
        case "surroundings":
            return Path.cwd(), os.environ.get("SEEN_BY_ALL"), sys.path, sys.argv
        case "exit":
            os._exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "print and exit":
            print("printed")  # noqa: T201
            os.system("echo by a program")
            os._exit(4)
        case "sleep":
            time.sleep(60)
        case "refuse":
            raise RefusedError(f"Not {SECRET}.", hint="Ask nicely.")
        case "break":
            raise LookupError(SECRET)
        case "talk":
            report(Noticed(f"I know {SECRET}"))
            logging.getLogger("theirs").warning("so does %s", SECRET)
    return request


def load() -> AbstractContextManager[Do]:
    """Be called once, by the process that is copied."""
    LOADED.append(os.getpid())
    secrets.register(SECRET)
    return nullcontext(do)


def load_nothing() -> AbstractContextManager[Do]:
    """Fail before there is any copy."""
    raise ImportError("no such thing")


@contextmanager
def pool_of(count: int, load: Load = load, *, captured: bool = False) -> Iterator[Pool]:
    """Give a pool whose processes are there, and end it."""
    pool = Pool(load, count, captured=captured)
    try:
        pool.await_ready()
        yield pool
    finally:
        pool.kill()
        pool.end()


def next_answers(pool: Pool, count: int, report: Report = ignore) -> dict[Worker, Done | MigratorError]:
    """Give so many answers."""
    found: dict[Worker, Done | MigratorError] = {}
    end = time.monotonic() + 30
    while len(found) < count:
        assert time.monotonic() < end
        found |= answers([pool], 1, report)
    return found


def answered(pool: Pool, request: str, report: Report = ignore) -> Done | MigratorError:
    """Give the answer of the first process."""
    pool.workers[0].give(request)
    return next_answers(pool, 1, report)[pool.workers[0]]


def test_all_are_copies_of_one_that_has_loaded_once() -> None:
    with pool_of(3) as pool:
        for each in pool.workers:
            each.give("who")
        found = next_answers(pool, 3).values()

    results = [each.result for each in found if isinstance(each, Done)]
    pids, parents, loaded = zip(*results, strict=True)
    assert len(set(pids)) == 3
    assert set(parents).isdisjoint({os.getpid(), *pids})
    assert loaded == ([parents[0]],) * 3


def test_they_have_folder_variables_path_and_arguments_of_the_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEEN_BY_ALL", "yes")
    monkeypatch.syspath_prepend(tmp_path / "lib")
    monkeypatch.setattr(sys, "argv", ["a program", "--option"])

    with pool_of(1) as pool:
        found = answered(pool, "surroundings")

    assert found == Done((tmp_path, "yes", sys.path, ["a program", "--option"]))


def test_an_error_is_the_same_here_and_nothing_that_is_told_has_a_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events: list[Event] = []
    with pool_of(1) as pool:
        refused = answered(pool, "refuse")
        broken = answered(pool, "break")
        talked = answered(pool, "talk", events.append)

    assert isinstance(refused, RefusedError)
    assert isinstance(broken, MigratorError)
    assert (refused.message, refused.hint) == ("Not ***.", "Ask nicely.")
    assert broken.message == "A fault of migrator itself: LookupError: ***"
    assert (talked, events) == (Done("talk"), [Noticed("I know ***")])
    (record,) = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == ("migrator", "WARNING", "so does ***")
    assert SECRET not in f"{refused.__cause__}{broken.__cause__}"


def test_how_one_has_ended_is_told_and_the_others_go_on() -> None:
    with pool_of(3) as pool:
        exiting, killed, other = pool.workers
        exiting.give("exit")
        killed.give("kill")
        found = next_answers(pool, 2)

        assert "ended with exit code 3." in str(found[exiting])
        assert "ended by SIGKILL" in str(found[killed])
        assert [each.is_gone for each in pool.workers] == [True, True, False]
        assert not exiting.give("hello")
        exiting.is_busy = False
        assert other.give("hello")
        assert next_answers(pool, 1)[other] == Done("hello")


def test_one_that_cannot_load_is_the_end_of_all(capfd: pytest.CaptureFixture[str]) -> None:
    with pool_of(2, load_nothing) as pool:
        for each in pool.workers:
            each.give("hello")
        found = next_answers(pool, 2)

    assert ["ended with exit code 1." in str(each) for each in found.values()] == [True, True]
    assert "no such thing" in capfd.readouterr().err


def test_interrupted_ones_answer_and_idle_ones_end() -> None:
    with pool_of(2) as pool:
        busy, idle = pool.workers
        busy.give("sleep")
        time.sleep(0.5)
        pool.interrupt()

        assert type(next_answers(pool, 1)[busy]) is InterruptedCommandError
        assert type(pool.ended(idle)) is InterruptedCommandError


def test_what_is_printed_is_logged_where_it_is_captured(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO, "migrator"), pool_of(1, captured=True) as pool:
        error = answered(pool, "print and exit")

    assert [each.getMessage() for each in caplog.records] == ["printed", "by a program"]
    assert str(error).endswith("ended with exit code 4. It said: by a program")
    assert capfd.readouterr() == ("", "")


def test_a_parent_that_ignores_its_children_and_signals_learns_the_same() -> None:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGCHLD, signal.SIGTERM)}
    try:
        with pool_of(1) as pool:
            assert "exit code 3" in str(answered(pool, "exit"))
        with pool_of(1) as pool:
            pool.interrupt()
            assert type(pool.ended(pool.workers[0])) is InterruptedCommandError
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.slow
def test_side_by_side_what_is_late_or_dead_hides_no_answer_and_is_replaced() -> None:
    ticks: list[float] = []
    with SideBySide[str, object](load, 4) as processes:
        late, dead, refused, answer = processes.ask(
            ["sleep", "kill", "refuse", "hello"], 1, lambda: ticks.append(time.monotonic())
        )
        pids = processes.ask(["who"] * 4, 30)
        assert processes.ask(["who"] * 4, 30) == pids

    assert isinstance(late, LateError)
    assert isinstance(dead, MigratorError)
    assert "ended by SIGKILL" in dead.message
    assert (type(refused), answer) == (RefusedError, "hello")
    assert len(ticks) > 2


def test_threads_may_each_have_processes_of_their_own() -> None:
    answers: list[object] = []

    def ask() -> None:
        with SideBySide[str, object](load, 2) as processes:
            answers.extend(processes.ask(["a", "b"], 30))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert answers == ["a", "b"] * 3


def test_a_python_that_cannot_be_started_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")

    with pytest.raises(ConfigurationError, match="Python cannot be started as /no/such/python"):
        Pool(load)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (3, "ended with exit code 3."),
        (-signal.SIGSEGV, "ended by SIGSEGV."),
        (
            -signal.SIGKILL,
            "ended by SIGKILL, which is also how a system ends a process when memory runs out.",
        ),
        (-250, "ended by signal 250."),
        (None, "ended without an exit code."),
    ],
)
def test_the_end_of_a_process_is_told_in_one_way(code: int | None, said: str) -> None:
    error = ended_error(code, "Look there")

    assert error.message == f"The process that worked on it {said}"
    assert error.hint == "What it had not committed is rolled back. Look there, then do it again."
    assert error.exit_code == ExitCode.FAULT


def test_one_that_was_told_to_stop_was_interrupted() -> None:
    assert type(ended_error(-signal.SIGTERM, "Look there")) is InterruptedCommandError
