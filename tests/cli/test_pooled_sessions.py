"""Behind a pooler that hands sessions around a command is refused, and leaves nothing on these sessions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.cli.test_doctor import CREATE, pooler
from tests.conftest import Database, Ran
from tests.projects.small import versions, write_project, write_revision

Migrator = Callable[..., Ran]
SETTINGS = ("lock_timeout", "statement_timeout", "search_path", "role", "idle_session_timeout")
# What a migration would have set there, and what it locks.
LOCKS = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.fixture
def small(tmp_path: Path, postgres_database: Database) -> Path:
    """A project with one revision, and a role that may run it."""
    postgres_database.query(f"GRANT CREATE ON DATABASE {postgres_database.name} TO pg_monitor")
    postgres_database.query("GRANT CREATE ON SCHEMA public TO pg_monitor")
    root = write_project(
        tmp_path / "a project", settings="role = pg_monitor\nlock_timeout = 7s\nstatement_timeout = 8s"
    )
    write_revision(versions(root), "aaa1", None, CREATE)
    return root


def left(url: str, database: Database) -> tuple[list[str], object]:
    """Give the settings of the session that the pooler gives to the next who asks, and the locks held."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in SETTINGS]
    (locks,) = database.query(LOCKS)
    return [str(row[0]) for row in found if row is not None], locks[0]


CLEAN = (["0", "0", '"$user", public', "none", "0"], 0)


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
@pytest.mark.parametrize("command", ["upgrade", "mark --confirm DATABASE", "ensure-version", "stamp head"])
def test_what_takes_the_lock_is_refused_with_the_cure_and_nothing_stays(
    command: str, driver: str, small: Path, tmp_path: Path, postgres_database: Database, migrator: Migrator
) -> None:
    with pooler(postgres_database, tmp_path, "transaction") as port:
        url = f"postgresql://any:body@127.0.0.1:{port}/{postgres_database.name}"
        before = left(url, postgres_database)
        words = command.replace("DATABASE", postgres_database.name).split()
        env = {"TESTING_DATABASE_URL": url.replace(":", f"+{driver}:", 1)}
        ran = migrator(*words, "--env", "testing", cwd=small, env=env)
        after = left(url, postgres_database)

    assert ran.code in ((6, 8) if driver == "asyncpg" else (8,)), ran.err
    assert "A pooler in front of the server hands sessions around" in ran.err
    assert "TESTING_DATABASE_URL=postgresql://user:" in ran.err
    assert after == before == CLEAN
    assert postgres_database.tables() == []


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
@pytest.mark.parametrize("command", ["current", "upgrade --dry-run", "doctor"])
def test_what_only_reads_leaves_nothing_either(
    command: str, driver: str, small: Path, tmp_path: Path, postgres_database: Database, migrator: Migrator
) -> None:
    with pooler(postgres_database, tmp_path, "transaction") as port:
        url = f"postgresql://any:body@127.0.0.1:{port}/{postgres_database.name}"
        env = {"TESTING_DATABASE_URL": url.replace(":", f"+{driver}:", 1)}
        migrator(*command.split(), cwd=small, env=env)

        assert left(url, postgres_database) == CLEAN


def test_a_pooler_that_keeps_sessions_is_no_obstacle(
    small: Path, tmp_path: Path, postgres_database: Database, migrator: Migrator
) -> None:
    with pooler(postgres_database, tmp_path, "session") as port:
        url = f"postgresql+psycopg://any:body@127.0.0.1:{port}/{postgres_database.name}"
        ran = migrator("upgrade", cwd=small, env={"TESTING_DATABASE_URL": url})

    assert (ran.code, "one" in postgres_database.tables()) == (0, True), ran.err
