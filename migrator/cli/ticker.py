"""Calls something each second for as long as a thing takes that the main thread waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


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
