"""The process that a call of the API works in, from its own side."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from migrator import secrets
from migrator.api.requests import CommandResult, LogMessage, Request
from migrator.errors import InterruptedCommandError, MigratorError, fault
from migrator.processes.passed_errors import PassedOn, passed_on
from migrator.processes.signals import terminable
from migrator.processes.start_up import defer_garbage_collection
from migrator.results.events import Event, StepStarted


def main(descriptor: int) -> None:
    """Take one request from the socket that a process was started with, do it, and answer.

    SIGTERM ends it in order, and so does the end of whoever asks.
    """
    defer_garbage_collection()
    os.set_inheritable(descriptor, False)
    told = _Told(Connection(descriptor))
    with terminable():
        answer = _answered(told)
        sys.stdout.flush()
        told.tell(answer)


class _Told:
    """Whoever asks."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._telling = threading.Lock()

    def request(self) -> Request:
        """Give what is asked; from now on the end of the other side ends this process."""
        request: Request = self._pipe.recv()
        threading.Thread(target=self._end_together, name="migrator-parent", daemon=True).start()
        return request

    def tell(self, told: Event | LogMessage | CommandResult | PassedOn) -> None:
        """Tell something. That nobody is there any more is found out by `_end_together`."""
        with self._telling, suppress(OSError):
            self._pipe.send(told)

    def report(self, event: Event) -> None:
        """Tell an event, without passwords."""
        self.tell(_scrubbed(event))

    def say(self, level: int, text: str) -> None:
        """Tell a log record, without passwords."""
        self.tell(LogMessage(level, secrets.scrub(text)))

    def _end_together(self) -> None:
        with suppress(OSError, EOFError):
            self._pipe.recv()
        os.kill(os.getpid(), signal.SIGTERM)


def _scrubbed(event: Any) -> Any:
    """Give an event whose texts, a driver's or a revision's among them, have no password."""
    changed: dict[str, Any] = {}
    for name, value in vars(event).items():
        if isinstance(value, str):
            changed[name] = secrets.scrub(value)
        elif isinstance(value, StepStarted):
            changed[name] = _scrubbed(value)
    return replace(event, **changed)


def _answered(told: _Told) -> CommandResult | PassedOn:
    answer: CommandResult | PassedOn | None = None
    try:
        answer = _answer(told)
        # Nothing is left to be broken off but the answer itself.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
    except KeyboardInterrupt:
        answer = answer or passed_on(InterruptedCommandError())
    return answer


def _answer(told: _Told) -> CommandResult | PassedOn:
    from migrator.api.perform import perform
    from migrator.processes.foreign_logs import foreign_logs

    try:
        with foreign_logs(told.say):
            return CommandResult(perform(told.request(), told.report))
    except MigratorError as exc:
        return passed_on(exc, traced=True)
    except Exception as exc:
        # The border of this process.
        return passed_on(fault(exc), traced=True)
