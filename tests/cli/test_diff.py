"""`diff`: what two environments have otherwise, replayed on real scratch databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Database, Ran
from tests.projects.small import tree, versions, write_project, write_revision
from tests.slow import slow

ONE = 'op.execute("CREATE TABLE one (id integer NOT NULL PRIMARY KEY, name text)")'
INDEX = 'op.execute("CREATE INDEX by_name ON one (name)")'
SQLITE = {
    "PRODUCTION_DATABASE_URL": "sqlite:///nowhere/a.db",
    "TESTING_DATABASE_URL": "sqlite:///nowhere/b.db",
}
Migrator = Callable[..., Ran]


@pytest.fixture(params=["postgresql", slow("sqlite")])
def two(request: pytest.FixtureRequest, tmp_path: Path, postgres_database: Database) -> Path:
    """A project of two environments with one revision each, which is the same."""
    url = postgres_database.url.replace("postgresql:", "postgresql+asyncpg:")
    scratch = f"scratch_url = {url}\nscratch_keep = 0"
    root = write_project(
        tmp_path / "two", "online", "test", settings=scratch if request.param == "postgresql" else ""
    )
    for suffix in ("online", "test"):
        write_revision(versions(root, suffix), "r1", None, ONE)
    if request.param == "sqlite":
        (root / ".env").write_text("".join(f"{name}={value}\n" for name, value in SQLITE.items()))
    return root


def data(ran: Ran) -> dict[str, Any]:
    """Give the data of the JSON document."""
    return dict(json.loads(ran.out)["data"])


@pytest.mark.slow
def test_equal_histories_are_equal_and_nothing_is_written(two: Path, migrator: Migrator) -> None:
    migrator("diff", cwd=two)
    before = tree(two)

    ran = migrator("diff", cwd=two)

    assert (ran.code, ran.out.splitlines()) == (
        0,
        [
            "production and testing have the same revisions",
            "the schemas of production and testing are equal",
        ],
    ), ran.err
    assert tree(two) == before


@pytest.mark.slow
def test_what_only_one_has_is_named_with_what_it_makes(two: Path, migrator: Migrator) -> None:
    write_revision(versions(two), "r2", "r1", INDEX)

    ran = migrator("diff", "prod", "test", cwd=two)

    assert (ran.code, ran.out.splitlines()) == (
        1,
        [
            "only in testing: r2, message of r2 (migrations/test/versions/r2.py)",
            "index by_name on one: only in testing",
        ],
    ), ran.err
    (found,) = data(migrator("diff", "testing", "production", "--json", cwd=two))["differences"]
    assert (found["name"], found["right"]) == ("by_name on one", None)


@pytest.mark.slow
def test_a_revision_without_effect_is_named_and_the_schemas_are_equal(two: Path, migrator: Migrator) -> None:
    write_revision(versions(two), "r2", "r1")

    ran = migrator("diff", cwd=two)

    assert ran.code == 0
    assert [each["revision"] for each in data(migrator("diff", "--json", cwd=two))["only"]] == ["r2"]


def test_the_same_under_another_id_and_another_under_the_same_are_told_apart(
    two: Path, migrator: Migrator
) -> None:
    write_revision(versions(two), "r2", "r1", INDEX)
    write_revision(versions(two, "online"), "p2", "r1", INDEX)
    write_revision(versions(two), "r3", "r2", 'op.execute("CREATE TABLE two (id integer)")')
    write_revision(versions(two, "online"), "r3", "p2", 'op.execute("CREATE TABLE three (id integer)")')

    found = data(migrator("diff", "--json", cwd=two))

    assert found["only"] == []
    assert [(each["left"], each["right"]) for each in found["renamed"]] == [("p2", "r2")]
    assert [each["left"] for each in found["changed"]] == ["r3"]
    assert [(each["name"], each["left"] is None) for each in found["differences"]] == [
        ("three", False),
        ("two", True),
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["prod", "production"], 2, "prod and production are one environment."),
        (["prod"], 2, "Two environments are compared, not 1 (prod)."),
        (["prod", "stagin"], 3, "There is no environment stagin (from the arguments)."),
        (["--url", "sqlite://"], 2, "Environments are given by their names, without --config and --url."),
        (["--env", "prod"], 2, "diff takes no --env."),
    ],
)
def test_what_is_not_two_environments_is_an_error(
    arguments: list[str], code: int, said: str, tmp_path: Path, migrator: Migrator
) -> None:
    root = write_project(tmp_path / "p", "online", "test")

    ran = migrator("diff", *arguments, cwd=root)

    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


def test_a_history_that_does_not_run_is_7_with_its_environment(two: Path, migrator: Migrator) -> None:
    write_revision(versions(two), "r2", "r1", 'op.execute("DROP TABLE nothing_here")')

    ran = migrator("diff", cwd=two)

    assert ran.code == 7
    assert "testing: The upgrade of revision r2" in ran.err


def test_two_kinds_of_databases_are_not_compared(
    tmp_path: Path, migrator: Migrator, postgres_database: Database
) -> None:
    root = write_project(tmp_path / "p", "online", "test")
    url = postgres_database.url.replace("postgresql:", "postgresql+asyncpg:")
    ini = root / "configs" / "alembic_online.ini"
    ini.write_text(f"{ini.read_text()}scratch_url = {url}\nscratch_keep = 0\n")
    (root / ".env").write_text("TESTING_DATABASE_URL=sqlite:///nowhere/b.db\n")
    for suffix in ("online", "test"):
        write_revision(versions(root, suffix), "r1", None, ONE)

    ran = migrator("diff", cwd=root)

    assert (ran.code, ran.out) == (3, "")
    assert "production is replayed on postgresql" in ran.err
    assert "testing on sqlite" in ran.err
