"""Runs that are killed at any moment: the next one completes, and every revision is applied once."""

from __future__ import annotations

import contextlib
import random
import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psycopg
import pytest

from tests.conftest import Database
from tests.faults.forked import RunningCopy, forked
from tests.faults.least import BOUND, GATE_LOOP, Least, names, started, upgrade, upgrading, wait_for
from tests.projects.small import versions, write_project, write_revision
from tests.slow import first_is_fast

REVISIONS = 30
# A killed run's longest delay after the wanted revision was seen, in seconds: about two revisions.
LONGEST_DELAY = 0.05
BUILDING = "state = 'active' AND query LIKE '%CREATE INDEX CONCURRENTLY%'"
DROP = re.compile(r'DROP INDEX (?:CONCURRENTLY )?(?:IF EXISTS )?[\w."]+')
# A driver that sends each statement alone spends much of a transaction on the version row and the log row.
OF_A_REVISION = re.compile(r"/\* revision r|^(?:INSERT INTO|UPDATE)\s+\S*(?:alembic_version|\blog\b)")
ON_POSTGRES = """\
op.execute("CREATE TABLE {0} (id serial PRIMARY KEY, name text NOT NULL) /* revision {0} */")
op.execute("CREATE INDEX ix_{0}_name ON {0} (name) /* revision {0} */")
op.execute("SELECT pg_sleep(0.015) /* revision {0} */")
op.execute("INSERT INTO {0} (name) VALUES ('{0}') /* revision {0} */")
op.execute("ALTER TABLE {1} ADD COLUMN for_{0} integer REFERENCES {0} (id) /* revision {0} */")"""
# The file says in which revision a process is; a kill cannot take it back.
ON_SQLITE = """\
open("beacon", "a").write(" in:{0}")
op.execute("CREATE TABLE {0} (id integer PRIMARY KEY, name text NOT NULL)")
op.execute("CREATE INDEX ix_{0}_name ON {0} (name)")
__import__("time").sleep(0.015)
op.execute("INSERT INTO {0} (name) VALUES ('{0}')")
op.execute("ALTER TABLE {1} ADD COLUMN for_{0} integer")
open("beacon", "a").write(" out:{0}")"""
SLOW = """\
op.execute("CREATE TABLE two (id integer)")
op.execute("SELECT pg_sleep(" + __import__("os").environ["TEST_SECONDS"] + ")")"""
# The server is not to look after its client, as an older one cannot; the gate is in the commit.
SLOW_COMMIT = f"""\
op.execute("SET client_connection_check_interval = 0")
op.execute("CREATE TABLE two (id integer)")
op.execute("CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql"
           " AS $$ BEGIN {GATE_LOOP}; RETURN NULL; END $$")
op.execute("CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON two DEFERRABLE INITIALLY DEFERRED"
           " FOR EACH ROW EXECUTE FUNCTION wait()")
op.execute("INSERT INTO two VALUES (1)")"""
CONCURRENTLY = """\
with op.get_context().autocommit_block():
    op.execute("CREATE INDEX CONCURRENTLY {}ix_one_id ON one (id)")"""


class Watch(Protocol):
    """Sees how far the process that is to be killed has come."""

    def begin(self) -> None:
        """Forget what earlier processes did; to be called before one starts."""

    def position(self) -> int:
        """Give the revision it has reached, 0 before the first one, and -1 before it has connected."""

    def inside(self) -> bool:
        """Whether it is in the transaction of a revision; asked while the process is stopped."""


