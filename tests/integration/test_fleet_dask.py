"""Tenants done by the workers of a Dask cluster of two."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Database, Ran, process_variables
from tests.faults.least import wait_for
from tests.projects.fleet import Fleet, make_fleet

pytest.importorskip("distributed")


def dask(*args: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start a part of a cluster; what it says goes to a file."""
    with (folder / f"{args[0]}.log").open("ab") as log:
        command = [sys.executable, "-m", "distributed.cli.dask_" + args[0], *args[1:]]
        return subprocess.Popen(command, cwd=folder, env=process_variables(), stdout=log, stderr=log)


def answers_at(port: int) -> bool:
    """Whether somebody listens at a port of this machine."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Give a port that nobody listens at."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers."""
    folder, port = tmp_path_factory.mktemp("dask"), free_port()
    address = f"tcp://127.0.0.1:{port}"
    with ExitStack() as stack:

        def start(*args: str) -> None:
            process = dask(*args, folder=folder)
            stack.callback(process.wait)
            stack.callback(process.kill)

        start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        wait_for(lambda: answers_at(port), "the scheduler listens")
        for _ in range(2):
            start("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        yield address


@pytest.fixture
def fleet(tmp_path: Path, postgres_database: Database, migrator: Callable[..., Ran]) -> Fleet:
    """Six tenants at base."""
    fleet = make_fleet(tmp_path / "a fleet", postgres_database, migrator)
    fleet.add(*(f"t{number}" for number in range(6)))
    return fleet


def upgrade(address: str, *args: str) -> tuple[str, ...]:
    return (
        "upgrade",
        "--env",
        "testing",
        "--tenants",
        "all",
        "--executor",
        "dask",
        "--scheduler",
        address,
        *args,
    )


@pytest.mark.slow
def test_a_cluster_does_what_processes_here_would(cluster: str, fleet: Fleet) -> None:
    fleet.database.query("CREATE SEQUENCE t3.one")

    found = fleet.outcomes(*upgrade(cluster), code=7)

    assert found == {f"t{number}": "failed" if number == 3 else "done" for number in range(6)}
    assert fleet.heads() == {f"t{number}": "r2" for number in range(6) if number != 3}
    assert fleet.database.query("SELECT environment FROM _migrator.mark") == [("testing",)]
    fleet.database.query("DROP SEQUENCE t3.one")
    assert fleet.outcomes(*upgrade(cluster, "--canary", "1"))["t3"] == "done"


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_named(fleet: Fleet) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"

    assert f"The Dask scheduler {address} does not answer" in fleet.run(*upgrade(address), code=3).err
    assert "no address of a Dask scheduler" in fleet.run(*upgrade("foo"), code=2).err
    assert fleet.heads() == {}


@pytest.mark.slow
def test_a_cluster_without_workers_is_not_waited_for_without_end(fleet: Fleet, tmp_path: Path) -> None:
    port = free_port()
    scheduler = dask(
        "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", folder=tmp_path
    )
    try:
        wait_for(lambda: answers_at(port), "the scheduler listens")
        assert "has no workers" in fleet.run(*upgrade(f"tcp://127.0.0.1:{port}"), code=3).err
    finally:
        scheduler.kill()
        scheduler.wait()
