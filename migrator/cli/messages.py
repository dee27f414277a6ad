"""Everything on stderr: progress, warnings, errors, questions. Styled at a terminal, plain in a pipe."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from migrator import secrets
from migrator.errors import MigratorError
from migrator.plain import How, Kind, error_lines, lines
from migrator.results.events import (
    Connecting,
    Event,
    FleetChanged,
    Retrying,
    StepFinished,
    StepStarted,
    Waiting,
)

if TYPE_CHECKING:
    from rich.console import Console

    from migrator.results.run import RunPlan


# Wipes out the line that a terminal is in.
_WIPE = "\r\x1b[2K"


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


class Messages:
    """Writes lines for people to stderr."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._unfinished = False
        self._announced: set[Connecting] = set()
        # What stands in the unfinished line, while a clock goes on in it.
        self._waits_for = self._took = ""
        self._ticker = Ticker(self._go_on)
        self._writing = threading.RLock()
        # The seconds and the name of the tenant that took longest so far.
        self._slowest = (0.0, "")

    @cached_property
    def _console(self) -> Console:
        from rich.console import Console

        return Console(stderr=True, highlight=False, markup=False, emoji=False)

    def line(self, text: str, style: str = "") -> None:
        """Write one line, with every known password taken out of it."""
        text = secrets.scrub(text)
        if self._terminal:
            with self._writing:
                self._end_unfinished()
                self._console.print(text, style=style or None, soft_wrap=False)
            return
        # That nobody reads is no reason to stop a migration half-way.
        with suppress(BrokenPipeError):
            print(text, file=sys.stderr, flush=True)

    def error(self, error: MigratorError) -> None:
        """Write an error and its hint."""
        for text, style in zip(error_lines(error), ("bold red", "yellow"), strict=False):
            self.line(text, style)

    def typed_ctrl_c(self) -> None:
        """Leave the line in which a terminal has shown `^C`."""
        with self._writing:
            # One that is unfinished is left before the next line anyway.
            if self._terminal and not self._unfinished:
                sys.stderr.write("\n")

    def ask(self, question: str) -> str | None:
        """Ask on stderr; None where the input ends."""
        self._end_unfinished()
        try:
            return _typed_after(question)
        except EOFError:
            print(file=sys.stderr)
            return None

    def event(self, event: Event) -> None:
        """Write what an operation tells about its progress."""
        if isinstance(event, Connecting):
            if event in self._announced:
                # A command that comes back to a database says nothing new.
                return
            self._announced.add(event)
            origin = event.origin.removesuffix(f" in {event.config_file}")
            self.line(f"{event.environment} | {event.config_file} | {event.address} | from {origin}", "dim")
        elif isinstance(event, Waiting):
            self.line(f"{event.text} ...", "dim")
        elif isinstance(event, StepStarted):
            self._begin(event)
        elif isinstance(event, StepFinished):
            self._finish(event)
        elif isinstance(event, FleetChanged):
            self._fleet(event)
        elif isinstance(event, Retrying):
            again = f"again in {event.seconds:.1f}s ({event.attempt} of {event.attempts})"
            self.line(f"  {event.revision} was rolled back: {event.reason}; {again}", "yellow")
        else:
            self.line(f"note: {event.text}", "yellow")

    def plan(self, plan: RunPlan) -> None:
        """Show a plan to somebody who is about to be asked."""
        for line in lines(plan, How()):
            self.line(line, "bold red" if line.kind is Kind.LOST else "")

    def _begin(self, step: StepStarted) -> None:
        took = f" (took {step.earlier:.0f}s before)" if step.earlier is not None and step.earlier >= 1 else ""
        self._waits_for, self._took = f"  {_describe(step)}", took
        self._write_unfinished(self._waits_for, f" ...{took}")
        if self._unfinished:
            self._ticker.start()

    def _go_on(self, seconds: int) -> None:
        """Show, in the thread of the clock, how long it has taken."""
        with self._writing:
            # What it was for may have ended meanwhile.
            if self._unfinished and self._waits_for:
                self._write_unfinished(self._waits_for, f" ... {seconds}s{self._took}")

    def _write_unfinished(self, text: str, end: str = "") -> None:
        """Write a line that another one takes the place of, at a terminal that can do it.

        Where it is too long `text` is cut, and not its `end`.
        """
        # A dumb terminal could not wipe the line out, and neither can any other where it runs over the edge.
        if self._terminal and not self._console.is_dumb_terminal:
            from rich.text import Text

            line = Text(text)
            line.truncate(max(self._console.width - 1 - len(end), 0))
            with self._writing:
                # A revision may begin again at once.
                self._leave_line(_WIPE)
                sys.stderr.write(secrets.scrub(line.plain) + end)
                sys.stderr.flush()
                self._unfinished = True

    def _fleet(self, event: FleetChanged) -> None:
        """Say what became of a tenant: of each one in a pipe, of the failures at a terminal, with totals."""
        answer = event.answer
        if answer is not None and (not self._terminal or answer.outcome == "failed"):
            from migrator.plain.fleet_lines import summary

            self._end_unfinished(_WIPE)
            text = f"{event.done}/{event.total}  {answer.tenant}  {summary(answer)}  {answer.seconds:.2f}s"
            self.line(text, "red" if answer.outcome == "failed" else "")
        if answer is not None and answer.seconds > self._slowest[0]:
            self._slowest = (answer.seconds, answer.tenant)
        if event.running:
            self._write_unfinished(_describe_fleet(event, self._slowest))
        else:
            self._end_unfinished(_WIPE)

    def _finish(self, finished: StepFinished) -> None:
        self._end_unfinished(_WIPE)
        text = f"{_describe(finished.step)}  {finished.seconds:.2f}s"
        self.line(f"  {text}" if self._terminal else text)

    def _end_unfinished(self, end: str = "\n") -> None:
        self._ticker.stop()
        self._waits_for = ""
        with self._writing:
            self._leave_line(end)

    def _leave_line(self, end: str) -> None:
        if self._unfinished:
            sys.stderr.write(end)
            self._unfinished = False


def _describe_fleet(event: FleetChanged, slowest: tuple[float, str]) -> str:
    parts = [f"{event.done}/{event.total} tenants"]
    if event.failed:
        parts.append(f"{event.failed} failed")
    if event.done and event.seconds:
        parts.append(f"{event.done / event.seconds:.1f}/s")
        parts.append(f"slowest {slowest[1]} {slowest[0]:.1f}s")
    parts.append(f"{event.seconds:.0f}s")
    return f"  {', '.join(parts)}; at {', '.join(event.running)}"


def _describe(step: StepStarted) -> str:
    message = f"  {step.message}" if step.message else ""
    return f"{step.direction} {step.index}/{step.total}  {step.revision}{message}"


def _typed_after(question: str) -> str:
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
