"""The embedded PostgreSQL under processes that are killed at any moment, again and again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migrator.database.embedded.server_home import ROOT_STATE, Home
from migrator.database.embedded.server_place import place_of
from tests.conftest import Ran, process_variables
from tests.projects.small import versions, write_project, write_revision

pytestmark = pytest.mark.soak

# Read when the module is imported: tests see none of the machine's variables.
ROUNDS = int(os.environ.get("MIGRATOR_SOAK_ROUNDS") or (200 if os.environ.get("MIGRATOR_SOAK") else 2))
SEED = int(os.environ.get("MIGRATOR_SOAK_SEED", "1"))
PROCESSES = 6
SECONDS = 60.0
STAY = """
import sys, time
from pathlib import Path
from migrator.database.embedded import embedded_server

with embedded_server(Path(sys.argv[1])) as server:
    server.ensure_database("soak")
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def one_embedded(tmp_path: Path) -> Iterator[Path]:
    """A project with an embedded database; what root's server keeps elsewhere is removed."""
    root = write_project(tmp_path / "an embedded project", settings="database = embedded")
    write_revision(versions(root), "first", up='op.execute("CREATE TABLE firsts (id int)")')
    yield root
    state = _home(root).folder.parent
    if state.parent == ROOT_STATE:
        shutil.rmtree(state, ignore_errors=True)


def _home(root: Path) -> Home:
    return place_of(root, durable=True).home


def _servers(root: Path) -> list[str]:
    """The command lines of the servers that run on the project's data."""
    data = str(_home(root).data)
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if data in line]


def _enter(root: Path, stay: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STAY, str(root), str(stay)],
        env=process_variables(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _disturb(root: Path, chance: random.Random) -> None:
    """Let processes enter at once, kill half of them at moments of chance, and wait for the others."""
    processes = [_enter(root, chance.uniform(0, 0.5)) for _ in range(PROCESSES)]
    try:
        begun = time.monotonic()
        moments = sorted(chance.uniform(0, 2.5) for _ in range(PROCESSES // 2))
        victims = chance.sample(processes, len(moments))
        for moment, victim in zip(moments, victims, strict=True):
            time.sleep(max(0.0, begun + moment - time.monotonic()))
            victim.send_signal(signal.SIGKILL)
        for process in processes:
            _out, err = process.communicate(timeout=SECONDS)
            assert process in victims or process.returncode == 0, err
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_whoever_is_killed_the_next_command_works_and_no_server_is_left(
    one_embedded: Path, shell: Callable[..., Ran]
) -> None:
    chance = random.Random(SEED)
    for number in range(ROUNDS):
        _disturb(one_embedded, chance)
        ran = shell(["migrator", "upgrade"], cwd=one_embedded)
        assert ran.code == 0, f"round {number}: {ran.err}"
        assert shell(["migrator", "current"], cwd=one_embedded).out == "first (head)\n", f"round {number}"
        assert _servers(one_embedded) == [], f"round {number}"
