"""Runs command lines in turn, and takes the medians of what they took."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Of a megabyte, which is what Linux counts memory in.
_KIBIBYTES = 1024
_RUNNER = Path(__file__).with_name("runner.py")
_SCRUBBED = ("ALEMBIC_", "FLASK_", "POSTGRES_", "PG", "MIGRATOR_")


@dataclass(frozen=True)
class Command:
    """A command line, and what its stdout must hold: a benchmark of a failing command means nothing."""

    argv: Sequence[str]
    cwd: Path
    variables: Mapping[str, str]
    expected: str


@dataclass(frozen=True)
class Side:
    """One of those that are compared, and how often it runs."""

    command: Command
    runs: int


@dataclass(frozen=True)
class Taken:
    """Seconds on the clock, seconds of the processor (user and system), and megabytes of memory at the peak.

    The processor's are those of the process and its children; the memory is that of the largest of them.
    """

    wall: float
    cpu: float
    memory: float


def nothing() -> None:
    """Do nothing before or after a run."""


def alternate(
    sides: Sequence[Side],
    *,
    before: Callable[[], None] = nothing,
    after: Callable[[], None] = nothing,
    warm: bool = True,
) -> list[Taken]:
    """Run the sides in turn, and give the medians of each; `before` and `after` are not timed.

    With `warm` a first run of each is not counted: it compiles bytecode and warms the file cache. Who begins
    changes from round to round, so that a load that grows or shrinks burdens all alike. A side of fewer runs
    than another sits out rounds that are spread over the whole.
    """
    taken: list[list[Taken]] = [[] for _ in sides]
    rounds = max(side.runs for side in sides)
    for number in range(-1 if warm else 0, rounds):
        playing = [
            index for index, side in enumerate(sides) if number < 0 or number * side.runs % rounds < side.runs
        ]
        begins = number % len(playing)
        for index in playing[begins:] + playing[:begins]:
            before()
            one = run(sides[index].command)
            after()
            if number >= 0:
                taken[index].append(one)
    return [_median(each) for each in taken]


def _median(all_taken: list[Taken]) -> Taken:
    return Taken(
        statistics.median(taken.wall for taken in all_taken),
        statistics.median(taken.cpu for taken in all_taken),
        statistics.median(taken.memory for taken in all_taken),
    )


def run(command: Command) -> Taken:
    """Run a command once. Raises RuntimeError where it fails or does not print what is expected."""
    line = " ".join(command.argv)
    reading, writing = os.pipe()
    with os.fdopen(reading) as told:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", str(_RUNNER), str(writing), *command.argv],
                cwd=command.cwd,
                env=process_variables(command.variables),
                pass_fds=(writing,),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            os.close(writing)
        if done.returncode != 0 or command.expected not in done.stdout:
            said = done.stdout[-500:] + done.stderr[-1500:]
            raise RuntimeError(f"{line}: exit code {done.returncode}\n{said}")
        wall, cpu, memory = (float(figure) for figure in told.read().split())
    return Taken(wall, cpu, memory / _KIBIBYTES)


def process_variables(added: Mapping[str, str]) -> dict[str, str]:
    """Give this process's variables without any that configures a tool, and with bytecode allowed."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_SCRUBBED)
        and not name.endswith("DATABASE_URL")
        and name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPROFILEIMPORTTIME")
    }
    return {**kept, **added}