@dataclass
class PostgresWatch:
    """Asks the server, as a superuser, what the sessions of the process do."""

    least: Least
    connection: psycopg.Connection[tuple[object, ...]]
    since: object = None

    def begin(self) -> None:
        """Forget the sessions that are there: a killed process leaves some behind."""
        self.since = self._rows("SELECT clock_timestamp()")[0][0]

    def _sessions(self) -> list[tuple[str, str]]:
        rows = self._rows(
            "SELECT state, query FROM pg_stat_activity WHERE datname = current_database()"
            " AND usename = %s AND backend_start >= %s",
            self.least.role,
            self.since,
        )
        return [(str(state), str(query)) for state, query in rows]

    def _rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        return self.connection.execute(statement.encode(), values or None).fetchall()

    def position(self) -> int:
        """Give the revision that a statement names; each of them has it in a comment."""
        sessions = self._sessions()
        found = [re.search(r"/\* revision r(\d+) \*/", query) for _, query in sessions]
        return max((int(each[1]) for each in found if each), default=0 if sessions else -1)

    def inside(self) -> bool:
        """Whether the last statement is a revision's, or writes its rows, and its transaction is open."""
        return any(
            state in ("active", "idle in transaction") and OF_A_REVISION.search(query) is not None
            for state, query in self._sessions()
        )


@dataclass
class SqliteWatch:
    """Reads the file in which each revision writes that it begins, and that its statements are done."""

    beacon: Path

    def begin(self) -> None:
        """Forget what earlier processes wrote."""
        self.beacon.write_text("")

    def position(self) -> int:
        """Give the revision that was begun last."""
        begun = re.findall(r"in:r(\d+)", self.beacon.read_text())
        return int(begun[-1]) if begun else -1

    def inside(self) -> bool:
        """Whether a revision was begun and its last statement is not done."""
        return re.search(r"in:r\d+$", self.beacon.read_text()) is not None


@dataclass
class Kills:
    """How many processes were killed, and how many of them inside a revision."""

    all: int = 0
    inside: int = 0
    positions: set[int] = field(default_factory=set)

    def add(self, position: int, inside: bool) -> None:
        """Count one."""
        self.all += 1
        self.inside += inside
        self.positions.add(position)


def write_line(root: Path, body: str, count: int = REVISIONS) -> Path:
    """Write a project with a line of revisions `r01`, `r02`, ... of which each alters the table before it."""
    write_project(root)
    names = [f"r{number:02}" for number in range(1, count + 1)]
    for before, name in zip(["", *names], names, strict=False):
        write_revision(versions(root), name, before or None, body.format(name, before or name))
    return root


def kill_one(running: RunningCopy, watch: Watch, wanted: int, delay: float, kills: Kills) -> bool:
    """Kill a process a moment after it has reached a revision; give whether it was still there to be killed.

    It is stopped first, so that what the watch sees is what the kill meets.
    """
    end = time.monotonic() + BOUND
    while watch.position() < wanted:
        if running.process.poll() is not None:
            return False
        assert time.monotonic() < end, f"revision {wanted} was not reached; it says: {running.said()}"
        time.sleep(0.005)
    time.sleep(delay)
    if not running.process.stop():
        return False
    kills.add(max(watch.position(), 0), watch.inside())
    running.process.kill()
    assert running.ended().code == -signal.SIGKILL
    return True


def kill_along(
    root: Path, variables: Mapping[str, str], secret: str, watch: Watch, moments: list[int], kills: Kills
) -> None:
    """Start a run, kill it, start the next at once, kill that, and so on; leave the last one alone.

    Fails where a run ends otherwise than killed or with 0: each one has to get past what the one before left.
    """
    chance = random.Random(str(moments))
    for wanted in moments:
        watch.begin()
        with forked(root, variables, "upgrade", secret=secret) as running:
            if not kill_one(running, watch, wanted, chance.uniform(0, LONGEST_DELAY), kills):
                ran = running.ended()
                assert ran.code == 0, ran.err
                break
    with started(root, variables, "upgrade", secret=secret) as running:
        ran = running.ended()
        assert ran.code == 0, ran.err


def moments_of(kills: int, seed: int, revisions: int = REVISIONS) -> list[int]:
    """Give the revisions at which to kill, ascending, from the first statement to the last revision."""
    chance = random.Random(seed)
    return sorted(chance.randint(0, revisions) for _ in range(kills))


