"""`wait`: the start of a container that must not begin before its database answers, or is at head."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.conftest import Database, Ran
from tests.projects.small import tree, versions, write_project, write_revision
from tests.terminal import at_terminal

Migrator = Callable[..., Ran]
CLOSED = "postgresql://app:n0tToBeSeen@127.0.0.1:1/shop"


@pytest.fixture
def two_revisions(tmp_path: Path) -> Path:
    """A project of two revisions, the first of which makes a table."""
    root = write_project(tmp_path / "a project")
    write_revision(versions(root), "one1", up='op.execute("CREATE TABLE one (id int)")')
    write_revision(versions(root), "two2", "one1")
    return root


@contextmanager
def soon(work: Callable[[], None], seconds: float = 1.5) -> Iterator[None]:
    """Do something a while after the block has begun."""
    timer = threading.Timer(seconds, work)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def test_a_database_that_answers_is_not_waited_for(
    two_revisions: Path, migrator: Migrator, postgres_database: Database
) -> None:
    at = postgres_database
    began = time.monotonic()
    ran = migrator("wait", cwd=two_revisions, env={"DATABASE_URL": at.url})

    assert (ran.code, ran.out) == (0, f"testing answers: {at.user}@{at.host}:{at.port}/{at.name}\n")
    assert time.monotonic() - began < 5
    assert at.tables() == []
    assert at.query("SELECT 1 FROM pg_namespace WHERE nspname = '_migrator'") == []


@pytest.mark.slow
def test_a_database_that_is_created_meanwhile_ends_the_waiting(
    two_revisions: Path, shell: Callable[..., Ran], postgres_database: Database
) -> None:
    at = postgres_database
    with at.connect() as connection:
        name = sql.Identifier(at.name)
        with psycopg.connect(at.url.replace(at.name, "postgres"), autocommit=True) as administrator:
            connection.close()
            administrator.execute(sql.SQL("DROP DATABASE {}").format(name))

    def create() -> None:
        with psycopg.connect(at.url.replace(at.name, "postgres"), autocommit=True) as administrator:
            administrator.execute(sql.SQL("CREATE DATABASE {}").format(name))

    with soon(create, 2.5):
        ran = shell(["migrator", "wait", "--json"], cwd=two_revisions, env={"DATABASE_URL": at.url})

    assert ran.code == 0, ran.err
    data = json.loads(ran.out)["data"]
    assert (data["goal"], data["reached"]) == ("database", True)
    assert data["seconds"] > 1
    assert ran.err.count(f"waiting for the database {at.user}@{at.host}:{at.port}/{at.name} ...") == 1
    assert "Traceback" not in ran.err
    assert at.tables() == []


@pytest.mark.slow
def test_time_is_up_where_nothing_listens(two_revisions: Path, migrator: Migrator) -> None:
    began = time.monotonic()
    ran = migrator("wait", "--timeout", "2s", cwd=two_revisions, env={"DATABASE_URL": CLOSED})

    assert 2 <= time.monotonic() - began < 6
    assert (ran.code, ran.out) == (6, "")
    assert "app@127.0.0.1:1/shop cannot be used. Nothing listens there. Waited 2s." in ran.err
    assert "hint: Start the server, or correct host and port in: DATABASE_URL" in ran.err
    assert ran.err.count("waiting for the database app@127.0.0.1:1/shop ...") == 1
    assert "n0tToBeSeen" not in ran.err


@pytest.mark.slow
def test_a_server_that_says_nothing_is_left_when_time_is_up(two_revisions: Path, migrator: Migrator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"postgresql://app@127.0.0.1:{listening.getsockname()[1]}/shop"
        began = time.monotonic()
        ran = migrator("wait", "--timeout", "3s", "--json", cwd=two_revisions, env={"DATABASE_URL": url})

    assert time.monotonic() - began < 8
    assert ran.code == json.loads(ran.out)["exit_code"] == 6
    assert json.loads(ran.out)["errors"][0]["type"] == "DatabaseError"


@pytest.mark.slow
def test_without_time_it_is_asked_once(
    two_revisions: Path, migrator: Migrator, postgres_database: Database
) -> None:
    for url, code in ((postgres_database.url, 0), (CLOSED, 6)):
        ran = migrator("wait", "--timeout", "0", cwd=two_revisions, env={"DATABASE_URL": url})
        assert ran.code == code, ran.err


@pytest.mark.slow
def test_an_sqlite_file_is_waited_for_and_not_made(two_revisions: Path, migrator: Migrator) -> None:
    before = tree(two_revisions)
    for goal in ("database", "head"):
        ran = migrator(
            "wait", "--timeout", "1s", "--for", goal, "--url", "sqlite:///shop.db", cwd=two_revisions
        )
        assert ran.code == 6
        assert "The SQLite database shop.db does not exist." in ran.err
        assert tree(two_revisions) == before

    with soon((two_revisions / "shop.db").touch):
        ran = migrator("wait", "--url", "sqlite:///shop.db", cwd=two_revisions)
    assert (ran.code, (two_revisions / "shop.db").read_bytes()) == (0, b"")


@pytest.mark.slow
def test_a_database_that_is_not_at_head_in_time_is_the_answer_no_and_stays_as_it_is(
    two_revisions: Path, migrator: Migrator, postgres_database: Database
) -> None:
    variables = {"DATABASE_URL": postgres_database.url}
    ran = migrator("wait", "--for", "head", "--timeout", "2s", cwd=two_revisions, env=variables)

    assert ran.code == 1
    assert ran.out.startswith("testing is at base, behind by 2 revisions (after ")
    assert ran.err.count("is at head: it is at base, 2 pending ...") == 1
    assert postgres_database.tables() == []
    assert postgres_database.query("SELECT 1 FROM pg_namespace WHERE nspname = '_migrator'") == []

    assert migrator("upgrade", "one1", cwd=two_revisions, env=variables).code == 0
    ran = migrator("wait", "--for", "head", "--timeout", "0", "--json", cwd=two_revisions, env=variables)
    document = json.loads(ran.out)
    assert (document["status"], document["errors"]) == ("negative", [])
    assert (document["data"]["current"], document["data"]["pending"]) == (["one1"], ["two2"])
    assert migrator("wait", "--timeout", "0", cwd=two_revisions, env=variables).code == 0


def test_an_upgrade_meanwhile_ends_the_waiting_for_head(
    two_revisions: Path, migrator: Migrator, shell: Callable[..., Ran], postgres_database: Database
) -> None:
    variables = {"DATABASE_URL": postgres_database.url}
    upgraded: list[Ran] = []

    with soon(lambda: upgraded.append(migrator_in_process(shell, two_revisions, variables))):
        ran = migrator("wait", "--for", "head", "--timeout", "30s", cwd=two_revisions, env=variables)

    assert [each.code for each in upgraded] == [0]
    assert ran.code == 0, ran.err
    assert ran.out.startswith("testing is at head (two2)")


def migrator_in_process(shell: Callable[..., Ran], root: Path, variables: dict[str, str]) -> Ran:
    return shell(["migrator", "upgrade"], cwd=root, env=variables)


@pytest.mark.slow
def test_a_database_that_is_ahead_counts_as_at_head(
    two_revisions: Path, migrator: Migrator, postgres_database: Database
) -> None:
    variables = {"DATABASE_URL": postgres_database.url}
    assert migrator("upgrade", cwd=two_revisions, env=variables).code == 0
    (versions(two_revisions) / "two2.py").unlink()

    ran = migrator("wait", "--for", "head", cwd=two_revisions, env=variables)

    assert (ran.code, ran.out) == (0, "testing is at two2, ahead of this checkout by 1 revision\n")


@pytest.mark.slow
def test_what_waiting_does_not_mend_ends_it_at_once(
    two_revisions: Path, migrator: Migrator, postgres_database: Database
) -> None:
    variables = {"DATABASE_URL": postgres_database.url}
    began = time.monotonic()
    postgres_database.query("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    postgres_database.query("INSERT INTO alembic_version VALUES ('nobody_knows')")
    unknown = migrator("wait", "--for", "head", "--json", cwd=two_revisions, env=variables)
    assert unknown.code == 5
    assert json.loads(unknown.out)["errors"][0]["type"] == "RevisionsError"
    assert migrator("wait", cwd=two_revisions).code == 3
    extra = migrator("wait", "--url", "postgresql+pg8000://u@h/d", cwd=two_revisions)
    assert (extra.code, "hint: Install it: pip install pg8000" in extra.err) == (3, True)
    (versions(two_revisions) / "two2.py").write_text("no Python at all")
    assert migrator("wait", cwd=two_revisions, env=variables).code == 5
    (two_revisions / "migrations" / "env.py").write_text("raise RuntimeError('on purpose')\n")
    (versions(two_revisions) / "two2.py").unlink()
    broken = migrator("wait", cwd=two_revisions, env=variables)
    assert (broken.code, "failed: RuntimeError: on purpose" in broken.err) == (3, True)
    assert time.monotonic() - began < 30


@pytest.mark.slow
def test_what_env_py_prints_stays_off_stdout(
    two_revisions: Path, shell: Callable[..., Ran], postgres_database: Database
) -> None:
    env_py = two_revisions / "migrations" / "env.py"
    env_py.write_text(f'import os\nprint("printed")\nos.system("echo by a program")\n{env_py.read_text()}')

    ran = shell(["migrator", "wait"], cwd=two_revisions, env={"DATABASE_URL": postgres_database.url})

    assert ran.code == 0
    assert ran.out.startswith("testing answers: ")
    assert len(ran.out.splitlines()) == 1
    assert "printed" in ran.err
    assert "by a program" in ran.err


@pytest.mark.slow
def test_quiet_tells_nothing_of_its_progress(two_revisions: Path, migrator: Migrator) -> None:
    ran = migrator("wait", "-q", "--timeout", "2s", cwd=two_revisions, env={"DATABASE_URL": CLOSED})

    assert ran.code == 6
    assert [line.partition(": ")[0] for line in ran.err.splitlines()] == ["error", "hint"]


@pytest.mark.slow
def test_ctrl_c_ends_the_waiting(two_revisions: Path) -> None:
    shown = at_terminal(
        ["migrator", "wait"],
        two_revisions,
        {"DATABASE_URL": CLOSED},
        answer=("waiting for the database", "\x03"),
    )

    assert shown.code == 130
    assert "Traceback" not in shown.text


def test_what_it_cannot_wait_for_is_a_usage_error(two_revisions: Path, migrator: Migrator) -> None:
    ran = migrator("wait", "--for", "godot", cwd=two_revisions, env={"DATABASE_URL": CLOSED})

    assert ran.code == 2
    assert "--for godot is not known." in ran.err
    assert migrator("wait", "--timeout", "long", cwd=two_revisions).code == 2
