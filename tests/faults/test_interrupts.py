"""Ctrl-C and SIGTERM in the middle of a run."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Database, Ran, program
from tests.processes import started
from tests.projects.small import versions, write_project, write_revision
from tests.slow import first_is_fast

BOUND = 20.0
SLEEP = "op.execute('select pg_sleep(30)')"
SLEEPING = f"op.execute('create table two (id integer)')\n{SLEEP}"
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def wait_for(question: Callable[[], bool], what: str) -> None:
    """Ask again and again until the answer is yes; after 20 seconds the test fails."""
    end = time.monotonic() + BOUND
    while not question():
        assert time.monotonic() < end, f"{what}: not within {BOUND} s"
        time.sleep(0.01)


def ended(process: subprocess.Popen[str]) -> Ran:
    out, err = process.communicate(timeout=BOUND)
    return Ran(process.returncode, out, err)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project of three revisions; the second one takes half a minute."""
    root = write_project(tmp_path / "a project")
    write_revision(versions(root), "aaa1", None, "op.execute('create table one (id integer)')")
    write_revision(versions(root), "bbb2", "aaa1", SLEEPING)
    write_revision(versions(root), "ccc3", "bbb2", "op.execute('create table three (id integer)')")
    return root


def sessions(database: Database, condition: str = "true") -> int:
    """Count the sessions on a database other than the one that asks."""
    rows = database.query(
        "select count(*) from pg_stat_activity where datname = current_database()"
        f" and pid <> pg_backend_pid() and {condition}"
    )
    return int(str(rows[0][0]))


def asleep(database: Database) -> Callable[[], bool]:
    return lambda: sessions(database, "state = 'active' and query like '%pg_sleep(30)%'") > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("driver", "number"),
    first_is_fast([("asyncpg", signal.SIGINT), ("asyncpg", signal.SIGTERM), ("psycopg", signal.SIGTERM)]),
)
def test_an_interrupted_upgrade_keeps_what_was_done_nothing_of_the_rest_and_can_be_gone_on_with(
    driver: str,
    number: signal.Signals,
    small: Path,
    postgres_database: Database,
    migrator: Callable[..., Ran],
) -> None:
    env = {"TESTING_DATABASE_URL": postgres_database.url.replace("postgresql", f"postgresql+{driver}", 1)}
    with started(["migrator", "upgrade"], small, env) as process:
        wait_for(asleep(postgres_database), "the second revision sleeps")
        process.send_signal(number)
        ran = ended(process)

    assert ran.code == CODES[number]
    assert "Traceback" not in ran.err
    assert "1 of 3 revisions are done; the database is at aaa1" in ran.err
    assert "hint: Go on with: migrator upgrade head --env testing" in ran.err
    assert postgres_database.tables() == ["alembic_version", "one"]
    assert postgres_database.query("select version_num from alembic_version") == [("aaa1",)]
    wait_for(lambda: sessions(postgres_database) == 0, "no session of the run goes on")
    write_revision(versions(small), "bbb2", "aaa1", "op.execute('create table two (id integer)')")
    assert migrator("upgrade", cwd=small, env=env).code == 0
    assert postgres_database.tables() == ["alembic_version", "one", "three", "two"]


@pytest.mark.slow
def test_an_interrupted_upgrade_says_in_json_what_was_applied_and_what_remains(
    small: Path, postgres_database: Database
) -> None:
    env = {"TESTING_DATABASE_URL": postgres_database.url}
    with started(["migrator", "upgrade", "--json"], small, env) as process:
        wait_for(asleep(postgres_database), "the second revision sleeps")
        process.send_signal(signal.SIGTERM)
        ran = ended(process)

    document = json.loads(ran.out)
    assert (document["exit_code"], document["status"]) == (143, "error")
    assert [step["revision"] for step in document["data"]["applied"]] == ["aaa1"]
    assert [step["revision"] for step in document["data"]["remaining"]] == ["bbb2", "ccc3"]
    assert document["data"]["after"] == ["aaa1"]


