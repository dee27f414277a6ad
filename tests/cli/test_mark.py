"""`mark` says whose database it is, and accepts files; a database from before migrator is adopted."""

from __future__ import annotations

import contextlib
import json
import shlex
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Database, Ran
from tests.projects.shops import Shop, write_shop_revisions
from tests.projects.small import revision_text, versions
from tests.slow import first_is_fast

Migrator = Callable[..., Ran]
LOG = "SELECT environment, version_table, revision, down_revision, direction, hash IS NULL FROM _migrator.log"


def confirm(shop: Shop) -> list[str]:
    """Give the option that names the database."""
    return ["--confirm", shop.database.name]


def test_marking_says_whose_it_is_and_marking_again_does_nothing(shop: Shop, run: Migrator) -> None:
    first = run("mark", "--env", "staging", *confirm(shop), env=shop.env)
    before = shop.state()
    again = run("mark", "--env", "staging", *confirm(shop), env=shop.env)

    assert (first.code, first.out) == (0, f"marked {shop.database.name} as the database of staging\n")
    assert (again.code, again.out) == (
        0,
        f"{shop.database.name} is marked for staging already: nothing to do\n",
    )
    assert shop.mark() == "staging"
    assert shop.state() == before
    assert shop.query(LOG) == [("staging", "public.alembic_version", None, None, "mark", True)]
    # It is not migrated by that.
    assert sorted(before) == ["_migrator.log", "_migrator.mark"]


def test_the_mark_says_where_and_by_whom_it_was_written(shop: Shop, run: Migrator) -> None:
    assert run("mark", "--env", "staging", *confirm(shop), env=shop.env).code == 0

    (row,) = shop.query(
        "SELECT m.system_identifier = c.system_identifier::text, database = current_database(),"
        " now() - marked_at < interval '1 minute', user_name <> '', host <> '', migrator_version <> ''"
        " FROM _migrator.mark m, pg_control_system() c"
    )

    assert row == (True,) * 6


def test_json_says_what_was_done(shop: Shop, run: Migrator) -> None:
    data = [
        json.loads(run("mark", "--json", "--env", "staging", *confirm(shop), env=shop.env).out)["data"]
        for _ in range(2)
    ]

    expected = {"environment": "staging", "database": shop.database.name, "accepted": None}
    assert data == [{**expected, "changed": True}, {**expected, "changed": False}]


@pytest.mark.parametrize("said", [None, "staging", "", "THE-NAME-IN-CAPITALS"])
def test_without_the_database_s_own_name_it_is_refused(said: str | None, shop: Shop, run: Migrator) -> None:
    given = shop.database.name.upper() if said == "THE-NAME-IN-CAPITALS" else said
    options = [] if given is None else ["--confirm", given]

    for force in ([], ["--force"]):
        ran = run("mark", "--env", "staging", *options, *force, env=shop.env)

        assert (ran.code, ran.out) == (4, "")
        assert ran.err.endswith(f"hint: Add --confirm {shop.database.name}\n")
        assert shop.state() == {}


def test_the_very_database_of_another_environment_is_only_taken_over_by_force(
    shop: Shop, run: Migrator
) -> None:
    assert run("upgrade", "--env", "production", env=shop.env).code == 0
    before = shop.state()

    refused = run("upgrade", "--env", "staging", env=shop.env)
    unforced = run("mark", "--env", "staging", *confirm(shop), env=shop.env)

    assert (refused.code, unforced.code) == (4, 4)
    assert "is the very one that was marked for production" in unforced.err
    assert shop.state() == before
    # What the refusal says is what takes it over.
    command = shlex.split(refused.err.rpartition("changed hands: ")[2])
    assert command[-1] == "--force"
    assert run(*command[1:], env=shop.env).code == 0
    assert shop.mark() == "staging"
    assert run("upgrade", "--env", "staging", env=shop.env).code == 0
    assert run("upgrade", "--env", "production", env=shop.env).code == 4


