"""Lets SIGTERM and SIGHUP end a process's work as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def terminable() -> Iterator[list[int]]:
    """Make SIGTERM end the command as Ctrl-C does: asyncio and the drivers know how to stop for that."""
    received: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        received.append(number)
        if not callable(signal.getsignal(signal.SIGINT)):
            # A shell's background job is started with SIGINT ignored.
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    before = {}
    # A lost terminal (SIGHUP) ends it too, unless nohup says otherwise.
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Outside the main thread whoever called us keeps its own way of ending.
        if signal.getsignal(number) is not signal.SIG_IGN and _in_main_thread():
            before[number] = signal.signal(number, interrupt)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
