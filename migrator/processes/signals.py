"""Lets SIGTERM and SIGHUP end a process's work as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def terminable() -> Iterator[list[int]]:
    """Make SIGTERM end the command as Ctrl-C does: asyncio and the drivers know how to stop for that."""
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(number)
        as_interrupt(number, frame)

    if threading.current_thread() is not threading.main_thread():
        # Whoever called us keeps its own way of ending.
        yield received
        return
    # A lost terminal (SIGHUP) ends it too, unless nohup says otherwise.
    heeded = [
        each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, interrupt) for number in heeded}
    try:
        with _interrupts_handled():
            yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _interrupts_handled() -> Iterator[None]:
    """Have a handler of SIGINT also where a shell started us with SIGINT ignored, as a background job."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        yield
        return
    shut_out_interrupts()
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def as_interrupt(_number: int, frame: FrameType | None) -> None:
    """Do as a handler what that of SIGINT would do, or Python's own where somebody has taken that away."""
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)


def shut_out_interrupts() -> None:
    """Let no SIGINT reach the process, and have Python's handler for it nevertheless, for `as_interrupt`.

    asyncio puts its own in the place of that one, and of no other: it cancels the task, whereas an exception
    out of nowhere may meet a driver in the middle of its C code.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def blocked_interrupts_ignored() -> Iterator[None]:
    """Where SIGINT is blocked, ignore it instead: a command that is started inherits what a shell gave us."""
    if signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, before)
