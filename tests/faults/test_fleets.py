"""Fleets of hundreds of tenants to which everything happens at once."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from psycopg import sql

from tests.conftest import Database, Ran
from tests.faults.least import started, wait_for
from tests.projects.fleet import QUERY, Fleet, heads, make_fleet
from tests.projects.small import versions, write_revision

COUNT = 300
NAMES = [f"t{number:03}" for number in range(COUNT)]
BEHIND = NAMES[::2]
BROKEN, LOCKED, DROPPED, KILLED = "t020", "t041", "t290", "t060"
# The file says which process is at it, and no kill can take that back.
WAITS = f"""\
if op.get_bind().exec_driver_sql("SELECT current_schema()").scalar() == "{KILLED}":
    import os, time
    if not os.path.exists("beacon"):
        with open("beacon.new", "w") as beacon:
            beacon.write(str(os.getpid()))
        os.rename("beacon.new", "beacon")
        time.sleep(60)
op.execute("ALTER TABLE one ADD COLUMN name text")"""
BODIES = ('op.execute("CREATE TABLE one (id integer)")', WAITS)
ALL = ("--env", "testing", "--tenants", "all")


@pytest.fixture
def fleet(tmp_path: Path, postgres_database: Database, migrator: Callable[..., Ran]) -> Fleet:
    """Three hundred schemas: half of them at base, half at the first revision."""
    fleet = make_fleet(tmp_path / "a fleet", postgres_database, migrator, BODIES)
    fleet.settings(QUERY, "lock_timeout = 200ms", "retries = 0", "lock_wait = 30s")
    with postgres_database.connect() as connection:
        connection.execute("CREATE TABLE tenants (name text)")
        for name in NAMES:
            connection.execute("INSERT INTO tenants VALUES (%s)", [name])
            schema = sql.Identifier(name)
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
            if name not in BEHIND:
                made = (
                    "CREATE TABLE {0}.one (id int); CREATE TABLE {0}.alembic_version (version_num varchar(32)"
                )
                made += " PRIMARY KEY); INSERT INTO {0}.alembic_version VALUES ('r1')"
                connection.execute(sql.SQL(made).format(schema))
    return fleet


def answers(ran: Ran) -> dict[str, dict[str, object]]:
    """Give what the last line, a document, says of each tenant."""
    document = json.loads(ran.out.splitlines()[-1])
    assert document["exit_code"] == ran.code
    return {each["tenant"]: each for each in document["data"]["tenants"]}


def wrong(found: dict[str, dict[str, object]], fleet: Fleet) -> list[str]:
    """Name the tenants that are not where their line says."""
    there = heads(fleet.database)
    finished = [name for name, each in found.items() if each["outcome"] in ("done", "nothing to do")]
    return [name for name in finished if there.get(name) != "r2"] + [
        name for name, each in found.items() if each["outcome"] == "failed" and there.get(name) == "r2"
    ]


@pytest.mark.slow
def test_whatever_happens_to_some_every_tenant_is_where_its_line_says(fleet: Fleet) -> None:
    env = {"TESTING_DATABASE_URL": fleet.url}
    fleet.database.query(f"CREATE SEQUENCE {BROKEN}.one")
    with ExitStack() as stack:
        other = stack.enter_context(fleet.database.connect())
        other.autocommit = False
        other.execute(f"LOCK TABLE {LOCKED}.one".encode())
        running = stack.enter_context(
            started(fleet.root, env, "upgrade", *ALL, "--jobs", "3", "--json-lines")
        )
        beacon = fleet.root / "beacon"
        running.until(beacon.exists, f"{KILLED} is being upgraded")
        fleet.database.query(f"DROP SCHEMA {DROPPED} CASCADE")
        os.kill(int(beacon.read_text()), signal.SIGKILL)
        first = running.ended(within=240)
        other.rollback()

    found = answers(first)
    failed = {name: each["code"] for name, each in found.items() if each["outcome"] == "failed"}
    assert failed == {BROKEN: 7, LOCKED: 7, DROPPED: 6, KILLED: 70}
    assert first.code == 7
    assert "SIGKILL" in str(found[KILLED]["error"])
    assert str(fleet.database.name) in str(found[DROPPED]["error"])
    assert len(found) == COUNT
    assert wrong(found, fleet) == []
    # Each line came before the document, which is the last.
    assert sorted(json.loads(line)["tenant"] for line in first.out.splitlines()[:-1]) == NAMES

    fleet.database.query(f"DROP SEQUENCE {BROKEN}.one; CREATE SCHEMA {DROPPED}")
    with ExitStack() as stack:
        # Two fleets at once do what is left, and nothing twice.
        both = [
            stack.enter_context(started(fleet.root, env, "upgrade", *ALL, "--jobs", "2")) for _ in range(2)
        ]
        for each in both:
            ran = each.ended(within=240)
            assert ran.code == 0, ran.out
    assert heads(fleet.database) == dict.fromkeys(NAMES, "r2")
    logged = fleet.database.query(
        "SELECT version_table, revision, count(*) FROM _migrator.log WHERE direction = 'upgrade'"
        f" AND version_table <> '{DROPPED}.alembic_version' GROUP BY 1, 2 HAVING count(*) > 1"
    )
    assert logged == []
    assert fleet.database.query("SELECT environment FROM _migrator.mark") == [("testing",)]


@pytest.mark.slow
def test_parts_in_processes_of_their_own_make_the_whole(fleet: Fleet) -> None:
    (fleet.root / "beacon").touch()
    env = {"TESTING_DATABASE_URL": fleet.url}
    with ExitStack() as stack:
        parts = [
            stack.enter_context(
                started(
                    fleet.root, env, "upgrade", *ALL, "--jobs", "1", "--json-lines", "--shard", f"{index}/3"
                )
            )
            for index in range(3)
        ]
        ran = [each.ended(within=240) for each in parts]

    assert [each.code for each in ran] == [0, 0, 0]
    found = [set(answers(each)) for each in ran]
    assert sum(len(each) for each in found) == COUNT
    assert set.union(*found) == set(NAMES)
    assert heads(fleet.database) == dict.fromkeys(NAMES, "r2")


@pytest.mark.slow
def test_thirty_databases_of_which_one_is_not_there(
    tmp_path: Path,
    postgres_database: Database,
    new_database: Callable[[], Database],
    migrator: Callable[..., Ran],
) -> None:
    fleet = make_fleet(tmp_path / "a fleet", postgres_database, migrator)
    databases = [new_database() for _ in range(30)]
    template = re.sub(rf"{postgres_database.name}$", "{tenant}", fleet.url)
    fleet.settings("tenants = file:tenants.txt", f"tenant_url = {template}")
    listed = [each.name for each in databases]
    (fleet.root / "tenants.txt").write_text("\n".join([*listed[:15], "gone_for_good", *listed[15:]]))
    databases[3].query("CREATE SEQUENCE one")

    found = fleet.outcomes("upgrade", *ALL, code=7)

    assert {name: outcome for name, outcome in found.items() if outcome != "done"} == {
        "gone_for_good": "failed",
        databases[3].name: "failed",
    }
    assert [heads(each) for each in databases] == [
        {} if each is databases[3] else {"public": "r2"} for each in databases
    ]


@pytest.mark.slow
def test_workers_end_when_whoever_made_them_is_killed(fleet: Fleet) -> None:
    env = {"TESTING_DATABASE_URL": fleet.url}
    (fleet.root / "beacon").touch()
    write_revision(versions(fleet.root), "r3", "r2", 'op.execute("SELECT pg_sleep(0.5)")')
    asleep = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(0.5)%'"
    )
    with started(fleet.root, env, "upgrade", *ALL, "--jobs", "2") as running:
        running.until(lambda: len(fleet.database.query(asleep)) > 1, "tenants are being upgraded")
        running.process.kill()
        running.process.wait()

    connected = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    wait_for(lambda: fleet.database.query(connected) == [(0,)], "nobody is connected any more")
