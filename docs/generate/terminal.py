"""Runs a command at a terminal of its own: a pseudo-terminal on stdin, stdout and stderr."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

COLUMNS = 80
END_OF_INPUT, CTRL_C = "\x04", "\x03"
_BOUND = 30.0
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")


@dataclass(frozen=True)
class Shown:
    """What a command showed at its terminal, and its exit code."""

    code: int
    screen: str

    @property
    def text(self) -> str:
        """What was shown without escape sequences."""
        return _ESCAPES.sub("", self.screen).replace("\r\n", "\n")


def at_terminal(
    command: Sequence[str],
    cwd: Path,
    variables: Mapping[str, str],
    *,
    answer: tuple[str, str] | None = None,
    stdin: bool = True,
    columns: int = COLUMNS,
) -> Shown:
    """Run a command at a terminal, with these variables but for COLUMNS, which the terminal knows itself.

    `answer` is what is typed as soon as a text is on the screen. Without `stdin` only its output is a
    terminal, as in many build systems.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={name: value for name, value in variables.items() if name != "COLUMNS"},
        stdin=theirs if stdin else subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    try:
        screen = _read(ours, answer)
        return Shown(process.wait(_BOUND), screen)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read(terminal: int, answer: tuple[str, str] | None) -> str:
    screen, end = b"", time.monotonic() + _BOUND
    # Linux reports the end of the last program at a terminal as an error of reading from it.
    with contextlib.suppress(OSError):
        while True:
            ready, _, _ = select.select([terminal], [], [], end - time.monotonic())
            assert ready, f"nothing more came within {_BOUND} s after: {screen.decode(errors='replace')}"
            part = os.read(terminal, 4096)
            if not part:
                break
            screen += part
            if answer is not None and answer[0].encode() in screen:
                os.write(terminal, answer[1].encode())
                answer = None
    return screen.decode()
