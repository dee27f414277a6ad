"""A process that does what a call asks, as the caller sees it.

In the caller's process it could not be done safely: Alembic keeps what it works on in the globals of a
module, an env.py may change the current folder, `sys.path`, streams, logging and variables, and a thread that
runs one cannot be stopped.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from multiprocessing import Pipe
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any

from migrator.api.requests import CommandResult, LogMessage, Request
from migrator.errors import ConfigurationError, InterruptedCommandError, MigratorError, UsageError
from migrator.processes.passed_errors import PassedOn
from migrator.results.events import Report, ignore

# It looks for modules where the caller does, and for nothing of what is `__main__` there. It has these of the
# standard library before that, as the caller had before it added to its path: a project may have a types.py.
_PROGRAM = (
    "import json, logging, multiprocessing.connection, sys, traceback; "
    "sys.path[:] = json.loads(sys.argv[2]); from migrator.api.api_child import main; main(int(sys.argv[1]))"
)
# How long a process may take to end once it is told to, and how often it is looked whether it lives, in
# seconds.
GRACE, TICK = 10.0, 0.5
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
        # The end of the process shows as the end of what is its own, once nobody else can write into that.
        with ExitStack() as ours, ExitStack() as its:
            self._output, printed = os.pipe()
            ours.callback(os.close, self._output)
            its.callback(os.close, printed)
            self._pipe, far = Pipe()
            ours.enter_context(self._pipe)
            its.enter_context(far)
            self._process = _start(far.fileno(), printed)
            self._ours = ours.pop_all()

    def __enter__(self) -> Work:
        """Send the request, which may take until the process reads it."""
        try:
            # One that has ended already shows when it is asked for its result.
            with suppress(OSError):
                self._pipe.send_bytes(self._request)
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
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE)
        finally:
            self.end()

    def end(self) -> None:
        """Leave nothing of it: neither the process nor what leads to it."""
        self.kill()
        self._process.wait()
        self._ours.close()

    def result(self, report: Report, deadline: float = float("inf")) -> Any:
        """Give the result, when it is there. Raises the error of the operation, and TimeoutError."""
        sources: list[Any] = [self._pipe, self._output]
        while True:
            ready = wait(sources, TICK)
            if self._output in ready and not self._read_output():
                sources.remove(self._output)
            if self._pipe in ready:
                told = self._told()
                if isinstance(told, CommandResult):
                    return told.result
                if isinstance(told, PassedOn):
                    raise told.error()
                if isinstance(told, LogMessage):
                    _LOG.log(told.level, "%s", told.text)
                else:
                    report(told)
            elif not ready and self._process.poll() is not None:
                # Who it left behind may hold the other end of the pipe.
                raise self._died()
            if time.monotonic() >= deadline:
                raise TimeoutError

    def interrupt(self) -> None:
        """Tell it to stop: statements are cancelled and rolled back."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        self._process.kill()

    def _told(self) -> Any:
        try:
            told = self._pipe.recv()
        except (EOFError, OSError):
            raise self._died() from None
        if isinstance(told, CommandResult | PassedOn):
            self._answered = True
            self._read_rest()
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

    def _died(self) -> MigratorError:
        self._answered = True
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        self._read_rest()
        code = self._process.poll()
        if code == -signal.SIGTERM:
            return InterruptedCommandError()
        last = f" It said: {self._last_line}" if self._last_line else ""
        return MigratorError(
            f"The process that worked on it ended {_how(code)}.{last}",
            hint="What it had not committed is rolled back. Ask where the database stands, then do it again.",
        )


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"by {signal.Signals(-code).name}"
    return f"with {code}"


def _pickled(request: Request) -> bytes:
    try:
        return pickle.dumps(request)
    except (pickle.PicklingError, AttributeError, TypeError) as exc:
        raise UsageError(
            f"What was asked cannot be handed to another process: {exc}.",
            hint="Give plain values: texts, numbers, True and False.",
        ) from exc


def _start(descriptor: int, printed: int) -> subprocess.Popen[bytes]:
    """Start the process. In a session of its own, so that Ctrl-C at a terminal is left to the caller."""
    path = json.dumps([each for each in sys.path if isinstance(each, str)])
    try:
        return subprocess.Popen(
            # -P, or what stands in the current folder would be taken for the standard library.
            [sys.executable, "-P", "-c", _PROGRAM, str(descriptor), path],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            pass_fds=(descriptor,),
            start_new_session=True,
        )
    except OSError as exc:
        raise ConfigurationError(
            f"Python cannot be started as {sys.executable or 'nothing'}: {exc.strerror}.",
            hint="sys.executable has to be a Python: each call works in a process of its own.",
        ) from exc