def kill_on_postgres(
    tmp_path: Path, new_least_database: Callable[..., Least], count: int, seed: int, driver: str = ""
) -> Kills:
    """Kill upgrades of PostgreSQL `count` times, and hold what comes of it against an undisturbed one."""
    root = write_line(tmp_path / "a project", ON_POSTGRES)
    names = [f"r{number:02}" for number in range(1, REVISIONS + 1)]
    undisturbed = new_least_database()
    assert upgrade(root, undisturbed).code == 0
    kills = Kills()
    while kills.all < count:
        least = new_least_database()
        moments = moments_of(count - kills.all, seed + kills.all)
        with least.admin.connect() as connection:
            watch = PostgresWatch(least, connection)
            kill_along(root, least.variables(driver), least.password, watch, moments, kills)
        assert least.version() == [names[-1]]
        assert least.catalogue() == undisturbed.catalogue()
        assert least.admin.query("SELECT name FROM r15") == [("r15",)]
        assert least.logged() == names
    return kills


def kill_on_sqlite(tmp_path: Path, count: int, seed: int) -> Kills:
    """Kill upgrades of SQLite `count` times, and hold what comes of it against an undisturbed one."""
    root = write_line(tmp_path / "a project", ON_SQLITE)
    names = [f"r{number:02}" for number in range(1, REVISIONS + 1)]
    with started(root, _sqlite("undisturbed.db"), "upgrade") as running:
        assert running.ended().code == 0
    kills = Kills()
    while kills.all < count:
        name = f"killed{kills.all}.db"
        watch = SqliteWatch(root / "beacon")
        kill_along(root, _sqlite(name), "", watch, moments_of(count - kills.all, seed + kills.all), kills)
        file = root / name
        assert _ask(file, "SELECT version_num FROM alembic_version") == [(names[-1],)]
        assert _ask(file, _SCHEMA) == _ask(root / "undisturbed.db", _SCHEMA)
        logged = _ask(file, "SELECT revision FROM migrator_log WHERE direction = 'upgrade' ORDER BY id")
        assert logged == [(each,) for each in names]
        assert _ask(file, "PRAGMA integrity_check") == [("ok",)]
    return kills


_SCHEMA = "SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2"


def _sqlite(name: str) -> dict[str, str]:
    return {"DATABASE_URL": f"sqlite:///{name}", "ALEMBIC_ENV": "testing"}


