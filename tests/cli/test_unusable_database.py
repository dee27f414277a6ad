"""A database that cannot be used: exit code 6, which one it was, why, and what to correct."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Database, Ran
from tests.projects.small import tree

Migrator = Callable[..., Ran]
DRIVERS = ("postgresql+asyncpg", "postgresql+psycopg")
COMMANDS = (["upgrade"], ["current"], ["history", "-i"], ["downgrade"], ["stamp", "head"])


def fails(migrator: Migrator, root: Path, url: str, command: list[str] | None = None) -> str:
    """Stderr of a command that must end with 6, show one error with a hint, and change no file."""
    before = tree(root)
    ran = migrator(*(command or ["upgrade"]), cwd=root, env={"DATABASE_URL": url})
    assert ran.code == 6, ran.err
    assert ran.out == ""
    assert ran.err.count("error: ") == 1
    assert "Traceback" not in ran.err
    assert "DATABASE_URL in the process's variables" in ran.err.partition("hint: ")[2]
    assert tree(root) == before
    return ran.err


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_host_that_does_not_exist_is_named(one_revision: Path, migrator: Migrator, driver: str) -> None:
    err = fails(migrator, one_revision, f"{driver}://app:pw@no-such-host.invalid/shop")
    assert "The database app@no-such-host.invalid/shop cannot be used." in err
    assert "The host's name is not known." in err


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_port_where_nothing_listens_is_named(
    one_revision: Path, migrator: Migrator, driver: str, command: list[str]
) -> None:
    err = fails(migrator, one_revision, f"{driver}://app:pw@127.0.0.1:1/shop", command)
    assert "The database app@127.0.0.1:1/shop cannot be used. Nothing listens there." in err


@pytest.mark.slow
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_server_that_does_not_answer_is_given_up(
    one_revision: Path, migrator: Migrator, silent_port: int, driver: str
) -> None:
    # psycopg waits for two seconds at least.
    seconds = 1.5 if "asyncpg" in driver else 2
    err = fails(
        migrator, one_revision, f"{driver}://app@127.0.0.1:{silent_port}/shop?connect_timeout={seconds}"
    )
    assert "It did not answer in time." in err
    assert err.count(f"waiting for 127.0.0.1:{silent_port} to answer ...\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_wrong_password_is_said_to_be_one(
    one_revision: Path, migrator: Migrator, postgres_database: Database, driver: str
) -> None:
    at = postgres_database
    err = fails(migrator, one_revision, f"{driver}://{at.user}:wr0ngPassw0rd@{at.host}:{at.port}/{at.name}")
    assert f"The database {at.user}@{at.host}:{at.port}/{at.name} cannot be used." in err
    assert "The server refused the password." in err
    assert "Check the password in: " in err
    assert "wr0ng" not in err


@pytest.mark.slow
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_database_that_does_not_exist_is_said_not_to(
    one_revision: Path, migrator: Migrator, postgres_database: Database, driver: str
) -> None:
    at = postgres_database
    url = f"{driver}://{at.user}:{at.password}@{at.host}:{at.port}/no_such_database"
    for command in COMMANDS:
        err = fails(migrator, one_revision, url, command)
        assert "The database does not exist." in err
        assert "no_such_database" in err
        assert "Create it (createdb), or correct: DATABASE_URL" in err


def test_the_envelope_of_json_says_the_same(one_revision: Path, migrator: Migrator) -> None:
    url = "postgresql://app@127.0.0.1:1/shop"
    ran = migrator("upgrade", "--json", cwd=one_revision, env={"DATABASE_URL": url})
    document = json.loads(ran.out)
    assert ran.code == document["exit_code"] == 6
    assert document["status"] == "error"
    assert document["environment"] == "testing"
    assert document["data"] == {}
    [error] = document["errors"]
    assert error["type"] == "DatabaseError"
    assert f"error: {error['message']}\nhint: {error['hint']}\n" in ran.err


def test_the_traceback_is_shown_only_on_demand(one_revision: Path, migrator: Migrator) -> None:
    url = {"DATABASE_URL": "postgresql://app@127.0.0.1:1/shop"}
    traced = migrator("upgrade", "--traceback", cwd=one_revision, env=url).err
    assert "Traceback" in traced
    assert traced.count("hint: ") == 1
    assert "Traceback" not in migrator("upgrade", cwd=one_revision, env=url).err


@pytest.mark.parametrize("driver", ["sqlite", "sqlite+aiosqlite"])
@pytest.mark.parametrize("command", [["current"], ["history", "-i"], ["check"]], ids=" ".join)
def test_reading_does_not_create_a_missing_file(
    one_revision: Path, migrator: Migrator, driver: str, command: list[str]
) -> None:
    ran = migrator(*command, cwd=one_revision, env={"DATABASE_URL": f"{driver}:///books.db"})
    assert ran.code == 6
    assert "The SQLite database books.db does not exist." in ran.err
    assert not (one_revision / "books.db").exists()


@pytest.mark.parametrize("driver", ["sqlite", "sqlite+aiosqlite"])
def test_a_file_in_a_folder_that_does_not_exist_cannot_be_made(
    one_revision: Path, migrator: Migrator, driver: str
) -> None:
    err = fails(migrator, one_revision, f"{driver}:///no/such/folder/books.db")
    assert "The folder of the SQLite database no/such/folder/books.db does not exist." in err


@pytest.mark.parametrize("driver", ["sqlite", "sqlite+aiosqlite"])
def test_a_file_that_is_no_database_is_said_to_be_none(
    one_revision: Path, migrator: Migrator, driver: str
) -> None:
    (one_revision / "books.db").write_text("a shopping list, and a long one at that" * 30)
    assert "file is not a database" in fails(migrator, one_revision, f"{driver}:///books.db")


def test_a_role_that_may_not_create_tables_is_told_so(
    one_revision: Path, migrator: Migrator, postgres_database: Database
) -> None:
    at = postgres_database
    role = f"reader_{at.name}"
    at.query(f"CREATE ROLE {role} LOGIN PASSWORD 'reading'")
    try:
        err = fails(migrator, one_revision, f"postgresql://{role}:reading@{at.host}:{at.port}/{at.name}")
    finally:
        at.query(f"DROP ROLE {role}")
    assert "The role lacks a privilege. (permission denied for schema public)" in err
    assert at.tables() == []


def test_a_driver_without_an_extra_of_ours_is_named_by_its_own_package(
    migrator: Callable[..., Ran], checkout: Path
) -> None:
    ran = migrator("current", "--url", "mysql+aiomysql://someone@localhost/shop", cwd=checkout)

    assert ran.code == 3, ran.err
    assert "pip install aiomysql" in ran.err
    assert "migrator[" not in ran.err
