"""Processes that a test talks to while they run."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import process_variables, program


@contextmanager
def started(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], *, stderr: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """Run a process that is gone after the block, whatever happens in it."""
    process = subprocess.Popen(
        program(command),
        cwd=cwd,
        env=process_variables(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
