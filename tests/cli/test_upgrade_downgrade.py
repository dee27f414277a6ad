"""`migrator upgrade` and `migrator downgrade`: where they lead, and what they say on the way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.projects.books import AnyDatabase, BooksProject

if TYPE_CHECKING:
    from tests.conftest import Database, Ran

Migrator = Callable[..., "Ran"]
Go = Callable[..., "Ran"]


@pytest.mark.slow
def test_up_down_and_up_again_on_every_driver(
    migrator: Migrator, books: BooksProject, any_database: AnyDatabase
) -> None:
    books.tables("authors", "shelves", "loans")

    def go(*args: str) -> tuple[int, list[str]]:
        return migrator(*args, cwd=books.root, env=any_database.env).code, any_database.version()

    assert go("upgrade") == (0, ["r3"])
    assert any_database.tables() == ["alembic_version", "authors", "loans", "shelves"]
    assert go("downgrade", "-1") == (0, ["r2"])
    assert any_database.tables() == ["alembic_version", "authors", "shelves"]
    assert go("downgrade", "base") == (0, [])
    assert any_database.tables() == ["alembic_version"]
    assert go("upgrade", "+2") == (0, ["r2"])
    assert go("upgrade", "heads") == (0, ["r3"])


@pytest.mark.parametrize(
    ("steps", "at"),
    [
        (["upgrade +2"], ["r2"]),
        (["upgrade +1", "upgrade +1"], ["r2"]),
        (["upgrade r1"], ["r1"]),
        (["upgrade r2", "downgrade"], ["r1"]),
        (["upgrade", "downgrade -2"], ["r1"]),
        (["upgrade", "downgrade r2"], ["r2"]),
        (["upgrade", "downgrade r3-1"], ["r2"]),
        (["upgrade", "downgrade -- -1"], ["r2"]),
        (["upgrade", "downgrade -1 --json -q"], ["r2"]),
        (["upgrade", "downgrade --json -1"], ["r2"]),
        (["upgrade", "--quiet downgrade -1"], ["r2"]),
        (["upgrade r1+1"], ["r2"]),
        (["upgrade head-1"], ["r2"]),
    ],
    ids=" then ".join,
)
def test_a_target_may_be_relative(go: Go, on_sqlite: AnyDatabase, steps: list[str], at: list[str]) -> None:
    for step in steps:
        ran = go(*step.split())
        assert ran.code == 0, ran.err
    assert on_sqlite.version() == at


def test_a_target_may_be_the_beginning_of_an_id_but_no_ambiguous_one(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    books.revision("abcdef1", None)
    books.revision("abcxyz2", "abcdef1")

    ambiguous = migrator("upgrade", "abc", cwd=books.root, env=on_sqlite.env)
    assert ambiguous.code == 5
    assert "abc" in ambiguous.err
    assert migrator("upgrade", "abcd", cwd=books.root, env=on_sqlite.env).code == 0
    assert on_sqlite.version() == ["abcdef1"]


def test_a_target_may_be_a_label_at_its_head(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    books.revision("a1", None, branch_labels=("lending",))
    books.revision("a2", "a1")
    books.revision("b1", None, branch_labels=("buying",))

    def go(*args: str) -> Ran:
        return migrator(*args, cwd=books.root, env=on_sqlite.env)

    several = go("upgrade")
    assert several.code == 5
    assert "migrator merge" in several.err
    assert go("upgrade", "lending@head").code == 0
    assert on_sqlite.version() == ["a2"]
    assert go("upgrade", "heads").code == 0
    assert on_sqlite.version() == ["a2", "b1"]
    assert go("downgrade", "buying@base").code == 0
    assert on_sqlite.version() == ["a2"]
    assert go("downgrade", "lending@-1").code == 0
    assert on_sqlite.version() == ["a1"]


@pytest.mark.parametrize(
    "line",
    [
        "upgrade --dryrun",
        "upgrade --sqll",
        "upgrade -d",
        "upgrade --head",
        "upgrade --1",
        "upgrade -1x",
        "downgrade --dryrun",
        "downgrade --sqll",
        "downgrade -1 --confrim testing",
        "stamp --purg head",
        "generate --emtpy",
        "merge --branch-lable x",
        "current --check-head s",
        "history --indicate",
        "heads --resolve",
        "check --againts database",
        "show --verbos",
        "upgrade head base",
    ],
)
def test_a_mistyped_option_is_a_usage_error_and_never_a_target(
    go: Go, books: BooksProject, on_sqlite: AnyDatabase, line: str
) -> None:
    before = books.files()
    ran = go(*line.split())

    assert ran.code == 2
    assert ran.out == ""
    assert f"See: migrator {line.split()[0]} --help" in ran.err
    assert on_sqlite.tables() == []
    assert books.files() == before


@pytest.mark.parametrize("target", ["nowhere", "+9", "r9", "nolabel@head", "r1:r2", "-1"])
def test_an_upgrade_to_nowhere_is_refused_and_changes_nothing(
    go: Go, on_sqlite: AnyDatabase, target: str
) -> None:
    ran = go("upgrade", target)

    assert ran.code == (2 if ":" in target else 5), ran.err
    assert ran.err.count("error: ") == 1
    assert ran.err.count("hint: ") == 1
    assert on_sqlite.tables() in ([], ["alembic_version"])


def test_progress_goes_to_stderr_with_revision_message_and_seconds(go: Go) -> None:
    ran = go("upgrade")

    progress = [line for line in ran.err.splitlines() if line.startswith("upgrade ")]
    assert [re.sub(r"\d+\.\d\ds$", "SECONDS", line) for line in progress] == [
        "upgrade 1/3  r1  create authors  SECONDS",
        "upgrade 2/3  r2  create shelves  SECONDS",
        "upgrade 3/3  r3  create loans  SECONDS",
    ]
    assert re.fullmatch(r"upgraded testing: base -> r3 \(3 revisions, \d+\.\d\ds\)\n", ran.out)
    down = go("downgrade", "-1")
    assert re.search(r"^downgrade 1/1  r3  create loans  \d+\.\d\ds$", down.err, re.MULTILINE)
    assert re.fullmatch(r"downgraded testing: r3 -> r2 \(1 revision, \d+\.\d\ds\)\n", down.out)


def test_quiet_leaves_stderr_empty(go: Go) -> None:
    ran = go("upgrade", "-q")

    assert ran.err == ""
    assert ran.out.startswith("upgraded testing")


def test_a_database_that_is_there_already_is_told_so(go: Go) -> None:
    assert go("downgrade", "base").out == "testing is already at base: nothing to do\n"
    assert go("upgrade").code == 0

    again = go("upgrade")
    assert (again.code, again.out) == (0, "testing is already at head (r3): nothing to do\n")
    assert go("upgrade", "r3").out == "testing is already at r3: nothing to do\n"
    answer = json.loads(go("upgrade", "--json").out)
    assert (answer["status"], answer["data"]["applied"], answer["data"]["after"]) == ("success", [], ["r3"])


def test_json_tells_what_was_applied(go: Go) -> None:
    assert go("upgrade", "r1").code == 0

    ran = go("upgrade", "--json")

    answer = json.loads(ran.out)
    assert (answer["environment"], answer["status"], answer["errors"]) == ("testing", "success", [])
    data = answer["data"]
    assert (data["direction"], data["target"], data["before"], data["after"]) == (
        "upgrade",
        "head",
        ["r1"],
        ["r3"],
    )
    assert [(step["revision"], step["message"]) for step in data["applied"]] == [
        ("r2", "create shelves"),
        ("r3", "create loans"),
    ]
    assert all(step["seconds"] >= 0 for step in data["applied"])
    assert data["applied"][0]["path"] == "migrations/test/versions/r2_by_hand.py"
    assert (data["failed"], data["remaining"]) == (None, [])


@pytest.mark.slow
def test_the_sample_project_goes_up_and_down_with_both_drivers(
    migrator: Migrator, postgres_database: Database
) -> None:
    url = postgres_database.url
    assert migrator("upgrade", "--url", url).code == 0
    assert "payments" in postgres_database.tables()
    assert migrator("check", "--url", url.replace("://", "+psycopg://")).code == 0
    down = migrator("downgrade", "base", "--url", url.replace("://", "+psycopg://"))
    assert down.code == 0, down.err
    assert postgres_database.tables() == ["alembic_version"]
    types = "select typname from pg_type where typnamespace = 'public'::regnamespace and typtype = 'e'"
    assert postgres_database.query(types) == []


def test_a_file_without_downgrade_is_named_and_nothing_is_undone(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    path = books.revision("r1", None)
    path.write_text(path.read_text().partition("\ndef downgrade")[0])
    assert migrator("upgrade", cwd=books.root, env=on_sqlite.env).code == 0

    ran = migrator("downgrade", "base", cwd=books.root, env=on_sqlite.env)

    assert ran.code == 5
    assert "r1_by_hand.py has no function downgrade()" in ran.err
    assert on_sqlite.version() == ["r1"]
