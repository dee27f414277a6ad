"""Runs two command lines in turn, and takes the medians of what they took."""

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
_SCRUBBED = ("ALEMBIC_", "POSTGRES_", "PG", "MIGRATOR_")


@dataclass(frozen=True)
class Command:
    """A command line, and what its stdout must hold: a benchmark of a failing command means nothing."""

    argv: Sequence[str]
    cwd: Path
    variables: Mapping[str, str]
    expected: str


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
    ours: Command,
    theirs: Command,
    runs: int,
    *,
    before: Callable[[], None] = nothing,
    after: Callable[[], None] = nothing,
    warm: bool = True,
) -> tuple[Taken, Taken]:
    """Run both `runs` times, in turn, and give the medians of each; `before` and `after` are not timed.

    With `warm` a first run of each is not counted: it compiles bytecode and warms the file cache. Who begins
    a pair changes from pair to pair, so that a load that grows or shrinks burdens both alike.
    """
    taken: dict[bool, list[Taken]] = {True: [], False: []}
    for pair in range(runs + warm):
        for first in (pair % 2 == 0, pair % 2 == 1):
            before()
            one = run(ours if first else theirs)
            after()
            if pair > 0 or not warm:
                taken[first].append(one)
    return _median(taken[True]), _median(taken[False])


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
    """Give this process's variables without any that configures either tool, and with bytecode allowed."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_SCRUBBED)
        and not name.endswith("DATABASE_URL")
        and name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPROFILEIMPORTTIME")
    }
    return {**kept, **added}
