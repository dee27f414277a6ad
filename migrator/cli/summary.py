"""What a command found, as a section of Markdown, for the page on which a pipeline shows its run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from migrator import secrets
from migrator.errors import ExitCode, MigratorError
from migrator.plain import How, lines

# GitHub takes a megabyte a step, and shows nothing of a page that is longer.
_MOST_LINES = 400
_LONGEST_LINE = 1000


@dataclass(frozen=True)
class Asked:
    """The command, how its result is shown, and its exit code."""

    command: str
    how: How
    code: int


def section(asked: Asked, result: object, errors: tuple[MigratorError, ...] = ()) -> str:
    """Give heading, verdict and plain lines of an outcome; the verdict tells a no from no answer."""
    text = [each[:_LONGEST_LINE] for each in _plain_text(asked.how, result, errors)]
    left_out = len(text) - _MOST_LINES
    if left_out > 0:
        text[_MOST_LINES:] = [f"... and {left_out} more lines, which are in the log"]
    fence = _fence("\n".join(text))
    of = f" of {asked.how.environment}" if asked.how.environment else ""
    shown = ["", f"{fence}text", *text, fence] if text else []
    return "\n".join([f"### migrator {asked.command}{of}", "", _verdict(asked.code), *shown, "", ""])


def _verdict(code: int) -> str:
    if code == ExitCode.OK:
        return "✅ **in order**"
    if code == ExitCode.NO:
        return "❌ **not in order** (exit code 1)"
    return f"⚠️ **no answer**: {ExitCode(code).name.lower()} (exit code {int(code)})"


def _plain_text(how: How, result: object, errors: tuple[MigratorError, ...]) -> Iterator[str]:
    if result is not None:
        yield from lines(result, how)
    for error in errors:
        yield from secrets.scrub(f"error: {error.message}").splitlines()
        if error.hint:
            yield from secrets.scrub(f"hint: {error.hint}").splitlines()


def _fence(text: str) -> str:
    """Give a fence that no line of a text can close."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(3, longest + 1)
