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
from migrator.errors import ConfigurationError, ExitCode, InterruptedCommandError, MigratorError, RefusedError
from migrator.processes.child import Do, Done, Said, Told
from migrator.processes.passed_errors import PassedOn
from migrator.processes.pool import Pool, Worker, ended_error
from migrator.processes.side_by_side import LateError, SideBySide
from migrator.results.events import Noticed, Report

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
def pool_of(count: int) -> Iterator[Pool]:
    """Give a pool whose processes are there, and end it."""
    pool = Pool(load, count)
    try:
        assert pool.is_ready(30)
        yield pool
    finally:
        pool.kill()
        pool.end()


def asked(worker: Worker, request: str) -> list[Told]:
    """Give all that a process says until it has answered."""
    worker.pipe.send(request)
    told: list[Told] = []
    while not told or not isinstance(told[-1], Done | PassedOn):
        said = worker.told()
        assert said is not None, worker.code()
        told.append(said)
    return told


def result(worker: Worker, request: str) -> object:
    """Give the result of a request."""
    (done,) = asked(worker, request)
    assert isinstance(done, Done)
    return done.result


def test_all_are_copies_of_one_that_has_loaded_once() -> None:
    with pool_of(3) as pool:
        found = [result(each, "who") for each in pool.workers]

    pids, parents, loaded = zip(*found, strict=True)
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
        found = result(pool.workers[0], "surroundings")

    assert found == (tmp_path, "yes", sys.path, ["a program", "--option"])


def test_an_error_is_the_same_here_and_nothing_that_is_told_has_a_password() -> None:
    with pool_of(1) as pool:
        (worker,) = pool.workers
        (refused,) = asked(worker, "refuse")
        (broken,) = asked(worker, "break")
        event, record, answer = asked(worker, "talk")

    assert isinstance(refused, PassedOn)
    error = refused.error()
    assert (type(error), error.message, error.hint) == (RefusedError, "Not ***.", "Ask nicely.")
    assert isinstance(broken, PassedOn)
    assert broken.error().message == "A fault of migrator itself: LookupError: ***"
    assert (event, record) == (Noticed("I know ***"), Said(logging.WARNING, "so does ***"))
    assert answer == Done("talk")
    assert SECRET not in f"{error.__cause__}{broken.error().__cause__}"


def test_how_one_has_ended_is_told_and_the_others_go_on() -> None:
    with pool_of(3) as pool:
        first, second, third = pool.workers
        first.pipe.send("exit")
        second.pipe.send("kill")

        assert (first.told(), second.told()) == (None, None)
        assert (first.code(), second.code(), third.code(0)) == (3, -signal.SIGKILL, None)
        assert result(third, "hello") == "hello"


def test_one_that_cannot_load_is_the_end_of_all() -> None:
    pool = Pool(load_nothing, 2)
    try:
        assert pool.is_ready(30)
        assert [(each.told(), each.code()) for each in pool.workers] == [(None, 1), (None, 1)]
    finally:
        pool.end()


@pytest.mark.usefixtures("threads_left")
def test_interrupted_ones_answer_and_idle_ones_end() -> None:
    with pool_of(2) as pool:
        busy, idle = pool.workers
        busy.pipe.send("sleep")
        time.sleep(0.5)
        pool.interrupt()

        told = busy.told()
        assert isinstance(told, PassedOn)
        assert type(told.error()) is InterruptedCommandError
        assert (idle.told(), idle.code()) == (None, -signal.SIGTERM)


def test_a_parent_that_ignores_its_children_and_signals_learns_the_same() -> None:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGCHLD, signal.SIGTERM)}
    try:
        with pool_of(1) as pool:
            pool.workers[0].pipe.send("exit")
            assert pool.workers[0].code() == 3
        with pool_of(1) as pool:
            pool.interrupt()
            assert pool.workers[0].code() == -signal.SIGTERM
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
    error = ended_error(code, "acme", "Look.")

    assert error.message == f"The process that worked on acme {said}"
    assert error.hint == "What it had not committed is rolled back. Look."
    assert error.exit_code == ExitCode.FAULT


def test_its_last_words_are_told_and_one_that_was_told_to_stop_was_interrupted() -> None:
    error = ended_error(1, "it", "Look.", said="ImportError: no")

    assert error.message == "The process that worked on it ended with exit code 1. It said: ImportError: no"
    assert type(error) is MigratorError
    assert type(ended_error(-signal.SIGTERM, "it", "Look.")) is InterruptedCommandError
