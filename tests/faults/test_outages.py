"""Servers that stop, connections that are cut, rights and room that are missing: what a run says of each."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from migrator.database.embedded.postmaster import free_port
from migrator.database.embedded.server_home import prepare
from migrator.database.embedded.server_place import ServerPlace, create_data, place_of
from migrator.database.embedded.shared_use import remove_server
from migrator.database.embedded.system_account import Program, run_as, start_as
from tests.conftest import Database, Ran
from tests.faults.least import ALL_GRANTS, GATE, Least, Told, make_least, told, upgrade, upgrading, wait_for
from tests.projects.small import versions, write_project, write_revision
from tests.slow import first_is_fast

NAMES = ["r1", "r2", "r3", "r4"]
TABLE = 'op.execute("CREATE TABLE {} (id integer)")'
SPILLS = """\
op.execute("CREATE TABLE r2 (name text)")
op.execute("INSERT INTO r2 SELECT md5(g::text) FROM generate_series(1, 200000) g ORDER BY 1")"""
# Plain lines and JSON must say the same, and none of them the password.
each_way = pytest.mark.parametrize(
    "options", first_is_fast([(("--json",),), (("--echo", "--traceback"),)]), ids=("json", "traceback")
)


def write_four(root: Path, second: str, *settings: str) -> Path:
    """Write a project of four revisions, the second of which is given."""
    write_project(root, settings="\n".join(settings))
    for before, name in zip([None, *NAMES], NAMES, strict=False):
        write_revision(versions(root), name, before, second if name == "r2" else TABLE.format(name))
    return root


def held_up(root: Path) -> Path:
    """Write a project of four revisions, the second of which is held up at the gate."""
    return write_four(root, f"{TABLE.format('r2')}\n{GATE}")


def error_of(ran: Ran) -> str:
    """Give the error with its hint; fails where it is not one sentence."""
    lines = ran.err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1, ran.err
    return "\n".join([*errors, *(line for line in lines if line.startswith("hint: "))])


def completes(root: Path, least: Least, log: str = "_migrator.log") -> None:
    """Upgrade once more, and fail where that does not do the rest."""
    ran = upgrade(root, least)
    assert ran.code == 0, ran.err
    assert least.version() == ["r4"]
    assert least.logged(log) == NAMES


@dataclass
class Private:
    """A server of one test, which may be stopped; it keeps its port."""

    place: ServerPlace
    port: int
    program: Program | None = None

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        argv = [self.place.program("postgres"), "-D", str(self.place.home.data), "-c", "fsync=off"]
        argv += ["-c", f"port={self.port}", "-c", "listen_addresses=127.0.0.1"]
        argv += ["-c", "unix_socket_directories="]
        self.program = start_as(self.place.account, argv, output=subprocess.DEVNULL)
        wait_for(self._answers, "the server takes connections")

    def stop(self) -> None:
        """Stop it, where it runs, without letting anybody finish."""
        if self.program is None or self.program.poll() is not None:
            return
        argv = [self.place.program("pg_ctl"), "stop", "-D", str(self.place.home.data), "-m", "immediate"]
        assert run_as(self.place.account, argv, output=subprocess.DEVNULL) == 0
        self.program.wait()

    def database(self) -> Database:
        """Give its database for the superuser."""
        password = self.place.home.password.read_text()
        return Database("127.0.0.1", self.port, "postgres", password, "postgres")

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            return self.database().query("SELECT 1") == [(1,)]
        return False


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Private]:
    """A server that does not run."""
    root = tmp_path_factory.mktemp("private")
    place = place_of(root, durable=False)
    prepare(place.home)
    create_data(place)
    yield Private(place, free_port())
    remove_server(root)
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def private(initialised: Private) -> Iterator[Private]:
    """A running server that nobody else uses; whatever became of it, it is stopped after the test."""
    initialised.start()
    initialised.database().query("DROP SCHEMA IF EXISTS public, _migrator CASCADE")
    initialised.database().query("CREATE SCHEMA public")
    yield initialised
    initialised.stop()


@each_way
def test_a_server_that_stops_in_the_middle_and_comes_back(
    options: tuple[str, ...], tmp_path: Path, private: Private
) -> None:
    least = make_least(private.database(), *ALL_GRANTS)
    root = held_up(tmp_path / "a project")
    with least.closed_gate(), upgrading(root, least, *options) as running:
        least.wait_at_gate(running)
        private.stop()
        private.start()
        ran = running.ended()

    assert ran.code == 7, ran.err
    error_of(ran)
    assert told(ran) == Told(["r1"], "r2", ["r3", "r4"])
    assert least.version() == ["r1"]
    completes(root, least)


@pytest.mark.slow
@each_way
def test_a_server_that_stops_in_the_middle_and_does_not_come_back(
    options: tuple[str, ...], tmp_path: Path, private: Private
) -> None:
    least = make_least(private.database(), *ALL_GRANTS)
    root = held_up(tmp_path / "a project")
    with least.closed_gate(), upgrading(root, least, *options) as running:
        least.wait_at_gate(running)
        private.stop()
        try:
            ran = running.ended()
            before = upgrade(root, least, *options)
        finally:
            private.start()

    assert ran.code == 7, ran.err
    error_of(ran)
    # Each revision was committed by itself, so that this is known without asking again.
    assert told(ran) == Told(["r1"], "r2", ["r3", "r4"])
    assert before.code == 6, before.err
    assert told(before) == Told([], None, [])
    assert least.version() == ["r1"]
    completes(root, least)


@pytest.mark.slow
@each_way
def test_the_migrating_connection_is_cut(
    options: tuple[str, ...], tmp_path: Path, least_database: Least
) -> None:
    root = held_up(tmp_path / "a project")
    with least_database.closed_gate(), upgrading(root, least_database, *options) as running:
        pid = least_database.wait_at_gate(running)
        least_database.admin.query(f"SELECT pg_terminate_backend({pid})")
        ran = running.ended()

    assert ran.code == 7, ran.err
    error_of(ran)
    assert told(ran) == Told(["r1"], "r2", ["r3", "r4"])
    assert least_database.version() == ["r1"]
    completes(root, least_database)


@pytest.mark.slow
@each_way
def test_the_connection_of_the_lock_is_cut(
    options: tuple[str, ...], tmp_path: Path, least_database: Least
) -> None:
    root = held_up(tmp_path / "a project")
    with least_database.closed_gate() as open_gate, upgrading(root, least_database, *options) as running:
        busy = least_database.wait_at_gate(running)
        holders = least_database.pids(
            f"pid <> {busy} AND application_name LIKE 'migrator%'"
            " AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)"
        )
        assert len(holders) == 1, holders
        least_database.admin.query(f"SELECT pg_terminate_backend({holders[0]})")
        wait_for(lambda: not least_database.pids(f"pid = {holders[0]}"), "the lock's connection is gone")
        open_gate()
        ran = running.ended()

    assert ran.code == 8, ran.err
    error_of(ran)
    done = told(ran)
    assert least_database.version() == done.applied[-1:]
    assert done.applied in (["r1"], ["r1", "r2"])
    assert least_database.logged() == done.applied
    assert done.remaining[-2:] == ["r3", "r4"]
    completes(root, least_database)


@pytest.mark.slow
@pytest.mark.parametrize(
    "grants", first_is_fast([(("CREATE ON DATABASE {database}",),), (("CONNECT ON DATABASE {database}",),)])
)
@each_way
def test_a_role_that_may_create_no_tables_is_told_so_in_one_sentence(
    grants: tuple[str, ...],
    options: tuple[str, ...],
    tmp_path: Path,
    new_least_database: Callable[..., Least],
) -> None:
    least = new_least_database(*grants)
    root = write_four(tmp_path / "a project", TABLE.format("r2"))

    ran = upgrade(root, least, *options)

    assert ran.code in (6, 7), ran.err
    said = error_of(ran)
    assert "permission denied for schema public" in said or "CREATE" in said, said
    assert "public" in said
    assert told(ran).applied == []
    assert least.version() == []
    least.grant("CREATE ON SCHEMA public")
    ran = upgrade(root, least)
    assert ran.code == 0, ran.err
    assert least.version() == ["r4"]


@pytest.mark.slow
def test_a_role_that_may_create_no_schema_has_its_log_beside_the_version_table(
    tmp_path: Path, new_least_database: Callable[..., Least]
) -> None:
    least = new_least_database("CREATE ON SCHEMA public")
    root = write_four(tmp_path / "a project", TABLE.format("r2"))

    completes(root, least, "public.migrator_log")

    assert least.admin.query("SELECT to_regnamespace('_migrator')") == [(None,)]
    least.grant(f"CREATE ON DATABASE {least.admin.name}")
    write_revision(versions(root), "r5", "r4", TABLE.format("r5"))
    assert upgrade(root, least).code == 0
    # The one that is there is used, and never a second one made.
    assert least.logged("public.migrator_log") == [*NAMES, "r5"]
    assert least.admin.query("SELECT to_regclass('_migrator.log')") == [(None,)]


@pytest.mark.slow
@each_way
def test_a_disk_that_is_full(options: tuple[str, ...], tmp_path: Path, least_database: Least) -> None:
    root = write_four(tmp_path / "a project", SPILLS)
    for setting in ("temp_file_limit = '64kB'", "work_mem = '64kB'"):
        least_database.admin.query(f"ALTER ROLE {least_database.role} SET {setting}")

    ran = upgrade(root, least_database, *options)

    assert ran.code == 7, ran.err
    assert "temp_file_limit" in error_of(ran)
    assert told(ran) == Told(["r1"], "r2", ["r3", "r4"])
    assert least_database.version() == ["r1"]
    assert least_database.logged() == ["r1"]
    least_database.admin.query(f"ALTER ROLE {least_database.role} RESET temp_file_limit")
    completes(root, least_database)
