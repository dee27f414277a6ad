"""Asks one question of several things at once, each in a process of its own and with a time limit.

An env.py cannot be run in threads: Alembic keeps what it works on in the globals of a module.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

from migrator import secrets
from migrator.errors import fault
from migrator.processes.child import obey_parent, stdout_to_stderr

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

# How often `tick` is called, and how long a process may take to end once it is told to, in seconds.
_TICK, _GRACE = 0.25, 2.0


@dataclass(frozen=True)
class Unanswered:
    """Why there is no answer; `late` where time was up."""

    reason: str
    late: bool = False


@dataclass
class _Running(Generic[Answer]):
    process: Process
    pipe: Connection
    deadline: float
    answer: Answer | Unanswered | None = None


def side_by_side(
    function: Callable[[Asked], Answer],
    asked: Sequence[Asked],
    seconds: float,
    tick: Callable[[], None] | None = None,
) -> list[Answer | Unanswered]:
    """Call `function` with each of `asked` in a process of its own, for at most `seconds` each.

    What comes back is in the order of `asked`. Function, arguments and answers must be picklable. What is
    printed there on stdout goes to stderr. `tick` is called now and then while it is waited. No process is
    left when this ends, however it ends.
    """
    with _processes(function, asked, seconds) as running:
        while waiting := [each for each in running if each.answer is None]:
            left = min(each.deadline for each in waiting) - time.monotonic()
            ready = wait([each.pipe for each in waiting], max(0.0, min(left, _TICK) if tick else left))
            for each in waiting:
                if each.pipe in ready:
                    each.answer = _received(each)
                elif time.monotonic() >= each.deadline:
                    each.answer = Unanswered(f"It did not answer in {seconds:.3g}s.", late=True)
            if tick is not None:
                tick()
        return [each.answer for each in running if each.answer is not None]


@contextmanager
def _processes(
    function: Callable[[Asked], Answer], asked: Sequence[Asked], seconds: float
) -> Iterator[list[_Running[Answer]]]:
    running: list[_Running[Answer]] = []
    try:
        for argument in asked:
            ours, theirs = Pipe(duplex=False)
            process = Process(target=_answer, args=(function, argument, theirs, seconds), daemon=True)
            running.append(_Running(process, ours, math.inf))
            process.start()
            running[-1].deadline = time.monotonic() + seconds
            # The end of the process shows as the end of the pipe, once nobody else can write into it.
            theirs.close()
        yield running
    finally:
        _end([each for each in running if each.process.pid is not None])
        for each in running:
            each.pipe.close()


def _received(running: _Running[Answer]) -> Answer | Unanswered:
    try:
        answer: Answer | Unanswered = running.pipe.recv()
    except EOFError:
        running.process.join(_GRACE)
        return Unanswered(f"The process that asked it ended with {running.process.exitcode}.")
    return answer


def _end(running: Sequence[_Running[Answer]]) -> None:
    """End the processes: the embedded PostgreSQL is left in order where that is possible."""
    for each in running:
        each.process.terminate()
    end = time.monotonic() + _GRACE
    for each in running:
        each.process.join(max(0.0, end - time.monotonic()))
        if each.process.is_alive():
            each.process.kill()
            each.process.join()


def _answer(function: Callable[[Asked], Answer], asked: Asked, pipe: Connection, seconds: float) -> None:
    """Answer in the process that was made for it."""
    with suppress(KeyboardInterrupt, BrokenPipeError):
        obey_parent(seconds + 2 * _GRACE)
        stdout_to_stderr()
        answer = _called(function, asked)
        # Nothing is left to be put in order: from here on the end may come at any moment.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        pipe.send(answer)


def _called(function: Callable[[Asked], Answer], asked: Asked) -> Answer | Unanswered:
    try:
        return function(asked)
    except Exception as exc:
        # The border of this process: what is not understood is our own fault, and the others are asked on.
        return Unanswered(secrets.scrub(fault(exc).message))
