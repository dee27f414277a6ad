"""The process that a call of the API works in, from its own side."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection

from migrator import secrets
from migrator.api.asked import Done, Request, Said
from migrator.errors import InterruptedCommandError, MigratorError, fault
from migrator.operations.lean_start import begin_lean
from migrator.operations.passing_on import PassedOn, passed_on
from migrator.operations.terminable import terminable
from migrator.results.events import Event


def main(descriptor: int) -> None:
    """Take one request from the socket that a process was started with, do it, and answer.

    SIGTERM ends it in order, and so does the end of whoever asks.
    """
    begin_lean()
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

    def tell(self, told: Event | Said | Done | PassedOn) -> None:
        """Tell something. That nobody is there any more is found out by `_end_together`."""
        with self._telling, suppress(OSError):
            self._pipe.send(told)

    def say(self, level: int, text: str) -> None:
        """Tell a log record, without passwords."""
        self.tell(Said(level, secrets.scrub(text)))

    def _end_together(self) -> None:
        with suppress(OSError, EOFError):
            self._pipe.recv()
        os.kill(os.getpid(), signal.SIGTERM)


def _answered(told: _Told) -> Done | PassedOn:
    answer: Done | PassedOn | None = None
    try:
        answer = _answer(told)
        # Nothing is left to be broken off but the answer itself.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
    except KeyboardInterrupt:
        answer = answer or passed_on(InterruptedCommandError())
    return answer


def _answer(told: _Told) -> Done | PassedOn:
    from migrator.api.perform import perform
    from migrator.operations.foreign_logs import foreign_logs

    try:
        with foreign_logs(told.say):
            return Done(perform(told.request(), told.tell))
    except MigratorError as exc:
        return passed_on(exc, traced=True)
    except Exception as exc:
        # The border of this process.
        return passed_on(fault(exc), traced=True)
