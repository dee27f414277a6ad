"""Errors on their way from one process to another."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from migrator import secrets
from migrator.errors import Effect, ExitCode, MigratorError

# Where those kinds are made that whoever is told knows, and can import without Alembic.
_KNOWN = ("migrator.errors", "migrator.results.run_errors")


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
