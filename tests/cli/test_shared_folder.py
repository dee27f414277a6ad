"""One version folder for all environments: what `promote`, `diff` and `status` make of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from docs.generate.console import steps_of
from docs.generate.paths import DOCS
from tests.conftest import Ran
from tests.projects.small import tree, write_project, write_revision
from tests.projects.two import SQLITE, TwoProject

FOLDER = "migrations/versions"


@pytest.fixture
def shared(tmp_path: Path, migrator: Callable[..., Ran]) -> TwoProject:
    """A project of two environments on SQLite that have one version folder with two revisions."""
    root = write_project(tmp_path / "a project", "online", "test")
    for ini in (root / "configs").iterdir():
        text = ini.read_text()
        for suffix in ("online", "test"):
            text = text.replace(f"migrations/{suffix}/versions", FOLDER)
        ini.write_text(text)
    versions = root / FOLDER
    versions.mkdir(parents=True)
    write_revision(versions, "r1", None, 'op.execute("create table one (id integer)")')
    write_revision(versions, "r2", "r1")
    return TwoProject(root, migrator, SQLITE)


def test_promote_says_that_there_is_nothing_to_promote_and_what_to_do(shared: TwoProject) -> None:
    shared.run("upgrade", "--env", "testing")
    before = tree(shared.root)

    ran = shared.run("promote", "--from", "testing", "--to", "production", code=4)

    assert ran.err.splitlines() == [
        f"error: testing and production have one version folder, {FOLDER}: there is nothing to promote.",
        "hint: What one has the other has too: migrator upgrade --env production",
    ]
    assert tree(shared.root) == before
    shared.run("upgrade", "--env", "production")


@pytest.mark.slow
def test_diff_compares_where_the_databases_stand(shared: TwoProject) -> None:
    shared.run("upgrade", "--env", "testing")
    shared.run("upgrade", "r1", "--env", "production")

    ran = shared.run("diff", "testing", "production", code=1)

    assert ran.out.splitlines() == [
        f"testing and production have one version folder, {FOLDER}: the same revisions",
        "testing is at r2",
        "production is at r1, behind by 1 revision",
        "next: migrator upgrade --env production",
    ]
    found = json.loads(shared.run("diff", "testing", "production", "--json", code=1).out)["data"]
    assert found["shared_folder"] == FOLDER
    assert [(each["environment"], each["current"]) for each in found["positions"]] == [
        ("testing", ["r2"]), ("production", ["r1"]),
    ]  # fmt: skip

    shared.run("upgrade", "--env", "production")
    assert shared.run("diff", "testing", "production").out.splitlines()[1:] == [
        "testing is at r2",
        "production is at r2",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("production", "code", "why"),
    [
        ({}, 3, "no database is configured for it here"),
        (
            {"PRODUCTION_DATABASE_URL": "postgresql://me@127.0.0.1:1/nowhere"},
            6,
            "The database me@127.0.0.1:1/nowhere cannot be used",
        ),
    ],
)
def test_diff_knows_no_answer_where_a_database_cannot_be_asked(
    production: dict[str, str], code: int, why: str, shared: TwoProject, migrator: Callable[..., Ran]
) -> None:
    env = {"TESTING_DATABASE_URL": SQLITE["TESTING_DATABASE_URL"], **production}
    assert migrator("upgrade", "--env", "testing", cwd=shared.root, env=env).code == 0

    ran = migrator("diff", "testing", "production", cwd=shared.root, env=env)
    as_json = migrator("diff", "testing", "production", "--json", cwd=shared.root, env=env)

    assert ran.code == code, ran.err
    assert "testing is at r2" in ran.out
    assert f"production could not be asked: {why}" in ran.out
    unknown = "Whether testing and production are at one place is not known: production could not be asked."
    assert f"error: {unknown}\nhint: " in ran.err
    document = json.loads(as_json.out)
    assert (document["exit_code"], document["errors"][0]["message"]) == (code, unknown)
    assert [each["known"] for each in document["data"]["positions"]] == [True, False]


def test_a_database_that_is_not_as_it_should_be_is_no_yes(shared: TwoProject) -> None:
    for environment in ("testing", "production"):
        shared.run("upgrade", "--env", environment)
    shared.query("UPDATE alembic_version SET version_num = 'zzz9' RETURNING 1", "PRODUCTION")

    ran = shared.run("diff", "testing", "production", code=1)

    assert "production could not be asked: " in ran.out
    assert "zzz9" in ran.out


def test_diff_has_nothing_to_replay(shared: TwoProject) -> None:
    ran = shared.run("diff", "testing", "production", "--fresh", code=2)

    assert f"one version folder, {FOLDER}: there is nothing to replay" in ran.err


def test_folders_of_which_only_one_is_shared_are_two_histories(shared: TwoProject) -> None:
    more = shared.root / "more"
    more.mkdir()
    write_revision(more, "m1", "r2", 'op.execute("create table more (id integer)")')
    ini = shared.root / "configs" / "alembic_test.ini"
    ini.write_text(ini.read_text().replace(FOLDER, f"{FOLDER}\n    %(here)s/../more"))

    ran = shared.run("diff", "testing", "production", code=1)

    assert ran.out.splitlines()[0] == "only in testing: m1, message of m1 (more/m1.py)"


@pytest.mark.slow
def test_status_shows_who_shares_the_folder(shared: TwoProject) -> None:
    shared.run("upgrade", "--env", "testing")

    ran = shared.run("status", code=1)

    remarks = {line.split("\t")[0]: line.split("\t")[10] for line in ran.out.splitlines()}
    assert remarks["testing"] == "one version folder with production"
    assert remarks["production"].startswith("one version folder with testing")
    found = json.loads(shared.run("status", "--json", code=1).out)["data"]["environments"]
    assert {each["name"]: each["shared_with"] for each in found} == {
        "testing": ["production"],
        "production": ["testing"],
    }


def test_the_page_shows_what_is_printed(shared: TwoProject) -> None:
    shared.run("upgrade", "--env", "testing")
    shared.run("upgrade", "r1", "--env", "production")
    codes = {"migrator promote": 4, "migrator diff testing production": 1}

    shown = [step for step in steps_of((DOCS / "how-to" / "folders.md").read_text()) if step.output]

    assert [step.command for step in shown] == list(codes)
    for step in shown:
        ran = shared.run(*step.command.split()[1:], code=codes[step.command])
        assert (ran.out + ran.err).splitlines() == step.output.splitlines()