@pytest.mark.slow
def test_an_interrupted_downgrade_says_how_far_it_came(small: Path, postgres_database: Database) -> None:
    env = {"TESTING_DATABASE_URL": postgres_database.url}
    postgres_database.query("create table alembic_version (version_num varchar(32) primary key)")
    postgres_database.query("insert into alembic_version values ('ccc3')")
    path = versions(small) / "bbb2.py"
    path.write_text(path.read_text().replace("def downgrade():\n    pass", f"def downgrade():\n    {SLEEP}"))
    with started(["migrator", "downgrade", "base"], small, env) as process:
        wait_for(asleep(postgres_database), "the second revision sleeps")
        process.send_signal(signal.SIGINT)
        ran = ended(process)

    assert ran.code == 130
    assert "1 of 3 revisions are done; the database is at bbb2" in ran.err
    assert "hint: Go on with: migrator downgrade" in ran.err


@pytest.mark.parametrize("number", first_is_fast(CODES), ids=lambda number: signal.Signals(number).name)
def test_an_interrupted_upgrade_of_sqlite_leaves_nothing_half_done(
    number: signal.Signals, tmp_path: Path
) -> None:
    root = write_project(tmp_path / "a project")
    write_revision(versions(root), "aaa1", None, "op.execute('create table one (id integer)')")
    sleeping = "op.execute('create table two (id integer)')\nopen('asleep', 'w').close()\n"
    write_revision(versions(root), "bbb2", "aaa1", sleeping + "__import__('time').sleep(30)")
    with started(["migrator", "upgrade", "--url", "sqlite:///data.db"], root, {}) as process:
        wait_for((root / "asleep").exists, "the second revision sleeps")
        process.send_signal(number)
        ran = ended(process)

    assert ran.code == CODES[number]
    assert "1 of 2 revisions are done; the database is at aaa1" in ran.err
    with contextlib.closing(sqlite3.connect(root / "data.db")) as connection:
        tables = connection.execute(
            "select name from sqlite_master where type = 'table' and name not like 'migrator%' order by 1"
        )
        assert tables.fetchall() == [("alembic_version",), ("one",)]
        assert connection.execute("select version_num from alembic_version").fetchall() == [("aaa1",)]


def test_sigterm_while_the_server_does_not_answer_ends_the_command_at_once(tmp_path: Path) -> None:
    root = write_project(tmp_path / "a project")
    write_revision(versions(root), "aaa1")
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        silent.settimeout(BOUND)
        url = f"postgresql://someone@127.0.0.1:{silent.getsockname()[1]}/nothing"
        with started(["migrator", "upgrade", "--json", "--url", url], root, {}) as process:
            connection, _ = silent.accept()
            with connection:
                process.send_signal(signal.SIGTERM)
                ran = ended(process)
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()

    assert ran.code == 143
    assert "Traceback" not in ran.err
    assert "error: Interrupted." in ran.err
    document = json.loads(ran.out)
    assert (document["exit_code"], document["status"], document["data"]) == (ran.code, "error", {})


@pytest.mark.slow
def test_sigterm_ends_a_background_job_of_a_shell_where_sigint_is_ignored(
    small: Path, postgres_database: Database
) -> None:
    # As everywhere, asyncio cancels the task: an exception could meet the driver in the middle of its C code.
    told = "from pathlib import Path; import signal; Path('told').write_text(str(signal.getsignal(2)))"
    write_revision(versions(small), "aaa1", None, f"op.execute('create table one (id integer)'); {told}")
    env = {"TESTING_DATABASE_URL": postgres_database.url}
    job = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *program(["migrator", "upgrade"])]
    with started(job, small, env) as process:
        wait_for(asleep(postgres_database), "the second revision sleeps")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        ran = ended(process)

    assert ran.code == 143
    assert "1 of 3 revisions are done; the database is at aaa1" in ran.err
    assert "Runner._on_sigint" in (small / "told").read_text()
