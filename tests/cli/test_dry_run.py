"""`--dry-run` shows the plan of an upgrade, a downgrade or a stamp, and changes nothing at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.projects.shops import (
    Shop,
    assert_no_password,
)
from tests.projects.small import revision_text, tree, versions
from tests.terminal import at_terminal

Migrator = Callable[..., Ran]
ENVIRONMENTS = ("staging", "production")


@pytest.fixture(autouse=True)
def _fourth_revision(project: Path) -> None:
    """Add a revision that destroys data to staging and production."""
    up = (
        'op.drop_table("parcels")\nop.drop_column("customers", "id")\n'
        'op.execute("DELETE FROM orders")\nop.execute("CREATE TABLE bills (id integer)")'
    )
    for suffix in ("online", "staging"):
        text = revision_text("ddd4", "ccc3", up, 'op.execute("DROP TABLE bills")')
        (versions(project, suffix) / "ddd4.py").write_text(text)


def at(shop: Shop, revision: str, environment: str, run: Migrator) -> None:
    """Bring a database to a revision."""
    assert run("upgrade", revision, "--env", environment, env=shop.env).code == 0


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_plan_says_what_would_be_done_and_what_goes_with_it(
    environment: str, shop: Shop, run: Migrator
) -> None:
    at(shop, "bbb2", environment, run)

    ran = run("upgrade", "--dry-run", "--env", environment, env=shop.env)

    first, *rest = ran.out.splitlines()
    assert (ran.code, first.endswith(" from bbb2: 2 revisions")) == (0, True), ran.out
    assert f"/{shop.database.name}" in first
    assert rest == [
        "  ccc3 message of ccc3",
        "  ddd4 message of ddd4",
        "    destroys: drop table parcels",
        "    destroys: drop column customers.id",
        "    destroys: DELETE FROM orders",
        *(line for line in rest if environment == "production" and line.startswith("note: The upgrade of")),
    ]
    assert (len(rest) == 6) == (environment == "production")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize(
    ("command", "revisions"),
    [
        ("upgrade", ["ccc3", "ddd4"]),
        ("upgrade +1", ["ccc3"]),
        ("downgrade -1", ["bbb2"]),
        ("downgrade base", ["bbb2", "aaa1"]),
        ("stamp ddd4", ["ddd4"]),
        ("stamp base", None),
    ],
)
def test_nothing_changes_and_nobody_has_to_consent(
    command: str,
    revisions: list[str] | None,
    environment: str,
    shop: Shop,
    project: Path,
    run: Migrator,
) -> None:
    at(shop, "bbb2", environment, run)
    database, files = shop.state(), tree(project)

    plain = run(*command.split(), "--dry-run", "--env", environment, env=shop.env)
    as_json = run(*command.split(), "--dry-run", "--json", "--env", environment, env=shop.env)

    assert (plain.code, as_json.code) == (0, 0), plain.err
    data = json.loads(as_json.out)["data"]
    assert (data["direction"], data["target"]) == tuple(command.split())[:2] or command == "upgrade"
    assert (data["before"], data["database"].endswith(f"/{shop.database.name}")) == (["bbb2"], True)
    if revisions is not None:
        assert [step["revision"] for step in data["steps"]] == revisions
        shown = [
            line.split()[0] for line in plain.out.splitlines() if line.startswith("  ") and line[2] != " "
        ]
        assert shown == revisions
    assert len(data["steps"]) >= 1
    assert (shop.state(), tree(project)) == (database, files)


def test_json_says_what_would_be_destroyed_by_each_step(shop: Shop, run: Migrator) -> None:
    at(shop, "ccc3", "production", run)

    def destroyed(*words: str) -> list[tuple[str, list[str], object]]:
        ran = run(*words, "--dry-run", "--json", "--env", "production", env=shop.env)
        steps = json.loads(ran.out)["data"]["steps"]
        return [(step["revision"], step["destroys"], step["seconds"]) for step in steps]

    losses = ["drop table parcels", "drop column customers.id", "DELETE FROM orders"]
    assert destroyed("upgrade") == [("ddd4", losses, None)]
    assert destroyed("downgrade", "-2") == [
        ("ccc3", ["DROP TABLE parcels"], None),
        ("bbb2", ["DROP TABLE orders"], None),
    ]


def test_nothing_to_do_is_said(shop: Shop, run: Migrator) -> None:
    at(shop, "ccc3", "staging", run)

    plain = run("upgrade", "ccc3", "--dry-run", "--env", "staging", env=shop.env)
    as_json = run("upgrade", "ccc3", "--dry-run", "--json", "--env", "staging", env=shop.env)

    assert (plain.code, as_json.code) == (0, 0)
    assert "nothing to do, it is at ccc3" in plain.out
    assert json.loads(as_json.out)["data"]["steps"] == []


@pytest.mark.parametrize("command", ["upgrade", "stamp head"])
def test_an_untouched_database_stays_so(command: str, shop: Shop, run: Migrator) -> None:
    ran = run(*command.split(), "--dry-run", "--env", "production", env=shop.env)

    assert (ran.code, shop.state()) == (0, {})
    assert " from base: " in ran.out


def test_a_database_without_a_mark_is_not_adopted_by_a_plan(shop: Shop, run: Migrator) -> None:
    shop.query("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    shop.query("INSERT INTO alembic_version VALUES ('aaa1')")
    before = shop.state()

    for target in ("head", "aaa1"):
        ran = run("upgrade", target, "--dry-run", "--env", "production", env=shop.env)
        assert (ran.code, shop.state()) == (0, before)


@pytest.mark.parametrize("command", ["upgrade", "stamp head"])
@pytest.mark.parametrize("driver", ["sqlite", "sqlite+aiosqlite"])
def test_no_sqlite_file_is_made(driver: str, command: str, project: Path, run: Migrator) -> None:
    before = tree(project)

    ran = run(*command.split(), "--dry-run", "--env", "staging", env={"DATABASE_URL": f"{driver}:///shop.db"})

    assert tree(project) == before
    assert not (project / ".migrator").exists()
    assert ran.code == 0, ran.err
    assert " from base: " in ran.out


def test_an_sqlite_file_is_neither_changed_nor_copied(project: Path, run: Migrator) -> None:
    env = {"DATABASE_URL": "sqlite:///shop.db"}
    assert run("upgrade", "bbb2", "--no-backup", "--env", "production", env=env).code == 0
    before = tree(project)

    for command in ("upgrade ccc3", "downgrade -1", "stamp base"):
        ran = run(*command.split(), "--dry-run", "--env", "production", env=env)
        assert (ran.code, tree(project)) == (0, before), ran.err


def test_what_is_refused_or_wrong_is_so_in_a_plan_too(shop: Shop, run: Migrator) -> None:
    at(shop, "bbb2", "production", run)
    before = shop.state()

    for words, code in (
        (["upgrade", "--env", "staging"], 4),
        (["upgrade", "zzz", "--env", "production"], 5),
        (["downgrade", "-7", "--env", "production"], 5),
        (["stamp", "zzz", "--env", "production"], 5),
    ):
        ran = run(*words, "--dry-run", env=shop.env)
        assert (ran.code, shop.state()) == (code, before), ran.err


@pytest.mark.slow
def test_at_a_terminal_nobody_is_asked(shop: Shop, project: Path, run: Migrator) -> None:
    at(shop, "ccc3", "production", run)
    before = shop.state()

    for command in ("upgrade", "downgrade -1"):
        words = ["migrator", *command.split(), "--dry-run", "--env", "production"]
        shown = at_terminal(words, project, shop.env)
        assert (shown.code, shop.state()) == (0, before), shown.text
        assert "destroys: " in shown.text
        assert "[y/N]" not in shown.text
        assert_no_password(shown.text)
