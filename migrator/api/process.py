"""The process that does what a call asks."""

from __future__ import annotations

import logging
import os
import pickle
import time
from contextlib import suppress
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any

from migrator.api.perform import load
from migrator.api.requests import Request
from migrator.errors import MigratorError, UsageError
from migrator.processes.child import Done, Said
from migrator.processes.passed_errors import PassedOn
from migrator.processes.pool import GRACE, Pool, ended_error
from migrator.results.events import Report, ignore

# How often a call looks whether its process is still there, in seconds.
TICK = 0.5
# Nothing is shown where the application has not set up logging.
_LOG = logging.getLogger("migrator")
_LOG.addHandler(logging.NullHandler())


def note(exc: BaseException, ended: BaseException | None) -> None:
    """Let an exception tell how far the work had come that it broke off."""
    if isinstance(ended, MigratorError):
        exc.add_note(f"migrator: {ended.message} {ended.hint}".rstrip())


class Work:
    """A process that does one thing."""

    def __init__(self, request: Request) -> None:
        """Start the process. Raises UsageError for a request that cannot be handed to another one."""
        self._request = _pickled(request)
        self._answered = False
        self._rest = b""
        self._last_line = ""
        self._output, printed = os.pipe()
        try:
            self._pool = Pool(load, output=printed)
        except BaseException:
            os.close(self._output)
            raise
        finally:
            os.close(printed)
        (self._worker,) = self._pool.workers
        self.interrupt, self.kill = self._pool.interrupt, self._pool.kill

    def __enter__(self) -> Work:
        """Send the request, which may take until the process reads it."""
        try:
            # One that has ended already shows when it is asked for its result.
            with suppress(OSError):
                self._worker.pipe.send_bytes(self._request)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process: in order where that is possible, and else by force."""
        try:
            if exc is not None and not self._answered:
                self.interrupt()
                self._hear_out(exc)
        finally:
            self.end(GRACE)

    def end(self, grace: float = 0.0) -> None:
        """Leave nothing of it: neither the process nor what leads to it."""
        self._pool.end(grace)
        os.close(self._output)

    def result(self, report: Report, deadline: float = float("inf")) -> Any:
        """Return the result, when it is there. Raises the error of the operation, and TimeoutError."""
        sources: list[Any] = [self._worker.pipe, self._output]
        while True:
            ready = wait(sources, TICK)
            if self._output in ready and not self._read_output():
                sources.remove(self._output)
            if self._worker.pipe in ready:
                told = self._told()
                if isinstance(told, Done):
                    return told.result
                if isinstance(told, Said):
                    _LOG.log(told.level, "%s", told.text)
                else:
                    report(told)
            elif not ready and self._worker.code(0) is not None:
                # A process that it left behind may hold the other end of the pipe.
                raise self._ended()
            if time.monotonic() >= deadline:
                raise TimeoutError

    def _told(self) -> Any:
        told = self._worker.told()
        if told is None:
            raise self._ended()
        if isinstance(told, Done | PassedOn):
            self._answered = True
            self._read_rest()
        if isinstance(told, PassedOn):
            raise told.error()
        return told

    def _hear_out(self, exc: BaseException) -> None:
        with suppress(TimeoutError):
            try:
                self.result(ignore, time.monotonic() + GRACE)
            except MigratorError as ended:
                note(exc, ended)

    def _read_output(self) -> bool:
        """Log what it has printed; False at the end of it."""
        read = os.read(self._output, 65536)
        *lines, self._rest = (self._rest + read).split(b"\n")
        for line in lines if read else [*lines, self._rest]:
            text = line.decode(errors="replace").rstrip()
            if text:
                self._last_line = text
                _LOG.info("%s", text)
        return bool(read)

    def _read_rest(self) -> None:
        # Not to its end: a server that it started may hold the other end of it for long.
        while self._output in wait([self._output], 0) and self._read_output():
            pass

    def _ended(self) -> MigratorError:
        self._answered = True
        code = self._worker.code()
        self._read_rest()
        hint = "Ask where the database stands, then do it again."
        return ended_error(code, "it", hint, said=self._last_line)


def _pickled(request: Request) -> bytes:
    try:
        return pickle.dumps(request)
    except (pickle.PicklingError, AttributeError, TypeError) as exc:
        raise UsageError(
            f"What was asked cannot be handed to another process: {exc}.",
            hint="Give plain values: texts, numbers, True and False.",
        ) from exc
