"""Everything on stderr: banner, progress, warnings, errors. Styled at a terminal, plain in a pipe."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from migrator import secrets
from migrator.cli.waiting import Ticker
from migrator.errors import MigratorError
from migrator.plain.error_lines import error_lines
from migrator.results.events import (
    Connecting,
    Event,
    FleetChanged,
    Retrying,
    StepFinished,
    StepStarted,
    Waiting,
)
from migrator.visible import visible, visible_in, visible_lines

if TYPE_CHECKING:
    from rich.console import Console

    from migrator.results.run import RunPlan


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
        """Write one line, or several, visibly and with every known password taken out."""
        text = visible_lines(secrets.scrub(text))
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

    def ask(self, question: str) -> str:
        """Ask on stderr; the end of input is an empty answer."""
        return self.answer(question) or ""

    def answer(self, question: str) -> str | None:
        """Ask on stderr; None where the input ends."""
        from migrator.cli.waiting import typed_after

        self._end_unfinished()
        try:
            return typed_after(visible(question, "\n"))
        except EOFError:
            print(file=sys.stderr)
            return None

    def event(self, event: Event) -> None:
        """Write what an operation tells about its progress."""
        event = visible_in(event)
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
        from migrator.plain import How, Kind, lines

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
                self._wipe_line()
                sys.stderr.write(secrets.scrub(line.plain) + end)
                sys.stderr.flush()
                self._unfinished = True

    def _fleet(self, event: FleetChanged) -> None:
        """Say what became of a tenant: of each one in a pipe, of the failures at a terminal, with totals."""
        answer = event.answer
        if answer is not None and (not self._terminal or answer.outcome == "failed"):
            from migrator.plain.fleet_lines import summary

            self._wipe_unfinished()
            text = f"{event.done}/{event.total}  {answer.tenant}  {summary(answer)}  {answer.seconds:.2f}s"
            self.line(text, "red" if answer.outcome == "failed" else "")
        if answer is not None and answer.seconds > self._slowest[0]:
            self._slowest = (answer.seconds, answer.tenant)
        if event.running:
            self._write_unfinished(_describe_fleet(event, self._slowest))
        else:
            self._wipe_unfinished()

    def _finish(self, finished: StepFinished) -> None:
        self._wipe_unfinished()
        text = f"{_describe(finished.step)}  {finished.seconds:.2f}s"
        self.line(f"  {text}" if self._terminal else text)

    def _wipe_unfinished(self) -> None:
        self._stop_clock()
        with self._writing:
            self._wipe_line()

    def _wipe_line(self) -> None:
        if self._unfinished:
            sys.stderr.write("\r\x1b[2K")
            self._unfinished = False

    def _end_unfinished(self) -> None:
        self._stop_clock()
        with self._writing:
            if self._unfinished:
                sys.stderr.write("\n")
                self._unfinished = False

    def _stop_clock(self) -> None:
        self._ticker.stop()
        self._waits_for = ""


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