def test_a_copy_needs_no_force(shop: Shop, run: Migrator) -> None:
    assert run("upgrade", "--env", "production", env=shop.env).code == 0
    shop.query("UPDATE _migrator.mark SET system_identifier = '1'")

    ran = run("mark", "--env", "staging", *confirm(shop), env=shop.env)

    assert (ran.code, shop.mark()) == (0, "staging"), ran.err
    assert run("upgrade", "--env", "staging", env=shop.env).code == 0


@pytest.mark.parametrize("path", ["relative", "absolute"])
def test_the_same_works_for_an_sqlite_file_by_the_command_that_the_refusal_says(
    path: str, project: Path, run: Migrator
) -> None:
    env = {"DATABASE_URL": f"sqlite:///{'shop.db' if path == 'relative' else project / 'shop.db'}"}
    assert run("upgrade", "--env", "production", env=env).code == 0

    refused = run("upgrade", "--env", "staging", env=env)

    assert refused.code == 4
    command = shlex.split(refused.err.rpartition("changed hands: ")[2])
    marked = run(*command[1:], env=env)
    assert marked.code == 0, marked.err
    assert run("upgrade", "--env", "staging", env=env).code == 0
    assert rows(project / "shop.db", "SELECT environment FROM migrator_mark") == [("staging",)]


