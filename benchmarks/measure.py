"""Runs two command lines in turn, and takes the medians of their times."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRUBBED = ("ALEMBIC_", "POSTGRES_", "PG", "MIGRATOR_")


@dataclass(frozen=True)
class Command:
    """A command line, and what its stdout must hold: a benchmark of a failing command means nothing."""

    argv: Sequence[str]
    cwd: Path
    variables: Mapping[str, str]
    expected: str


@dataclass(frozen=True)
class Time:
    """Seconds: on the clock, and of the processor (user and system) in the process and its children."""

    wall: float
    cpu: float


def nothing() -> None:
    """Do nothing before or after a run."""


def alternate(
    ours: Command,
    theirs: Command,
    runs: int,
    *,
    before: Callable[[], None] = nothing,
    after: Callable[[], None] = nothing,
) -> tuple[Time, Time]:
    """Run both `runs` times, in turn, and give the medians of each; `before` and `after` are not timed.

    A first run of each is not counted: it compiles bytecode and warms the file cache. Who begins a pair
    changes from pair to pair, so that a load that grows or shrinks burdens both alike.
    """
    taken: dict[bool, list[Time]] = {True: [], False: []}
    for pair in range(runs + 1):
        for first in (pair % 2 == 0, pair % 2 == 1):
            before()
            one = run(ours if first else theirs)
            after()
            if pair > 0:
                taken[first].append(one)
    return _median(taken[True]), _median(taken[False])


def _median(times: list[Time]) -> Time:
    return Time(
        statistics.median(time.wall for time in times),
        statistics.median(time.cpu for time in times),
    )


def run(command: Command) -> Time:
    """Run a command once. Raises RuntimeError where it fails or does not print what is expected."""
    variables = process_variables(command.variables)
    cpu, begun = _children_cpu(), time.perf_counter()
    done = subprocess.run(
        command.argv,
        cwd=command.cwd,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    taken = Time(time.perf_counter() - begun, _children_cpu() - cpu)
    if done.returncode != 0 or command.expected not in done.stdout:
        line = " ".join(command.argv)
        raise RuntimeError(f"{line}: exit code {done.returncode}\n{done.stdout[-500:]}{done.stderr[-1500:]}")
    return taken


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
