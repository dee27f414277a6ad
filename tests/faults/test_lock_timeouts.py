"""An upgrade that has to wait for other sessions' locks does not make all readers wait behind it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Database, Ran
from tests.faults.least import Least, Running, names, told, upgrade, upgrading
from tests.projects.small import versions, write_project, write_revision
from tests.slow import slow

TABLES = ("t1", "t2", "t3")
# In seconds: how much longer than `lock_timeout` a read may take.
SLACK = 1.0
# In seconds: how long the holder of a table keeps an upgrade from going on.
HELD = 6.0
WAITING = "wait_event_type = 'Lock'"


@dataclass
class Waits:
    """The longest that a read of each table took, in seconds, and how many there were of all."""

    longest: dict[str, float] = field(default_factory=dict)
    reads: int = 0

    def add(self, table: str, seconds: float) -> None:
        """Note one read."""
        self.longest[table] = max(seconds, self.longest.get(table, 0.0))
        self.reads += 1


def _read_on(database: Database, table: str, waits: Waits, stop: threading.Event) -> None:
    with database.connect() as connection:
        while not stop.wait(0.01):
            begun = time.monotonic()
            connection.execute(f"SELECT count(*) FROM {table}".encode())
            waits.add(table, time.monotonic() - begun)


@contextlib.contextmanager
def hammered(database: Database) -> Iterator[Waits]:
    """Read the three tables again and again while the block runs, each on a connection of its own."""
    waits, stop = Waits(), threading.Event()
    with ThreadPoolExecutor(len(TABLES)) as pool:
        readers = [pool.submit(_read_on, database, table, waits, stop) for table in TABLES]
        try:
            yield waits
        finally:
            stop.set()
            for reader in readers:
                reader.result()


@contextlib.contextmanager
def held(database: Database, table: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Keep a transaction open that has read a table; to end it sooner, roll it back."""
    with database.connect() as connection:
        connection.autocommit = False
        connection.execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE".encode())
        yield connection
        connection.rollback()


def write_three(root: Path, *settings: str) -> Path:
    """Write a project whose first revision makes three tables, and whose second one alters each."""
    write_project(root, settings="\n".join(settings))
    made = "\n".join(f'op.execute("CREATE TABLE {table} (id integer)")' for table in TABLES)
    altered = "\n".join(f'op.execute("ALTER TABLE {table} ADD COLUMN name text")' for table in TABLES)
    write_revision(versions(root), "made", None, made)
    write_revision(versions(root), "altered", "made", altered)
    return root


@pytest.mark.slow
def test_no_reader_waits_much_longer_than_lock_timeout_and_the_upgrade_gets_through_in_the_end(
    tmp_path: Path, least_database: Least
) -> None:
    root = write_three(tmp_path / "a project", "lock_timeout = 1s", "retries = 60")
    assert upgrade(root, least_database, "made").code == 0
    with hammered(least_database.admin) as waits, held(least_database.admin, "t2") as holder:
        begun = time.monotonic()
        pid = holder.info.backend_pid
        with upgrading(root, least_database) as running:
            running.until(lambda: names(pid, running.said()), "the upgrade says who blocks it")
            running.until(lambda: time.monotonic() > begun + HELD, "the holder stays for a while")
            assert least_database.version() == ["made"]
            holder.rollback()
            ran = running.ended()

    assert ran.code == 0, ran.err
    assert least_database.version() == ["altered"]
    assert least_database.logged() == ["made", "altered"]
    assert max(waits.longest.values()) <= 1.0 + SLACK, waits
    # Otherwise nobody was in anybody's way, and this test proves nothing.
    assert waits.longest["t1"] > 0.5, waits
    assert waits.reads > 100, waits


def _blocked_by(least: Least, pid: int) -> bool:
    return bool(least.pids(f"{WAITING} AND {pid} = ANY (pg_blocking_pids(pid))"))


