"""Runs shell text as a service would: with bash, in a folder, with the service's variables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.conftest import Ran, process_variables

# By its whole path: a test may take away the PATH.
BASH = (shutil.which("bash") or "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")


def run_shell(
    text: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    *,
    shell: Sequence[str] = BASH,
    seconds: float = 60,
) -> Ran:
    """Run a text with the programs of this virtual environment, without a terminal, for a time at most.

    `shell` is the command that takes it as its last argument.
    """
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*shell, text],
        cwd=cwd,
        env={**without_git(process_variables()), "PATH": programs, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def without_git(variables: Mapping[str, str]) -> dict[str, str]:
    """Give variables without those by which git would work elsewhere, or otherwise."""
    return {name: value for name, value in variables.items() if not name.startswith("GIT_")}
