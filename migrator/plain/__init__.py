"""Results as plain lines: what a pipe, a log file, a script and a test report get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import singledispatch
from importlib import import_module

from migrator.errors import MigratorError


@dataclass(frozen=True)
class How:
    """How to show a result: whole files or one line each, and the environment's name."""

    verbose: bool = False
    environment: str = ""


class Kind(Enum):
    """What a line is about. A terminal shows each kind in a colour of its own."""

    PLAIN = auto()
    ADDED = auto()
    DROPPED = auto()
    ALTERED = auto()
    # Data that goes with what is dropped.
    LOST = auto()
    DONE = auto()
    GOOD = auto()
    WRONG = auto()
    # What is still to be done, or to be looked at.
    OPEN = auto()
    NEXT = auto()
    DETAIL = auto()


class Line(str):
    """The text of a line, which knows what kind of line it is."""

    __slots__ = ("kind",)

    def __new__(cls, text: str, kind: Kind = Kind.PLAIN) -> Line:
        """Make a line of a text."""
        line = super().__new__(cls, text)
        line.kind = kind
        return line

    kind: Kind


@singledispatch
def text_lines(result: object, _how: How) -> Iterable[str]:
    """Give the lines of a result. A module registers the functions for its results when it is imported."""
    raise TypeError(f"There is no text for a {type(result).__name__}.")


def error_lines(error: MigratorError) -> Iterator[str]:
    """Give what happened, then what to do about it, where the error says so."""
    yield f"error: {error.message}"
    if error.hint:
        yield f"hint: {error.hint}"


def counted(number: int, what: str) -> str:
    """Return a number with what it counts: `1 revision`, `2 revisions`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def wrote(path: str, more: str = "", *, dry_run: bool = False) -> Line:
    """Say that a file was written, or with `dry_run` that it would be."""
    return Line(f"would write {path}{more}") if dry_run else Line(f"wrote {path}{more}", Kind.DONE)


def lines(result: object, how: How) -> Iterator[Line]:
    """Return the lines of a result: those of `results/run.py` are made by `plain/run_lines.py`, and so on.

    Only that module is imported: all of them would take a thirtieth of the time of `heads`.
    """
    name = type(result).__module__.rpartition(".")[2]
    import_module(f"{__name__}.{name}_lines")
    return (each if isinstance(each, Line) else Line(each) for each in text_lines(result, how))