@pytest.mark.slow
def test_the_later_waits_of_a_revision_share_one_lock_timeout(tmp_path: Path, least_database: Least) -> None:
    root = write_three(tmp_path / "a project", "lock_timeout = 3s", "retries = 60")
    assert upgrade(root, least_database, "made").code == 0
    admin = least_database.admin
    with (
        hammered(admin) as waits,
        held(admin, "t2") as second,
        held(admin, "t3") as third,
        upgrading(root, least_database) as running,
    ):
        pids = second.info.backend_pid, third.info.backend_pid
        running.until(lambda: _blocked_by(least_database, pids[0]), "it waits for t2")
        begun = time.monotonic()
        running.until(lambda: time.monotonic() > begun + 2.6, "the holder of t2 stays nearly to the end")
        second.rollback()
        running.until(lambda: _blocked_by(least_database, pids[1]), "it waits for t3")
        running.until(lambda: not _blocked_by(least_database, pids[1]), "it gives up t3")
        third.rollback()
        ran = running.ended()

    assert ran.code == 0, ran.err
    assert least_database.version() == ["altered"]
    # With a timeout for each statement of its own it would be more than 5 seconds.
    assert waits.longest["t1"] <= 3.0 + SLACK, waits
    assert waits.longest["t1"] > 2.0, waits


@pytest.mark.parametrize("options", [(), *map(slow, ((("--json",),), (("--echo", "--traceback"),)))])
def test_an_upgrade_that_is_blocked_for_good_says_by_whom_and_has_applied_nothing(
    options: tuple[str, ...], tmp_path: Path, least_database: Least
) -> None:
    root = write_three(tmp_path / "a project", "lock_timeout = 500ms", "retries = 1")
    assert upgrade(root, least_database, "made").code == 0
    with held(least_database.admin, "t2") as holder:
        ran = upgrade(root, least_database, *options)

        assert ran.code == 7, ran.err
        assert names(holder.info.backend_pid, ran.err)
    assert told(ran).applied == []
    assert told(ran).failed == "altered"
    assert least_database.version() == ["made"]
    columns = least_database.admin.query(
        "SELECT count(*) FROM information_schema.columns WHERE column_name = 'name' AND table_name = 't1'"
    )
    assert columns == [(0,)]
    assert least_database.logged() == ["made"]


def _stuck(running: Running, least: Least, pid: int) -> bool:
    return running.process.poll() is None and _blocked_by(least, pid)


@pytest.mark.slow
def test_a_revision_may_ask_for_a_timeout_and_retries_of_its_own(
    tmp_path: Path, least_database: Least
) -> None:
    root = write_three(tmp_path / "a project", "lock_timeout = 60s", "retries = 60")
    path = versions(root) / "altered.py"
    path.write_text("# migrator: lock_timeout=300ms retries=0\n" + path.read_text())
    assert upgrade(root, least_database, "made").code == 0
    with held(least_database.admin, "t2") as holder, upgrading(root, least_database) as running:
        running.until(lambda: _stuck(running, least_database, holder.info.backend_pid), "it waits for t2")
        ran = running.ended(within=10)

    assert ran.code == 7, ran.err
    assert least_database.version() == ["made"]


def test_an_env_py_that_fails_at_the_next_attempt_is_told_by_its_own_words(
    tmp_path: Path, postgres_database: Database, migrator: Callable[..., Ran]
) -> None:
    root = write_project(
        tmp_path / "a project", settings="lock_timeout = 100ms\nretries = 2\nexclude_tables = t1"
    )
    write_revision(versions(root), "r1", None, 'op.execute("ALTER TABLE t1 ADD COLUMN more integer")')
    env_py = root / "migrations" / "env.py"
    # It runs for a look first, then for each attempt.
    counting = 'open("runs", "a").write("x")\n'
    counting += 'if len(open("runs").read()) > 2:\n    raise RuntimeError("the third run")\n'
    env_py.write_text(counting + env_py.read_text())
    postgres_database.query("CREATE TABLE t1 (id integer)")
    url = postgres_database.url.replace("postgresql:", "postgresql+asyncpg:")

    with held(postgres_database, "t1"):
        ran = migrator("upgrade", cwd=root, env={"TESTING_DATABASE_URL": url})

    assert ran.code == 7
    assert "the third run" in ran.err
