"""Processes that a test talks to while they run."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import process_variables, program


@contextmanager
def started(
    command: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    *,
    stderr: int = subprocess.PIPE,
    own_group: bool = False,
) -> Iterator[subprocess.Popen[str]]:
    """Run a process that is gone after the block, whatever happens in it.

    With `own_group` signals for our process group pass it by.
    """
    process = subprocess.Popen(
        program(command),
        cwd=cwd,
        env=process_variables(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        start_new_session=own_group,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
