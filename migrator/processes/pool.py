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

import json
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from migrator.errors import ConfigurationError, InterruptedCommandError, MigratorError
from migrator.processes.child import KILL, STOP, Load, Told

# The new Python looks for modules where the caller does, and for none of the caller's `__main__`. Before that
# it imports these of the standard library, as the caller did before it added to its path: a project may have
# a types.py.
_PROGRAM = (
    "import json, logging, multiprocessing.connection, sys, traceback; "
    "sys.path[:] = json.loads(sys.argv[1]); from migrator.processes.child import main; "
    "main(*map(int, sys.argv[2:]))"
)
# How long processes may take to end once they are told to, and once they are killed, in seconds.
GRACE, _KILLED = 10.0, 2.0


class Pool:
    """Processes that serve requests. Each of its `workers` is one of them."""

    def __init__(self, load: Load, count: int = 1, *, output: int | None = None) -> None:
        """Start the processes, which inherit the current folder and the variables.

        What they print goes to the descriptor `output`, or to stderr. Raises ConfigurationError where Python
        cannot be started.
        """
        self._codes: dict[int, int | None] = {}
        self._is_ready = False
        with ExitStack() as ours, ExitStack() as theirs:
            # The end of a process shows as the end of its pipe, once no other process can write into that.
            pipes = []
            for _ in range(count + 1):
                near, far = Pipe()
                pipes.append((ours.enter_context(near), theirs.enter_context(far)))
            self._process = _start([far.fileno() for _, far in pipes], output)
            self._control, *nears = (near for near, _ in pipes)
            self.workers = tuple(Worker(self, index, near) for index, near in enumerate(nears))
            self._ours = ours.pop_all()
        # A process that has ended already shows when it is asked.
        with suppress(OSError):
            self._control.send(sys.argv)
            self._control.send(load)

    def is_ready(self, seconds: float) -> bool:
        """Wait until the processes are there, or until it is clear that they never will be."""
        return self._is_ready or self._hear(seconds)

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

    def code(self, index: int, seconds: float) -> int | None:
        """Return how a process ended, with a minus the signal; None where that is unknown after `seconds`."""
        end = time.monotonic() + seconds
        while index not in self._codes and self._hear(max(0.0, end - time.monotonic())):
            pass
        return self._codes.get(index)

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


class Worker:
    """One process of a pool. Its end, too, makes its `pipe` readable."""

    def __init__(self, pool: Pool, index: int, pipe: Connection) -> None:
        self.pipe = pipe
        self._pool = pool
        self._index = index

    def told(self) -> Told | None:
        """Return what the process says next, None once it has ended."""
        try:
            told: Told = self.pipe.recv()
        except (EOFError, OSError):
            return None
        return told

    def code(self, seconds: float = GRACE) -> int | None:
        """Return how the process ended, as `Pool.code` does."""
        return self._pool.code(self._index, seconds)


def ended_error(code: int | None, work: str, hint: str, *, said: str = "") -> MigratorError:
    """Return the error for a process that has ended before it answered. `said` is its last line of output."""
    if code == -STOP:
        return InterruptedCommandError()
    last = f" It said: {said}" if said else ""
    rolled_back = "What it had not committed is rolled back."
    return MigratorError(
        f"The process that worked on {work} ended {how_it_ended(code)}.{last}", hint=f"{rolled_back} {hint}"
    )


def how_it_ended(code: int | None) -> str:
    """Say how a process ended, of which `code` is the exit code or, with a minus, the signal."""
    if code is None:
        return "without an exit code"
    if code == -signal.SIGKILL:
        return "by SIGKILL, which is also how a system ends a process when memory runs out"
    with suppress(ValueError):
        if code < 0:
            return f"by {signal.Signals(-code).name}"
    return f"by signal {-code}" if code < 0 else f"with exit code {code}"


def _start(descriptors: list[int], output: int | None) -> subprocess.Popen[bytes]:
    """Start a Python in a session of its own, so that Ctrl-C at a terminal reaches the caller alone."""
    path = json.dumps([each for each in sys.path if isinstance(each, str)])
    try:
        return subprocess.Popen(
            # -P, or a file in the current folder would be taken for one of the standard library.
            [sys.executable, "-P", "-c", _PROGRAM, path, *map(str, descriptors)],
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
