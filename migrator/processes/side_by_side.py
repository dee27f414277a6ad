"""Asks several things at once, each in a process of its own and with a time limit."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, Generic, TypeVar

from migrator.errors import MigratorError
from migrator.processes.child import Done, Load, Said
from migrator.processes.passed_errors import PassedOn
from migrator.processes.pool import GRACE, Pool, Worker, ended_error

Request = TypeVar("Request")
Answer = TypeVar("Answer")

# How often `tick` is called, and how long a process may take to end once it is told to, in seconds.
_TICK, _GRACE = 0.25, 2.0
_LOG = logging.getLogger("migrator")


class LateError(MigratorError):
    """It did not answer in time."""


class SideBySide(Generic[Request, Answer]):
    """Processes that answer one request each at a time; those that failed to are replaced.

    `load` returns what answers: a context manager for a function. Requests and answers must be picklable.
    After the block no process is left.
    """

    def __init__(self, load: Load, count: int) -> None:
        self._load = load
        self._count = count
        self._pool: Pool | None = None
        self._all_idle = True

    def __enter__(self) -> SideBySide[Request, Answer]:
        """Start nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes."""
        self._end()

    def start(self) -> Pool:
        """Start the processes, unless they are there and idle, and wait until they are."""
        if not self._all_idle:
            self._end()
        pool = self._pool = self._pool or Pool(self._load, self._count)
        while not pool.is_ready(GRACE):
            pass
        return pool

    def ask(
        self, requests: Sequence[Request], seconds: float, tick: Callable[[], None] = lambda: None
    ) -> list[Answer | MigratorError]:
        """Return the answer to each of `count` requests, or its error; that is a LateError after `seconds`.

        Time begins when the processes are there. `tick` is called now and then.
        """
        if not self._count:
            return []
        pool = self.start()
        self._all_idle = False
        for worker, request in zip(pool.workers, requests, strict=True):
            # One that has ended already shows when its answer is read.
            with suppress(OSError):
                worker.pipe.send(request)
        answers: dict[Worker, Done | PassedOn | MigratorError] = {}
        deadline = time.monotonic() + seconds
        while waiting := {each.pipe: each for each in pool.workers if each not in answers}:
            left = deadline - time.monotonic()
            for pipe in wait(list(waiting), max(0.0, min(left, _TICK))):
                worker = waiting[pipe]  # type: ignore[index]
                if (answer := _answer(worker)) is not None:
                    answers[worker] = answer
            if left <= 0:
                late = LateError(f"It did not answer in {seconds:.3g}s.")
                answers = dict.fromkeys(pool.workers, late) | answers
            tick()
        found = [answers[each] for each in pool.workers]
        self._all_idle = all(isinstance(each, Done | PassedOn) for each in found)
        return [_result(each) for each in found]

    def _end(self) -> None:
        if self._pool is not None:
            if not self._all_idle:
                self._pool.interrupt()
            # Idle ones have nothing to put in order.
            self._pool.end(0 if self._all_idle else _GRACE)
            self._pool = None


def _answer(worker: Worker) -> Done | PassedOn | MigratorError | None:
    """Read what a process says; that may be its answer."""
    told = worker.told()
    if isinstance(told, Done | PassedOn):
        return told
    if isinstance(told, Said):
        _LOG.log(told.level, "%s", told.text)
    return ended_error(worker.code(), "it", "Ask again.") if told is None else None


def _result(answer: Done | PassedOn | MigratorError) -> Any:
    if isinstance(answer, PassedOn):
        return answer.error()
    return answer.result if isinstance(answer, Done) else answer
