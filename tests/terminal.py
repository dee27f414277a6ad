"""Runs a command at a terminal of its own, as `docs.generate.terminal` does, with the variables of a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from docs.generate import terminal
from docs.generate.terminal import COLUMNS, CTRL_C, END_OF_INPUT, Shown
from tests.conftest import process_variables, program

__all__ = ["COLUMNS", "CTRL_C", "END_OF_INPUT", "Shown", "at_terminal"]


def at_terminal(
    command: Sequence[str],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    *,
    answer: tuple[str, str] | None = None,
    stdin: bool = True,
) -> Shown:
    """Run a command at a terminal; see there."""
    variables = {**process_variables(), "TERM": "xterm-256color", **(env or {})}
    return terminal.at_terminal(program(command), cwd, variables, answer=answer, stdin=stdin)
