"""What runs in the processes that `pool` starts, in the first one and in its copies, and what they tell."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

from migrator import secrets
from migrator.errors import Effect, ExitCode, InterruptedCommandError, MigratorError, fault
from migrator.processes.foreign_logs import foreign_logs
from migrator.processes.signals import as_interrupt, shut_out_interrupts
from migrator.processes.start_up import defer_garbage_collection
from migrator.results.events import Event, Report, StepStarted

# What a copy does with each request. It may raise; its result goes back to the parent.
Do = Callable[[Any, Report], object]
# Called before the copies are made, to import what they need; each copy enters what it returns.
Load = Callable[[], AbstractContextManager[Do]]
# The parent's signals: stop what you are doing, and end at once.
STOP, KILL = signal.SIGTERM, signal.SIGUSR1
# How often the first process looks for copies that have ended, in seconds.
_TICK = 0.1
# Where those kinds of errors are made that whoever is told knows, and can import without Alembic.
_KNOWN = ("migrator.errors", "migrator.results.run_errors")


@dataclass(frozen=True)
class Done:
    """The result of a request."""

    result: Any


@dataclass(frozen=True)
class Said:
    """A log record or a warning of another package. `level` is one of logging's."""

    level: int
    text: str


class RemoteTraceback(Exception):
    """Where an error came from, in the process that raised it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        """Give the traceback below the line that names this exception, as concurrent.futures does."""
        return f"\n{self.text}"


@dataclass(frozen=True)
class PassedOn:
    """An error in a form that can be pickled, scrubbed where the passwords are known.

    `result` is what a RunError has. Without a `trace` nothing tells where it came from.
    """

    kind: type[MigratorError]
    what: str
    effect: Effect | None
    hint: str
    exit_code: ExitCode
    result: object = None
    trace: str = ""

    def error(self) -> MigratorError:
        """Give the error as it was. Not every kind is made of a message."""
        error = self.kind.__new__(self.kind)
        MigratorError.__init__(error, self.what, effect=self.effect, hint=self.hint)
        error.exit_code = self.exit_code
        if self.result is not None:
            vars(error)["result"] = self.result
        if self.trace:
            error.__cause__ = RemoteTraceback(self.trace)
        return error


def passed_on(error: MigratorError, *, traced: bool = False) -> PassedOn:
    """Make what can be passed on of an error; with `traced` also where it was raised.

    A kind that only its operation knows becomes the one that it is a kind of.
    """
    kind = next(each for each in type(error).__mro__ if each.__module__ in _KNOWN)
    trace = secrets.scrub("".join(traceback.format_exception(error))) if traced else ""
    return PassedOn(
        kind,
        secrets.scrub(error.what),
        error.effect,
        secrets.scrub(error.hint),
        error.exit_code,
        getattr(error, "result", None),
        trace,
    )


Told = Event | Said | Done | PassedOn


def main(control: Connection, *descriptors: int) -> None:
    """Load what the parent sends, and make a copy of this process for each of `descriptors`.

    Nothing has connected and no thread has started by then, so that a copy is safe to make. Afterwards this
    process passes signals on to the copies, and tells the parent how each has ended.
    """
    defer_garbage_collection()
    # The caller may have other ideas of these.
    for number in (STOP, KILL, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {STOP, KILL})
    for each in (control.fileno(), *descriptors):
        os.set_inheritable(each, False)
    _write_to_stderr()
    try:
        # One after the other: to read what is to be loaded imports modules that may read the arguments.
        sys.argv = control.recv()
        load: Load = control.recv()
    except (EOFError, OSError):
        return
    work = load()
    # A signal comes before there are copies, or when all of them are known.
    signal.pthread_sigmask(signal.SIG_BLOCK, {STOP, KILL})
    copies: dict[int, int] = {}
    for index, descriptor in enumerate(descriptors):
        pid = os.fork()
        if pid == 0:
            control.close()
            for other in descriptors[index + 1 :]:
                os.close(other)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {STOP, KILL})
            _serve(work, Connection(descriptor))
            return
        copies[index] = pid
        os.close(descriptor)
    _watch(control, copies)


def _watch(control: Connection, copies: dict[int, int]) -> None:
    def pass_on(number: int, _frame: object) -> None:
        for pid in copies.values():
            with suppress(ProcessLookupError):
                os.kill(pid, STOP if number == STOP else signal.SIGKILL)

    for number in (STOP, KILL):
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {STOP, KILL})
    try:
        control.send(None)
        while not control.poll(_TICK):
            for index, pid in list(copies.items()):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    del copies[index]
                    control.send((index, os.waitstatus_to_exitcode(status)))
        control.recv()
    except (EOFError, OSError):
        # The parent has ended without a word.
        pass_on(STOP, None)
    for pid in copies.values():
        os.waitpid(pid, 0)
    # There is nothing to put in order, and a good deal to take down.
    os._exit(0)


def _serve(work: AbstractContextManager[Do], pipe: Connection) -> None:
    """Answer requests until there are no more."""
    telling = threading.Lock()

    def tell(told: Told) -> None:
        # When the parent has ended, the first process stops this one.
        with telling, suppress(OSError):
            pipe.send(told)

    # Ctrl-C is left to the parent.
    shut_out_interrupts()
    with (
        foreign_logs(lambda level, text: tell(Said(level, secrets.scrub(text)))),
        suppress(KeyboardInterrupt),
        work as do,
    ):
        while True:
            try:
                request = pipe.recv()
            except (EOFError, OSError):
                return
            tell(_answer(do, request, lambda event: tell(_scrubbed(event))))
            # Between two requests there is nothing to put in order.
            signal.signal(STOP, signal.SIG_DFL)


def _answer(do: Do, request: object, report: Report) -> Done | PassedOn:
    answer: Done | PassedOn | None = None
    try:
        signal.signal(STOP, as_interrupt)
        try:
            answer = Done(do(request, report))
        except MigratorError as exc:
            answer = passed_on(exc, traced=True)
        except Exception as exc:
            # The border of this process: an error that was not understood is a fault of migrator.
            answer = passed_on(fault(exc), traced=True)
        # Only the answer itself could be broken off now.
        signal.signal(STOP, signal.SIG_IGN)
    except KeyboardInterrupt:
        answer = answer or passed_on(InterruptedCommandError())
    return answer


def _scrubbed(event: Any) -> Any:
    """Return an event whose texts, a driver's or a revision's among them, have no password."""
    changed: dict[str, Any] = {}
    for name, value in vars(event).items():
        if isinstance(value, str):
            changed[name] = secrets.scrub(value)
        elif isinstance(value, StepStarted):
            changed[name] = _scrubbed(value)
    return replace(event, **changed)


def _write_to_stderr() -> None:
    """Send to stderr whatever is printed on stdout, which is for the parent's result alone."""
    sys.stdout = sys.stderr
    # Without a stderr the descriptor stays as it is: there is nowhere else to write to.
    with suppress(OSError):
        os.dup2(2, 1)
