"""The process that does what a call asks."""

from __future__ import annotations

import logging
import pickle
import time
from contextlib import suppress
from types import TracebackType
from typing import Any

from migrator.api.perform import load
from migrator.api.requests import Request
from migrator.errors import MigratorError, UsageError
from migrator.processes.child import Done
from migrator.processes.pool import GRACE, Pool, answers
from migrator.results.events import Report, ignore

# How often a call looks whether its process is still there, in seconds.
TICK = 0.5
# Nothing is shown where the application has not set up logging.
logging.getLogger("migrator").addHandler(logging.NullHandler())


def note(exc: BaseException, ended: BaseException | None) -> None:
    """Let an exception tell how far the work had come that it broke off."""
    if isinstance(ended, MigratorError):
        exc.add_note(f"migrator: {ended.message} {ended.hint}".rstrip())


class Work:
    """A process that does one thing."""

    def __init__(self, request: Request) -> None:
        """Start the process. Raises UsageError for a request that cannot be handed to another one."""
        _refuse_unpicklable(request)
        self._request = request
        self._pool = Pool(load, captured=True)
        self.interrupt, self.kill = self._pool.interrupt, self._pool.kill

    def __enter__(self) -> Work:
        """Send the request, which may take until the process reads it."""
        try:
            self._pool.workers[0].give(self._request)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process: in order where that is possible, and else by force."""
        try:
            if exc is not None and self._pool.workers[0].is_busy:
                self.interrupt()
                self._hear_out(exc)
        finally:
            self.end(GRACE)

    def end(self, grace: float = 0.0) -> None:
        """Leave nothing of it: neither the process nor what leads to it."""
        self._pool.end(grace)

    def result(self, report: Report, deadline: float = float("inf")) -> Any:
        """Return the result, when it is there. Raises the error of the operation, and TimeoutError."""
        while True:
            for _, answer in answers([self._pool], TICK, report):
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
                note(exc, ended)


def _refuse_unpicklable(request: Request) -> None:
    try:
        pickle.dumps(request)
    except (pickle.PicklingError, AttributeError, TypeError) as exc:
        raise UsageError(
            f"What was asked cannot be handed to another process: {exc}.",
            hint="Give plain values: texts, numbers, True and False.",
        ) from exc
