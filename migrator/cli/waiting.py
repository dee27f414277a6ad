"""What the command line does while it waits: for a typed answer, or for work that takes long."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
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


class Ticker:
    """A clock that can be started and stopped again and again."""

    def __init__(self, tick: Callable[[int], None]) -> None:
        """`tick` is called in another thread with the whole seconds since the start: 1, 2, and so on."""
        self._tick = tick
        self._stopped: threading.Event | None = None

    def start(self) -> None:
        """Start at zero."""
        self.stop()
        self._stopped = stopped = threading.Event()
        threading.Thread(target=self._run, args=(stopped,), name="migrator-clock", daemon=True).start()

    def stop(self) -> None:
        """Stop; a tick that has begun may still come to its end."""
        if self._stopped is not None:
            self._stopped.set()
            self._stopped = None

    def _run(self, stopped: threading.Event) -> None:
        begun = time.monotonic()
        seconds = 1
        while not stopped.wait(max(0.0, begun + seconds - time.monotonic())):
            self._tick(seconds)
            seconds += 1
