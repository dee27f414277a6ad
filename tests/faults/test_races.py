"""Several runs at once: each revision is applied once, and who has to wait is told for whom."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.faults.least import GATE, Least, Running, names, started, upgrade, upgrading
from tests.projects.small import versions, write_project, write_revision

NAMES = ["r1", "r2", "r3", "r4", "r5"]
TABLE = "op.create_table('{}', __import__('sqlalchemy').Column('id', __import__('sqlalchemy').Integer))"
CONCURRENTLY = """\
with op.get_context().autocommit_block():
    op.create_index("ix_r2_id", "r2", ["id"], postgresql_concurrently=True)"""
HIDDEN = "pg_read_all_stats"
# Whatever schema and tables there are by now, also those of the log.
_LET_IN = """
DO $$ DECLARE each name; BEGIN
    FOR each IN SELECT nspname FROM pg_namespace WHERE nspname IN ('public', '_migrator') LOOP
        EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %1$I TO %2$I', each, '{0}');
        EXECUTE format('GRANT ALL ON ALL TABLES IN SCHEMA %1$I TO %2$I', each, '{0}');
        EXECUTE format('GRANT ALL ON ALL SEQUENCES IN SCHEMA %1$I TO %2$I', each, '{0}');
    END LOOP;
END $$
"""


def write_race(root: Path, third: str) -> Path:
    """Write a project of five revisions, the third of which is given."""
    write_project(root)
    for before, name in zip([None, *NAMES], NAMES, strict=False):
        write_revision(versions(root), name, before, third if name == "r3" else TABLE.format(name))
    return root


def race(root: Path, variables: Mapping[str, str], secret: str, processes: int) -> list[Ran]:
    """Run `migrator upgrade` in several processes at once; give what each did."""
    with ExitStack() as stack:
        running = [
            stack.enter_context(started(root, variables, "upgrade", secret=secret)) for _ in range(processes)
        ]
        return [each.ended(within=60 + 5 * processes) for each in running]


def race_on_postgres(root: Path, least: Least, processes: int) -> None:
    """Let processes upgrade one empty database of PostgreSQL at once; fails where one is not as it should."""
    for ran in race(write_race(root, CONCURRENTLY), least.variables(), least.password, processes):
        assert ran.code == 0, ran.err
        assert "deadlock" not in ran.out + ran.err
    assert least.logged() == NAMES
    assert least.version() == ["r5"]
    index = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_r2_id'::regclass"
    assert least.admin.query(index) == [(True,)]


def race_on_sqlite(root: Path, processes: int) -> None:
    """Let processes upgrade one new file of SQLite at once; fails where one is not as it should."""
    variables = {"DATABASE_URL": "sqlite:///race.db", "ALEMBIC_ENV": "testing"}
    for ran in race(write_race(root, TABLE.format("r3")), variables, "", processes):
        assert ran.code == 0, ran.err
        assert "locked" not in ran.err
    with contextlib.closing(sqlite3.connect(root / "race.db")) as connection:
        logged = connection.execute(
            "SELECT revision FROM migrator_log WHERE direction = 'upgrade' ORDER BY id"
        )
        assert logged.fetchall() == [(name,) for name in NAMES]
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("r5",)]


@pytest.mark.slow
def test_twelve_processes_upgrade_one_empty_database_at_once(tmp_path: Path, least_database: Least) -> None:
    race_on_postgres(tmp_path / "a project", least_database, 12)


@pytest.mark.slow
def test_six_processes_upgrade_one_new_file_of_sqlite_at_once(tmp_path: Path) -> None:
    race_on_sqlite(tmp_path / "a project", 6)


@pytest.fixture
def held_up(tmp_path: Path, least_database: Least) -> Iterator[tuple[Path, Running, Callable[[], None]]]:
    """A project, a run of it that is held up in its third revision, and what lets it go on."""
    root = write_race(tmp_path / "a project", GATE)
    assert upgrade(root, least_database, "r2").code == 0
    with least_database.closed_gate() as open_gate, upgrading(root, least_database) as running:
        least_database.wait_at_gate(running)
        yield root, running, open_gate


def lock_holder(least: Least) -> tuple[int, str]:
    """Give pid and application name of the session that holds the lock of a run."""
    rows = least.admin.query(
        "SELECT pid, application_name FROM pg_stat_activity JOIN pg_locks USING (pid)"
        " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
        f" AND usename = '{least.role}' AND application_name LIKE 'migrator%' AND state = 'idle'"
    )
    assert len(rows) == 1, rows
    return int(str(rows[0][0])), str(rows[0][1])


@pytest.mark.slow
def test_a_run_that_waits_in_vain_says_who_holds_the_lock(
    held_up: tuple[Path, Running, Callable[[], None]], least_database: Least
) -> None:
    root, running, open_gate = held_up
    pid, name = lock_holder(least_database)

    ran = upgrade(root, least_database, "--lock-wait", "1s")

    assert ran.code == 8, ran.err
    assert names(pid, ran.err)
    assert least_database.role in ran.err
    assert name in ran.err
    assert socket.gethostname()[:20] in name
    assert HIDDEN not in ran.err
    assert least_database.version() == ["r2"]
    open_gate()
    assert running.ended().code == 0
    assert least_database.logged() == NAMES


@pytest.mark.slow
def test_a_run_that_may_not_see_the_holder_is_told_what_to_grant(
    held_up: tuple[Path, Running, Callable[[], None]],
    least_database: Least,
    new_least_database: Callable[..., Least],
) -> None:
    root, running, open_gate = held_up
    pid, name = lock_holder(least_database)
    stranger = new_least_database()
    least_database.admin.query(_LET_IN.format(stranger.role))
    least_database.admin.query(f"GRANT CONNECT ON DATABASE {least_database.admin.name} TO {stranger.role}")
    other = Least(least_database.admin, stranger.role, stranger.password)

    ran = upgrade(root, other, "--lock-wait", "1s")

    assert ran.code == 8, ran.err
    assert names(pid, ran.err)
    assert least_database.role in ran.err
    assert name in ran.err
    assert HIDDEN in ran.err
    open_gate()
    assert running.ended().code == 0


@pytest.mark.slow
def test_a_run_that_waits_long_enough_finds_nothing_left_to_do(
    held_up: tuple[Path, Running, Callable[[], None]], least_database: Least
) -> None:
    root, running, open_gate = held_up
    pid, _ = lock_holder(least_database)

    with upgrading(root, least_database, "--lock-wait", "60s") as waiter:
        waiter.until(lambda: names(pid, waiter.said()), "it waits for the lock, and says for whom")
        assert waiter.process.poll() is None
        open_gate()
        ran = waiter.ended()

    assert ran.code == 0, ran.err
    assert running.ended().code == 0
    assert least_database.version() == ["r5"]
    assert least_database.logged() == NAMES


# Filled in once both commands have read what heads there are.
_TOGETHER = """\
<%!
    import os, time
    from pathlib import Path

    def together():
        Path(f"{os.getpid()}.beacon").touch()
        deadline = time.monotonic() + 30
        while len(list(Path().glob("*.beacon"))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return ""
%>"""


@pytest.mark.slow
def test_two_commands_that_write_at_once_never_make_two_heads(
    tmp_path: Path, migrator: Callable[..., Ran]
) -> None:
    root = write_project(tmp_path / "a project", "test")
    write_revision(versions(root), "aaa1")
    template = root / "migrations" / "script.py.mako"
    template.write_text(f"{_TOGETHER}{template.read_text()}${{together()}}")

    with ExitStack() as stack:
        running = [
            stack.enter_context(started(root, {}, "generate", "--empty", "-m", "next")) for _ in range(2)
        ]
        first, second = sorted((each.ended(within=60) for each in running), key=lambda ran: ran.code)

    assert (first.code, second.code) == (0, 5), first.err + second.err
    assert "Somebody has written or changed migrations/test/versions/" in second.err
    assert "since the version files were read; nothing was written." in second.err
    left = {path.name for path in versions(root).iterdir()} - {"__pycache__"}
    assert len(left) == 2, left
    assert len(migrator("heads", cwd=root).out.splitlines()) == 1
