"""`migrator` in processes that are copies of one that has imported its libraries: most of a start is spared.

For tests that kill dozens of them, and say nothing of how one starts. What runs in each is the entry point.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from tests.conftest import process_variables
from tests.faults.least import Running

# There is one process to copy, which imports what a command needs.
_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["migrator.cli.main", "migrator.env", "sqlalchemy.dialects.postgresql.asyncpg"]
)


class Forked:
    """A process like `Popen`'s, although whoever made it is not its parent."""

    def __init__(
        self, args: tuple[str, ...], cwd: Path, variables: dict[str, str], out: Path, err: Path
    ) -> None:
        """Start `migrator` with its output in two files, and without input."""
        self._process = _CONTEXT.Process(target=_become_migrator, args=(args, cwd, variables, out, err))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Give its exit code, with a minus the signal that ended it, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and give the same. Raises TimeoutExpired."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("migrator", timeout or 0)
        return code

    def send_signal(self, sig: int) -> None:
        """Send it a signal, if it is there."""
        if self.poll() is None:
            # Its parent may have seen it to its end in this moment.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def kill(self) -> None:
        """End it at once, if it is there."""
        self.send_signal(signal.SIGKILL)

    def stop(self) -> bool:
        """Hold it where it is, and give whether it was still there."""
        self.send_signal(signal.SIGSTOP)
        while self.poll() is None:
            # It may end before its file is opened, and between that and the reading.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                # The state is behind the name, in which there may be anything.
                state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2][:1]
                if state == "T":
                    return True
        return False


@dataclass(frozen=True)
class RunningCopy(Running):
    """Such a process, whose output goes to files."""

    process: Forked


@contextlib.contextmanager
def forked(root: Path, variables: Mapping[str, str], *args: str, secret: str = "") -> Iterator[RunningCopy]:
    """Run `migrator` with these arguments; the process is gone after the block, whatever happens in it."""
    with tempfile.TemporaryDirectory(prefix="migrator-run-") as folder:
        out, err = (Path(folder) / name for name in ("out", "err"))
        out.touch()
        err.touch()
        process = Forked(args, root, process_variables(variables), out, err)
        try:
            yield RunningCopy(process, out, err, secret)
        finally:
            process.kill()
            process.wait()


def _become_migrator(
    args: tuple[str, ...], cwd: Path, variables: dict[str, str], out: Path, err: Path
) -> None:
    from migrator.cli.main import run

    for file, descriptor in ((out, 1), (err, 2)):
        os.dup2(os.open(file, os.O_WRONLY), descriptor)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["migrator", *args]
    run()
