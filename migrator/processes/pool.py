"""Starts processes for work that must not run in this one, and talks to them.

Alembic keeps its state in the globals of a module; an env.py may change the current folder, `sys.path`,
streams, logging and variables; and a thread that runs one cannot be stopped.

There is one way to start a process. `subprocess` starts a new Python, which imports what the work needs and
then makes copies of itself (`child.main`); that import takes about half a second, and happens once. The new
Python has no threads and has never connected, so its copies are safe on Linux and macOS. Copies of the
caller's process are not: they may inherit a lock of OpenSSL's that is never released. `multiprocessing` is
not used, because it runs the caller's `__main__` again, and its start method depends on the caller, the
system and the version of Python.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait

from migrator.errors import ConfigurationError, InterruptedCommandError, MigratorError
from migrator.processes.child import KILL, STOP, Done, Load, PassedOn, Said
from migrator.results.events import Report, ignore

# The new Python looks for modules where the caller does, and for none of the caller's `__main__`. Before that
# it imports these of the standard library, as the caller did before it added to its path: a project may have
# a types.py.
_PROGRAM = (
    "import json, logging, sys, traceback; from multiprocessing.connection import Connection; "
    "control, *descriptors = map(int, sys.argv[1:]); control = Connection(control); "
    "sys.path[:] = control.recv(); from migrator.processes.child import main; "
    "main(control, *descriptors)"
)
# How long processes may take to end once they are told to, and once they are killed, in seconds.
GRACE, _KILLED = 10.0, 2.0
# How long they may take to be there.
_READY = 120.0
# How much of the output is read at its end, in parts of 64 KiB.
_LAST_CHUNKS = 64
_LOG = logging.getLogger("migrator")


class Worker:
    """One process of a pool: busy until it has answered its request, and gone when it has ended.

    `look` is what to do when it ended too early.
    """

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.is_busy = self.is_gone = False
        self.look = "Ask where the database stands"

    @property
    def is_idle(self) -> bool:
        """Whether it could be given a request."""
        return not (self.is_busy or self.is_gone)

    def give(self, request: object) -> bool:
        """Send a request, which may take until the process reads it; False where it has ended already."""
        self.is_busy = True
        try:
            self.pipe.send(request)
        except OSError:
            self.is_gone = True
        return not self.is_gone


class Pool:
    """Processes that serve requests: its `workers`."""

    def __init__(self, load: Load, count: int = 1, *, captured: bool = False) -> None:
        """Start the processes, which inherit the current folder and the variables.

        What they print goes to stderr, or to the logger `migrator` where it is `captured`. Raises
        ConfigurationError where Python cannot be started.
        """
        self._codes: dict[int, int | None] = {}
        self._is_ready = False
        self._rest, self._last_line = b"", ""
        with ExitStack() as ours, ExitStack() as theirs:
            # The end of a process shows as the end of its pipe, once no other process can write into that.
            pipes = [Pipe() for _ in range(count + 1 + captured)]
            for near, far in pipes:
                ours.enter_context(near)
                theirs.enter_context(far)
            self.output: Connection | None = None
            printed = None
            if captured:
                self.output, far = pipes.pop()
                printed = far.fileno()
            self._process = _start([far.fileno() for _, far in pipes], printed)
            self._control, *nears = (near for near, _ in pipes)
            self.workers = tuple(map(Worker, nears))
            self._ours = ours.pop_all()
        with suppress(OSError):
            self._control.send([each for each in sys.path if isinstance(each, str)])
            self._control.send(sys.argv)
            self._control.send(load)

    @property
    def is_idle(self) -> bool:
        """Whether every process could be given a request."""
        return all(each.is_idle for each in self.workers)

    def await_ready(self) -> None:
        """Wait until the processes are there, or until it is clear that they never will be.

        Raises MigratorError when that takes too long.
        """
        end = time.monotonic() + _READY
        while not self._is_ready:
            if not self._hear(GRACE) and time.monotonic() > end:
                raise MigratorError(
                    f"The processes of this command were not there after {_READY:g}s.",
                    hint="The machine is overloaded, or has stopped them: run it again later.",
                )

    def interrupt(self) -> None:
        """Tell all processes to stop: statements are cancelled and rolled back."""
        self._process.send_signal(STOP)

    def kill(self) -> None:
        """End all processes at once."""
        self._process.send_signal(KILL)

    def end(self, grace: float = GRACE) -> None:
        """Leave no process. An idle one ends by itself; one that takes longer than `grace` is killed."""
        for worker in self.workers:
            worker.pipe.close()
        with suppress(OSError):
            self._control.send(None)
        for seconds, force in ((grace, self.kill), (_KILLED, self._process.kill)):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            force()
        self._process.wait()
        self._ours.close()

    def ended(self, worker: Worker, seconds: float = GRACE) -> MigratorError | None:
        """Return the error for a process that has ended; None where `seconds` is 0 and it has not."""
        index, end = self.workers.index(worker), time.monotonic() + seconds
        while index not in self._codes and self._hear(max(0.0, end - time.monotonic())):
            pass
        if index not in self._codes and not seconds:
            return None
        worker.is_gone = True
        self.read_output(_LAST_CHUNKS)
        return ended_error(self._codes.get(index), worker.look, self._last_line)

    def read_output(self, chunks: int = 1) -> None:
        """Log what has been printed so far, but not for ever: a program may print all the time."""
        for _ in range(chunks):
            if self.output is None or not self.output.poll():
                return
            read = os.read(self.output.fileno(), 65536)
            *lines, self._rest = (self._rest + read).split(b"\n")
            if not read:
                self.output = None
                lines.append(self._rest)
            for line in lines:
                if text := line.decode(errors="replace").rstrip():
                    self._last_line = text
                    _LOG.info("%s", text)

    def _hear(self, seconds: float) -> bool:
        """Take in what the first process tells about the others, if it does so in time."""
        try:
            if not self._control.poll(seconds):
                return False
            told = self._control.recv()
        except (EOFError, OSError):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE)
            self._codes = dict.fromkeys(range(len(self.workers)), self._process.returncode) | self._codes
        else:
            self._codes.update([] if told is None else [told])
        self._is_ready = True
        return True


def answers(
    pools: Sequence[Pool], seconds: float, report: Report = ignore
) -> Iterator[tuple[Worker, Done | MigratorError]]:
    """Yield the answers that come in within `seconds`, and the errors of processes that have ended.

    In the meantime `report` is told the events, and the logger `migrator` what is logged and printed.
    """
    busy = {worker.pipe: (pool, worker) for pool in pools for worker in pool.workers if worker.is_busy}
    ready = set(wait([*busy, *(each.output for each in pools if each.output is not None)], seconds))
    for pool in pools:
        pool.read_output()
    for pipe, (pool, worker) in busy.items():
        answer: Done | MigratorError | None = None
        try:
            told = pipe.recv() if pipe in ready else None
        except (EOFError, OSError):
            answer = pool.ended(worker)
        else:
            match told:
                case None:
                    # A process that it left behind may hold the other end of its pipe.
                    answer = None if ready else pool.ended(worker, 0)
                case Done():
                    answer = told
                case PassedOn():
                    answer = told.error()
                case Said(level, text):
                    _LOG.log(level, "%s", text)
                case _:
                    report(told)
        if answer is not None:
            worker.is_busy = False
            pool.read_output(_LAST_CHUNKS)
            yield worker, answer


def ended_error(code: int | None, look: str, said: str = "") -> MigratorError:
    """Return the error for a process that ended before it answered.

    `code` is its exit code or, with a minus, the signal; `look` says how to find out where the database
    stands, and `said` is the last line that the process printed.
    """
    if code == -STOP:
        return InterruptedCommandError()
    how = "without an exit code" if code is None else f"with exit code {code}"
    if code is not None and code < 0:
        names = {each.value: each.name for each in signal.Signals}
        how = f"by {names.get(-code, f'signal {-code}')}"
    if code == -signal.SIGKILL:
        how += ", which is also how a system ends a process when memory runs out"
    last = f" It said: {said}" if said else ""
    return MigratorError(
        f"The process that worked on it ended {how}.{last}",
        hint=f"What it had not committed is rolled back. {look}, then do it again.",
    )


def _start(descriptors: list[int], output: int | None) -> subprocess.Popen[bytes]:
    """Start a Python in a session of its own, so that Ctrl-C at a terminal reaches the caller alone."""
    try:
        return subprocess.Popen(
            # -P, or a file in the current folder would be taken for one of the standard library.
            [sys.executable, "-P", "-c", _PROGRAM, *map(str, descriptors)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=descriptors,
            start_new_session=True,
        )
    except OSError as exc:
        raise ConfigurationError(
            f"Python cannot be started as {sys.executable or 'nothing'}: {exc.strerror}.",
            hint="sys.executable has to be a Python: migrator starts processes of its own.",
        ) from exc
