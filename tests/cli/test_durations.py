"""How long something may take is read in one way, wherever it is said: 0 is not at all, none is no limit."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Database, Ran
from tests.projects.books import AnyDatabase, BooksProject
from tests.projects.small import versions, write_revision

Migrator = Callable[..., Ran]
# In seconds: longer than a command takes that does not wait.
HELD = 20.0
LOCK = int.from_bytes(hashlib.sha256(b"migrator:run:public.public.alembic_version").digest()[:8], signed=True)


@contextlib.contextmanager
def another_run(database: Database, seconds: float = HELD) -> Iterator[None]:
    """Hold the lock of a run while the block runs, or for some seconds: whoever waits gets it then."""
    with database.connect() as connection:
        connection.execute(f"SELECT pg_advisory_lock({LOCK})".encode())
        timer = threading.Timer(seconds, connection.close)
        timer.start()
        yield
        timer.cancel()


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("lock_wait = 0", ()),
        ("lock_wait = 0s", ()),
        ("lock_wait = none", ("--lock-wait", "0")),
        ("lock_wait = none", ("--lock-wait", "0s")),
        ("", ("--lock-wait", " 0.0 MS ")),
    ],
)
def test_a_run_does_not_wait_at_all_with_0(
    root: Path, migrator: Migrator, postgres_database: Database, line: str, options: tuple[str, ...]
) -> None:
    say(root, line)
    write_revision(versions(root), "first")
    env = {"DATABASE_URL": postgres_database.url}
    with another_run(postgres_database):
        ran = migrator("upgrade", *options, cwd=root, env=env)

    assert ran.code == 8, ran.err
    assert "waited 0s." in ran.err


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("lock_wait = none", ()),
        pytest.param("lock_wait = OFF", (), marks=pytest.mark.slow),
        pytest.param("lock_wait = 0", ("--lock-wait", "none"), marks=pytest.mark.slow),
        pytest.param("lock_wait = 0", ("--lock-wait", "90"), marks=pytest.mark.slow),
    ],
)
def test_a_run_waits_with_none_and_as_long_as_the_option_says(
    root: Path, migrator: Migrator, postgres_database: Database, line: str, options: tuple[str, ...]
) -> None:
    say(root, line)
    write_revision(versions(root), "first")
    with another_run(postgres_database, 1.5):
        ran = migrator("upgrade", *options, cwd=root, env={"DATABASE_URL": postgres_database.url})

    assert ran.code == 0, ran.err
    assert "waiting for another run" in ran.err


def say(root: Path, line: str) -> None:
    """Add a line to the [migrator] section."""
    ini = root / "configs" / "alembic_test.ini"
    ini.write_text(f"{ini.read_text()}{line}\n")


@pytest.mark.parametrize(
    "options", [("upgrade", "--lock-wait", "0"), ("mark", "--confirm", "data.db"), ("ensure-version",)]
)
def test_sqlite_is_not_waited_for_either(
    one_revision: Path, migrator: Migrator, options: tuple[str, ...]
) -> None:
    say(one_revision, "lock_wait = 0")
    env = {"DATABASE_URL": "sqlite:///data.db?timeout=60"}
    with contextlib.closing(sqlite3.connect(one_revision / "data.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        ran = migrator(*options, cwd=one_revision, env=env)

    assert (ran.code, "Another connection is writing to" in ran.err) == (8, True), ran.err
    # SQLite's driver would wait for as long as the URL says.
    assert time.monotonic() - began < 30


NOTE = "op.execute(\"CREATE TABLE seen_{0} AS SELECT current_setting('lock_timeout') AS setting\")"


def test_a_lock_timeout_of_0_is_no_waiting_and_not_what_postgresql_takes_it_for(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase
) -> None:
    books.settings(migrator=["lock_timeout = 0", "retries = 0"])
    books.revision("r1", None, NOTE.format("r1"))
    path = books.revision("r2", "r1", NOTE.format("r2"))
    path.write_text("# migrator: lock_timeout = 0s\n" + path.read_text())
    books.revision("r3", "r2", "op.execute('ALTER TABLE seen_r1 ADD COLUMN more int')")
    assert migrator("upgrade", "r2", cwd=books.root, env=on_postgresql.env).code == 0
    assert on_postgresql.query("TABLE seen_r1") == on_postgresql.query("TABLE seen_r2") == [("1ms",)]
    with psycopg.connect(on_postgresql.sync_url.replace("+psycopg", "")) as other:
        other.execute("LOCK TABLE seen_r1")
        ran = migrator("upgrade", cwd=books.root, env=on_postgresql.env)

    assert ran.code == 7
    assert "lock timeout" in ran.err


@pytest.mark.parametrize(
    ("said", "read"), [("0", 0.001), ("2", 2), ("1.5", 1.5), ('"2 M"', 120), ('"none"', 0)]
)
def test_numbers_of_a_pyproject_are_seconds(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase, said: str, read: float
) -> None:
    (books.root / "pyproject.toml").write_text(
        f'[tool.alembic]\nscript_location = "%(here)s/migrations"\n'
        f'version_locations = ["%(here)s/migrations/test/versions"]\n'
        f"[tool.migrator]\nlock_timeout = {said}\n"
    )
    books.revision("r1", None, NOTE.format("r1"))

    ran = migrator("upgrade", "--config", "pyproject.toml", "--url", on_postgresql.url, cwd=books.root)

    assert ran.code == 0, ran.err
    (found,) = on_postgresql.query("SELECT extract(epoch FROM setting::interval) FROM seen_r1")
    assert float(str(found[0])) == read


WRONG = (
    "",
    " ",
    "-1",
    "-1s",
    "nan",
    "inf",
    "1e9",
    "0x10",
    "3 parsecs",
    "1h30m",
    "600h",
    "9" * 400,
    "٣s",
    "1,5s",
)


@pytest.mark.parametrize("said", WRONG)
@pytest.mark.parametrize("command", ["wait --timeout", "status --timeout", "upgrade --lock-wait"])
def test_what_is_no_duration_is_refused_in_one_sentence(
    one_revision: Path, migrator: Migrator, command: str, said: str
) -> None:
    ran = migrator(*command.split(), said, cwd=one_revision, env={"DATABASE_URL": "sqlite:///data.db"})

    option = command.split()[1]
    assert (ran.code, ran.out) == (2, "")
    assert re.fullmatch(rf"error: {option}: [^\n]+\.\nhint: For example: {option} 2m\n", ran.err)
    assert not (one_revision / "data.db").exists()


@pytest.mark.parametrize("said", ["3", "0.5", " 2 S ", "500MS", "none", "Off", "1h"])
@pytest.mark.parametrize("command", ["wait --timeout", "upgrade --lock-wait"])
def test_seconds_need_no_unit_and_capitals_and_spaces_do_no_harm(
    one_revision: Path, migrator: Migrator, command: str, said: str
) -> None:
    ran = migrator(*command.split(), said, cwd=one_revision, env={"DATABASE_URL": "sqlite://"})

    assert ran.code == 0, ran.err


def test_wait_asks_once_with_0(one_revision: Path, migrator: Migrator) -> None:
    ran = migrator(
        "wait", "--timeout", "0", cwd=one_revision, env={"DATABASE_URL": "postgresql://app@127.0.0.1:1/shop"}
    )

    assert ran.code == 6
    assert "Waited 0s." in ran.err


@pytest.mark.parametrize("said", ["0", "none"])
def test_status_may_wait_not_at_all_and_without_a_limit(
    one_revision: Path, migrator: Migrator, said: str
) -> None:
    ran = migrator("status", "--timeout", said, "--json", cwd=one_revision, env={"DATABASE_URL": "sqlite://"})

    (told,) = json.loads(ran.out)["data"]["environments"]
    assert (told["state"] == "unreachable") is (said == "0"), ran.out
