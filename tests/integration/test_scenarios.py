"""Every scenario against plain Alembic, with pg_dump as the judge of whether two schemas are equal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Database, Ran, process_variables
from tests.projects.books import BooksProject, make_project
from tests.projects.foreign.alembic_processes import AlembicProcesses
from tests.projects.scenarios import SCENARIOS, Scenario

Dump = Callable[[str], str]


@dataclass(frozen=True)
class Played:
    """A scenario written to disk, with a database of its own."""

    scenario: Scenario
    project: BooksProject
    url: str
    migrator: Callable[..., Ran]
    dump: Dump

    def run(self, *arguments: str, code: int = 0) -> Ran:
        """Run a command, which must end with a code."""
        ran = self.migrator(*arguments, cwd=self.project.root, env={"TESTING_DATABASE_URL": self.url})
        assert ran.code == code, ran.out + ran.err
        return ran

    def data(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Give the data of a command's JSON document."""
        return dict(json.loads(self.run(*arguments, "--json", code=code).out)["data"])

    def schema(self, url: str | None = None) -> list[str]:
        """Give what pg_dump says; where in a table a column stands does not count."""
        lines = self.dump(url or self.url).splitlines()
        return sorted(line.rstrip(",") for line in lines)


# The others take minutes together.
FAST = ("a type is left behind", "drifted by hand")


@pytest.fixture(
    params=[
        pytest.param(name, id=name.replace(" ", "_"), marks=[] if name in FAST else pytest.mark.slow)
        for name in SCENARIOS
    ]
)
def played(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    migrator: Callable[..., Ran],
    new_database: Callable[[], Database],
    dump: Dump,
) -> Iterator[Played]:
    """Each scenario in turn."""
    scenario = SCENARIOS[request.param]
    url = async_url(new_database())
    project = make_project(tmp_path / "played")
    project.settings(migrator=[f"scratch_url = {url}", "scratch_keep = 2"])
    scenario.write(project)
    played = Played(scenario, project, url, migrator, dump)
    yield played
    # Templates are databases of the server that all tests share.
    project.settings(migrator=[f"scratch_url = {url}", "scratch_keep = 0"])


def async_url(database: Database) -> str:
    """Give the URL that reaches a database through asyncpg."""
    return database.url.replace("postgresql:", "postgresql+asyncpg:")


@pytest.mark.slow
def test_it_ends_where_plain_alembic_does_and_shows_the_same_history(
    played: Played, new_database: Callable[[], Database], processes: AlembicProcesses
) -> None:
    other = async_url(new_database())

    def alembic(*arguments: str) -> str:
        command = ["-c", "configs/alembic_test.ini", *arguments]
        variables = process_variables({"TESTING_DATABASE_URL": other})
        code, out, err = processes.run(command, cwd=played.project.root, env=variables)
        assert code == 0, err
        return out

    played.run("upgrade", "heads")
    alembic("upgrade", "heads")

    assert played.schema() == played.schema(other)
    for command in ("heads", "history", "branches"):
        mine, theirs = (out.strip().splitlines() for out in (played.run(command).out, alembic(command)))
        # What a branch point branches into Alembic gives in any order.
        order = sorted if command == "branches" else list
        assert order(mine) == order(theirs), command
    assert (
        tuple(sorted(each["revision"] for each in played.data("heads")["revisions"])) == played.scenario.heads
    )


def test_check_says_of_it_what_is_so(played: Played) -> None:
    scenario = played.scenario
    several = len(scenario.heads) > 1

    history = played.data("check", "--against", "history", code=int(several or bool(scenario.changes)))
    played.run("upgrade", "heads")
    before = played.schema()
    played.data("check", "--against", "database", code=int(bool(scenario.changes)))
    for statement in scenario.by_hand:
        _query(played, statement)
    database = played.data(
        "check", "--against", "database", code=int(bool(scenario.changes or scenario.by_hand))
    )

    assert [each["text"] for each in history["changes"]] == list(scenario.changes)
    assert bool(history["problems"]) == several
    assert [each["name"] for each in database["drift"]] == list(scenario.drift)
    # The judge is of the same mind.
    assert (played.schema() == before) == (not scenario.drift)


@pytest.mark.slow
def test_verify_says_of_each_downgrade_what_pg_dump_says(played: Played) -> None:
    scenario = played.scenario
    expected = bool(scenario.unlike or scenario.changes)

    verified = played.data("verify", code=int(expected))

    assert tuple(each["revision"] for each in verified["unlike"]) == scenario.unlike
    assert tuple(each["revision"] for each in verified["irreversible"]) == scenario.irreversible
    assert verified["failed"] == []
    if scenario.is_line:
        # Of branches `downgrade` takes back more than one revision.
        assert _unlike_by_dump(played) == list(scenario.unlike)


def _unlike_by_dump(played: Played) -> list[str]:
    """Run each revision up, down and up by hand, and name those that leave another schema."""
    found = []
    played.run("ensure-version")
    for revision in played.scenario.revisions:
        before = played.schema()
        played.run("upgrade", revision)
        if revision in played.scenario.irreversible:
            continue
        played.run("downgrade", f"{revision}-1")
        if played.schema() != before:
            found.append(revision)
            _query(played, "DROP TYPE IF EXISTS mood")
        played.run("upgrade", revision)
    return found


def _query(played: Played, statement: str) -> None:
    with psycopg.connect(played.url.replace("+asyncpg", ""), autocommit=True) as connection:
        connection.execute(statement.encode())
