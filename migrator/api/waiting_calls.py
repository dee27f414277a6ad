"""Calls of the API: a process of its own does each, while a thread or an event loop waits for it."""

from __future__ import annotations

import asyncio
import logging
import pickle
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from migrator.api.requests import Request, load
from migrator.errors import MigratorError, UsageError
from migrator.processes.child import Done
from migrator.processes.pool import GRACE, Pool, answers
from migrator.results.events import Event, Report, ignore

# How often a call looks whether its process is still there, in seconds.
_TICK = 0.5
# Nothing is shown where the application has not set up logging.
logging.getLogger("migrator").addHandler(logging.NullHandler())


class Work:
    """A process that does one thing."""

    def __init__(self, request: Request) -> None:
        """Start the process. Raises UsageError for a request that cannot be handed to another one."""
        _refuse_unpicklable(request)
        self._request = request
        self._pool = Pool(load, captured=True)
        self.interrupt, self.kill, self.end = self._pool.interrupt, self._pool.kill, self._pool.end

    def __enter__(self) -> Work:
        """Send the request, which may take until the process reads it."""
        try:
            self._pool.workers[0].give(self._request)
        except BaseException:
            self.end(0.0)
            raise
        return self

    def __exit__(self, _kind: object, exc: BaseException | None, _trace: object) -> None:
        """End the process: in order where that is possible, and else by force."""
        try:
            if exc is not None and self._pool.workers[0].is_busy:
                self.interrupt()
                self._hear_out(exc)
        finally:
            self.end(GRACE)

    def result(self, report: Report, deadline: float = float("inf")) -> Any:
        """Return the result, when it is there. Raises the error of the operation, and TimeoutError."""
        while True:
            for _, answer in answers([self._pool], _TICK, report):
                if isinstance(answer, Done):
                    return answer.result
                raise answer
            if time.monotonic() >= deadline:
                raise TimeoutError

    def _hear_out(self, exc: BaseException) -> None:
        with suppress(TimeoutError):
            try:
                self.result(ignore, time.monotonic() + GRACE)
            except MigratorError as ended:
                _note(exc, ended)


def call_and_wait(request: Request, report: Report) -> Any:
    """Do what is asked and give its result. `report` is told on the way, in the caller's thread.

    Raises the MigratorErrors of the operation. Whatever else is raised here meanwhile, such as
    KeyboardInterrupt, interrupts the work first, as Ctrl-C does a command.
    """
    with Work(request) as work:
        return work.result(report)


async def call_and_await(request: Request, report: Report) -> Any:
    """Do as `call_and_wait`, without blocking the event loop, in which `report` is called.

    Where the coroutine is cancelled the work is interrupted, and has ended before CancelledError goes on.
    """
    loop = asyncio.get_running_loop()
    answer: Future[Any] = Future()

    def told(event: Event) -> None:
        loop.call_soon_threadsafe(report, event)

    work = Work(request)
    # Where the interpreter ends without waiting for it, the other process sees that and ends too.
    thread = threading.Thread(target=_finish, args=(work, told, answer), name="migrator-api", daemon=True)
    try:
        thread.start()
    except BaseException:
        work.end(0.0)
        raise
    future = asyncio.wrap_future(answer)
    try:
        # Not the future itself: what is cancelled with it could not be waited for.
        await asyncio.wait([future])
    except asyncio.CancelledError as exc:
        work.interrupt()
        await _ended(work, future)
        _note(exc, future.exception())
        raise
    finally:
        if future.done():
            thread.join()
    return future.result()


def _finish(work: Work, report: Report, answer: Future[Any]) -> None:
    try:
        with work:
            result = work.result(report)
    except BaseException as exc:
        answer.set_exception(exc)
    else:
        answer.set_result(result)


async def _ended(work: Work, future: asyncio.Future[Any]) -> None:
    """Wait for the end of work that was interrupted, however often whoever waits is cancelled again."""
    deadline = time.monotonic() + GRACE
    while not future.done():
        left = deadline - time.monotonic()
        if left <= 0:
            work.kill()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([future], timeout=max(left, _TICK))


def _refuse_unpicklable(request: Request) -> None:
    try:
        pickle.dumps(request)
    except (pickle.PicklingError, AttributeError, TypeError) as exc:
        raise UsageError(
            f"What was asked cannot be handed to another process: {exc}.",
            hint="Give plain values: texts, numbers, True and False.",
        ) from exc


def _note(exc: BaseException, ended: BaseException | None) -> None:
    """Let an exception tell how far the work had come that it broke off."""
    if isinstance(ended, MigratorError):
        exc.add_note(f"migrator: {ended.message} {ended.hint}".rstrip())