def rows(file: Path, statement: str) -> list[tuple[object, ...]]:
    """Ask an SQLite file."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return connection.execute(statement).fetchall()


def test_a_plain_configuration_has_no_mark(tmp_path: Path, shop: Shop, run: Migrator) -> None:
    root = tmp_path / "plain"
    (root / "migrations" / "versions").mkdir(parents=True)
    write_shop_revisions(root / "migrations" / "versions")
    (root / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")

    ran = run("mark", "--config", "alembic.ini", *confirm(shop), env=shop.env, cwd=root)

    assert ran.code == 2
    assert "A plain Alembic configuration has no marks." in ran.err
    assert "[migrator]" in ran.err


@pytest.mark.parametrize("option", ["--accept=aaa1", "--accept-all"])
def test_marking_and_accepting_do_not_go_together(option: str, shop: Shop, run: Migrator) -> None:
    for other in (confirm(shop), ["--force"]):
        ran = run("mark", "--env", "staging", option, *other, env=shop.env)
        assert (ran.code, shop.state()) == (2, {})


def test_a_role_that_may_make_no_schema_marks_beside_the_version_table(
    bare_role: Shop, run: Migrator
) -> None:
    marked = run("mark", "--env", "staging", *confirm(bare_role), env=bare_role.env)
    again = run("mark", "--env", "staging", *confirm(bare_role), env=bare_role.env)
    upgraded = run("upgrade", "--env", "staging", env=bare_role.env)
    refused = run("upgrade", "--env", "production", env=bare_role.env)

    assert [ran.code for ran in (marked, again, upgraded, refused)] == [0, 0, 0, 4], marked.err
    assert "already" in again.out
    assert bare_role.query("SELECT environment FROM public.migrator_mark") == [("staging",)]
    assert [name for name in bare_role.state() if "migrator" in name] == [
        "public.migrator_log",
        "public.migrator_mark",
    ]


def test_a_role_that_may_make_nothing_is_told_what_to_grant(
    bare_role: Shop, postgres_database: Database, run: Migrator
) -> None:
    postgres_database.query(f"REVOKE CREATE ON SCHEMA public FROM {bare_role.database.user}")

    ran = run("mark", "--env", "staging", *confirm(bare_role), env=bare_role.env)

    assert (ran.code, bare_role.state()) == (4, {})
    name, role = bare_role.database.name, bare_role.database.user
    assert f"GRANT CREATE ON DATABASE {name} TO {role}" in ran.err


@pytest.mark.slow
@pytest.mark.parametrize("command", first_is_fast(["upgrade", "stamp bbb2", "mark", "upgrade bbb2"]))
def test_a_database_of_plain_alembic_is_adopted_with_its_present_revision(
    command: str, shop: Shop, project: Path, run: Migrator, shell: Callable[..., Ran]
) -> None:
    alembic = ["alembic", "-c", "configs/alembic_staging.ini", "upgrade", "bbb2"]
    assert shell(alembic, cwd=project, env=shop.env).code == 0
    assert sorted(shop.state()) == ["public.alembic_version", "public.customers", "public.orders"]
    words = [*command.split(), *(confirm(shop) if command == "mark" else [])]

    ran = run(*words, "--env", "staging", env=shop.env)

    assert ran.code == 0, ran.err
    assert shop.mark() == "staging"
    logged = shop.query(f"{LOG} ORDER BY id")
    assert logged[0] == ("staging", "public.alembic_version", "bbb2", "aaa1", "adopted", False)
    after = {"upgrade": ["upgrade"], "mark": ["mark"]}.get(command, [])
    assert [row[4] for row in logged[1:]] == after
    # Once is enough.
    assert run("upgrade", "--env", "staging", env=shop.env).code == 0
    assert [row[4] for row in shop.query(LOG)].count("adopted") == 1


def edit(project: Path, suffix: str, revision: str) -> None:
    """Change what a revision does."""
    path = versions(project, suffix) / f"{revision}.py"
    path.write_text(path.read_text().replace("(id integer PRIMARY KEY)", "(id bigint PRIMARY KEY)"))


def test_accepting_takes_files_as_they_are(shop: Shop, project: Path, run: Migrator) -> None:
    assert run("upgrade", "bbb2", "--env", "production", env=shop.env).code == 0
    edit(project, "online", "aaa1")
    edit(project, "online", "bbb2")

    one = run("mark", "--env", "production", "--accept", "aaa", env=shop.env)
    still = run("upgrade", "--env", "production", env=shop.env)
    rest = run("mark", "--env", "production", "--accept-all", env=shop.env)

    assert (one.code, one.out) == (0, "accepted aaa1\n")
    assert still.code == 4
    assert "Edited after they had been applied: bbb2." in still.err
    assert (rest.code, rest.out) == (0, "accepted bbb2\n")
    accepted = shop.query(
        "SELECT revision, direction, duration_ms FROM _migrator.log WHERE direction = 'mark'"
    )
    assert accepted == [("aaa1", "mark", None), ("bbb2", "mark", None)]
    assert run("upgrade", "--env", "production", env=shop.env).code == 0


@pytest.mark.parametrize("option", ["--accept=aaa1", "--accept-all"])
def test_accepting_what_was_not_edited_changes_nothing(option: str, shop: Shop, run: Migrator) -> None:
    assert run("upgrade", "--env", "production", env=shop.env).code == 0
    before = shop.state()

    ran = run("mark", "--env", "production", option, env=shop.env)

    assert (ran.code, shop.state()) == (0, before)
    assert "accepted" not in ran.out
    # It was not asked whose the database is.
    assert "is marked for" not in ran.out


def test_what_is_not_applied_or_not_there_cannot_be_accepted(
    shop: Shop, project: Path, run: Migrator
) -> None:
    assert run("upgrade", "bbb2", "--env", "production", env=shop.env).code == 0
    (versions(project, "online") / "more.py").write_text(revision_text("ddd4", "ccc3"))
    before = shop.state()

    for revision, words in (("ccc3", "ccc3 is not applied"), ("ddd4", "ddd4 is not applied"), ("zzz", "zzz")):
        ran = run("mark", "--env", "production", "--accept", revision, env=shop.env)
        assert (ran.code, shop.state()) == (5, before)
        assert words in ran.err


def test_accepting_is_refused_in_another_environment_s_database(shop: Shop, run: Migrator) -> None:
    assert run("upgrade", "--env", "production", env=shop.env).code == 0
    before = shop.state()

    ran = run("mark", "--env", "staging", "--accept-all", env=shop.env)

    assert (ran.code, shop.state()) == (4, before)
