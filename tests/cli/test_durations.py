"""How long something may take is read in one way, wherever it is said: 0 is not at all, `none` is no limit."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Database, Ran
from tests.projects.books import AnyDatabase, BooksProject
from tests.projects.small import versions, write_project, write_revision

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
        ("lock_wait = OFF", ()),
        ("lock_wait = 0", ("--lock-wait", "none")),
        ("lock_wait = 0", ("--lock-wait", "90")),
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
    env = {"DATABASE_URL": "sqlite:///data.db"}
    with contextlib.closing(sqlite3.connect(one_revision / "data.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        ran = migrator(*options, cwd=one_revision, env=env)

    assert (ran.code, "Another connection is writing to" in ran.err) == (8, True), ran.err
    # SQLite's driver waits for 5 seconds by itself.
    assert time.monotonic() - began < 4
