"""Results as plain lines: what a pipe, a log file, a script and a test report get."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class How:
    """How to show a result: whole files or one line each, and the environment's name."""

    verbose: bool = False
    environment: str = ""


def lines(result: object, how: How) -> Iterable[str]:
    """Give the lines of a result. A module here writes the results of the module of its name in `results`.

    Only that one is imported: all the others would take a thirtieth of the time of `heads`.
    """
    name = type(result).__module__.rpartition(".")[2]
    written: Iterable[str] = import_module(f"{__name__}.{name}_lines").lines(result, how)
    return written
