"""Asks several things at once, each in a process of its own and with a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from migrator.errors import MigratorError
from migrator.processes.child import Done, Load
from migrator.processes.pool import Pool, Worker, answers
from migrator.results.events import Report, ignore

Request = TypeVar("Request")
Answer = TypeVar("Answer")

# How often `tick` is called, and how long a process may take to end once it is told to, in seconds.
_TICK, _GRACE = 0.25, 2.0


class LateError(MigratorError):
    """It did not answer in time."""


class SideBySide(Generic[Request, Answer]):
    """`count` processes that answer a request each, with what `load` returns. After the block none is left.

    Requests and answers must be picklable.
    """

    def __init__(self, load: Load, count: int) -> None:
        self._load = load
        self._count = count
        self._pool: Pool | None = None

    def __enter__(self) -> SideBySide[Request, Answer]:
        """Start nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes."""
        self.end()

    def end(self) -> None:
        """End the processes; they are started again with the next requests."""
        if self._pool is not None:
            idle = self._pool.is_idle
            if not idle:
                self._pool.interrupt()
            # Idle ones have nothing to put in order.
            self._pool.end(0 if idle else _GRACE)
            self._pool = None

    def start(self) -> Pool:
        """Start the processes, unless all of them are there and idle, without waiting for them."""
        if self._pool is not None and not self._pool.is_idle:
            self.end()
        self._pool = self._pool or Pool(self._load, self._count)
        return self._pool

    def await_ready(self) -> Pool:
        """Wait until the processes are there."""
        pool = self.start()
        pool.await_ready()
        return pool

    def ask(
        self,
        requests: Sequence[Request],
        seconds: float,
        tick: Callable[[], None] = lambda: None,
        report: Report = ignore,
    ) -> list[Answer | MigratorError]:
        """Return the answer to each request, or its error; that is a LateError after `seconds`.

        There are `count` of them. Time begins when the processes are there. `tick` is called now and then.
        """
        if not requests:
            return []
        pool = self.await_ready()
        for worker, request in zip(pool.workers, requests, strict=True):
            worker.give(request)
        found: dict[Worker, Done | MigratorError] = {}
        deadline = time.monotonic() + seconds
        while len(found) < len(requests) and (left := deadline - time.monotonic()) > 0:
            found |= answers([pool], min(left, _TICK), report)
            tick()
        late = LateError(f"It did not answer in {seconds:.3g}s.")
        all_found = [found.get(each, late) for each in pool.workers]
        return [each.result if isinstance(each, Done) else each for each in all_found]