def _ask(file: Path, statement: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return connection.execute(statement).fetchall()


@pytest.mark.parametrize(
    ("seed", "driver"),
    first_is_fast([(1, ""), (2, ""), (3, "psycopg")]),
)
def test_after_a_kill_at_any_moment_the_next_run_goes_on_and_every_revision_is_applied_once(
    seed: int, driver: str, tmp_path: Path, new_least_database: Callable[..., Least]
) -> None:
    kills = kill_on_postgres(tmp_path, new_least_database, 25, 1000 * seed, driver)

    assert kills.all == 25
    assert kills.inside >= 15, kills
    assert len(kills.positions) >= 10, kills


@pytest.mark.slow
def test_after_a_kill_at_any_moment_the_next_run_of_sqlite_goes_on_and_every_revision_is_applied_once(
    tmp_path: Path,
) -> None:
    kills = kill_on_sqlite(tmp_path, 20, 1000)

    assert kills.all == 20
    # How many meet a revision at work depends on the machine; some must.
    assert kills.inside >= 4, kills
    assert len(kills.positions) >= 6, kills


# The second is longer than a run may wait: only the server's own look after its client ends such a statement.
@pytest.mark.slow
@pytest.mark.parametrize("seconds", first_is_fast([5, 300]))
def test_the_next_run_waits_for_the_statement_that_a_killed_one_left_behind(
    seconds: int, tmp_path: Path, least_database: Least
) -> None:
    root = write_project(tmp_path / "a project")
    write_revision(versions(root), "one", None, 'op.execute("CREATE TABLE one (id integer)")')
    write_revision(versions(root), "two", "one", SLOW)
    write_revision(versions(root), "three", "two", 'op.execute("CREATE TABLE three (id integer)")')
    asleep = f"state = 'active' AND query LIKE '%pg_sleep({seconds})%'"
    variables = least_database.variables()
    slow = {**variables, "TEST_SECONDS": str(seconds)}
    with started(root, slow, "upgrade", secret=least_database.password) as running:
        running.until(lambda: least_database.pids(asleep), "the second revision sleeps")
        running.process.kill()
        # Killed while its statement ran: the server hears of that up to a second later.
        assert running.ended().code == -signal.SIGKILL

    with started(
        root, {**variables, "TEST_SECONDS": "0"}, "upgrade", secret=least_database.password
    ) as running:
        ran = running.ended(within=20)

    assert ran.code == 0, ran.err
    assert least_database.version() == ["three"]
    assert least_database.logged() == ["one", "two", "three"]


@pytest.mark.slow
def test_the_next_run_sees_what_a_killed_one_commits_after_its_death(
    tmp_path: Path, least_database: Least
) -> None:
    root = write_project(tmp_path / "a project")
    write_revision(versions(root), "one", None, 'op.execute("CREATE TABLE one (id integer)")')
    write_revision(versions(root), "two", "one", SLOW_COMMIT)
    write_revision(versions(root), "three", "two", 'op.execute("CREATE TABLE three (id integer)")')
    commits = "state = 'active' AND query ILIKE '%COMMIT'"
    with least_database.closed_gate() as open_gate:
        with upgrading(root, least_database) as running:
            # The first one's commit takes a moment, too.
            running.until(
                lambda: least_database.version() == ["one"] and least_database.pids(commits),
                "the second revision is being committed",
            )
            running.process.kill()
            running.ended()
        orphans = least_database.pids(commits)
        assert len(orphans) == 1
        with upgrading(root, least_database) as running:
            running.until(lambda: names(orphans[0], running.said()), "the next run waits for it, and says so")
            assert least_database.version() == ["one"]
            open_gate()
            ran = running.ended()

    assert ran.code == 0, ran.err
    assert least_database.version() == ["three"]
    assert least_database.logged() == ["one", "two", "three"]
    assert least_database.admin.query("SELECT id FROM two") == [(1,)]
    # It was not even begun: the heads were read after the orphan had ended.
    assert re.search(r"\btwo\b", ran.err) is None, ran.err


@contextlib.contextmanager
def _writing(database: Database, table: str) -> Iterator[None]:
    """Keep a transaction open that has written to a table."""
    with database.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute(f"INSERT INTO {table} VALUES (1)".encode())
        yield


@pytest.mark.slow
@pytest.mark.parametrize("clause", first_is_fast(["", "IF NOT EXISTS "]))
def test_an_index_that_a_killed_run_left_invalid_stops_the_next_one_until_it_is_dropped(
    clause: str, tmp_path: Path, least_database: Least
) -> None:
    root = write_project(tmp_path / "a project")
    write_revision(versions(root), "one", None, 'op.execute("CREATE TABLE one (id integer)")')
    write_revision(versions(root), "two", "one", CONCURRENTLY.format(clause))
    write_revision(versions(root), "three", "two", 'op.execute("CREATE TABLE three (id integer)")')
    invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    assert upgrade(root, least_database, "one").code == 0
    with _writing(least_database.admin, "one"), upgrading(root, least_database) as running:
        running.until(lambda: least_database.admin.query(invalid), "the index is being built")
        assert least_database.pids(BUILDING)
        running.process.kill()
        running.ended()
        wait_for(lambda: not least_database.pids(), "the server has ended what was left behind")

    for _ in range(2):
        ran = upgrade(root, least_database)
        assert ran.code == 7, ran.err
        assert "INVALID" in ran.err
        assert "ix_one_id" in ran.err
        assert least_database.version() == ["one"]
        assert least_database.admin.query(invalid) == [("ix_one_id",)]
    drop = DROP.search(ran.out + ran.err)
    assert drop is not None, ran.err
    least_database.admin.query(drop[0])
    ran = upgrade(root, least_database)
    assert ran.code == 0, ran.err
    assert least_database.admin.query(invalid) == []
    assert least_database.logged() == ["one", "two", "three"]
