"""Calls of the API: a process of its own does each, while a thread or an event loop waits for it."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from migrator.api.process import TICK, Work, note
from migrator.api.requests import Request
from migrator.processes.pool import GRACE
from migrator.results.events import Event, Report


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
        work.end()
        raise
    future = asyncio.wrap_future(answer)
    try:
        # Not the future itself: what is cancelled with it could not be waited for.
        await asyncio.wait([future])
    except asyncio.CancelledError as exc:
        work.interrupt()
        await _ended(work, future)
        note(exc, future.exception())
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
            await asyncio.wait([future], timeout=max(left, TICK))
