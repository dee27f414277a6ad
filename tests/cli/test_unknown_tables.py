"""A database that holds tables of nobody knows whom is not migrated, until somebody says whose it is."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_fleet import upgrade
from tests.conftest import Database, Ran
from tests.projects.books import AnyDatabase, BooksProject
from tests.projects.fleet import make_fleet
from tests.projects.shops import TABLES, Shop
from tests.projects.small import versions, write_project, write_revision

Migrator = Callable[..., Ran]
LEGACY = "CREATE TABLE legacy (id integer PRIMARY KEY)"
PRODUCTION = ("--env", "production")


def command_in(hint: str, word: str) -> list[str]:
    """Give the command of a hint that begins with `migrator WORD`, without its program."""
    _, _, rest = hint.partition(f"migrator {word}")
    return [word, *shlex.split(rest.partition(". If")[0])]


@pytest.mark.parametrize(
    "command",
    ["upgrade", "upgrade --dry-run", "upgrade +1", "downgrade base --confirm production", "ensure-version"],
)
def test_it_is_refused_with_three_ways_on_and_left_as_it_is(command: str, shop: Shop, run: Migrator) -> None:
    shop.query(LEGACY)
    shop.query("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    before = shop.state()

    ran = run(*command.split(), *PRODUCTION, "--url", shop.env["DATABASE_URL"], env={})

    assert (ran.code, shop.state()) == (4, before), ran.err
    assert f"The database {shop.database.name} has tables (legacy), but no revision" in ran.err
    where = "--env production --url URL"
    assert f"migrator stamp head --confirm production {where}" in ran.err
    assert "exclude_tables" in ran.err
    assert f"migrator mark --confirm {shop.database.name} {where}" in ran.err
    assert "If it is another's: correct --url" in ran.err


def test_status_and_doctor_say_the_same(shop: Shop, run: Migrator) -> None:
    shop.query(LEGACY)
    shop.query("CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE VIEW c AS SELECT 1 AS one")

    status = run("status", "--json", *PRODUCTION, env=shop.env)
    doctor = run("doctor", *PRODUCTION, env=shop.env)

    (told,) = json.loads(status.out)["data"]["environments"]
    assert (status.code, told["state"], told["reachable"]) == (1, "wrong", True)
    assert "has tables (a, b, c and 1 more), but no revision" in told["error"]
    assert "migrator stamp head --confirm production" in told["hint"]
    assert doctor.code == 1
    (problem,) = [line for line in doctor.out.splitlines() if line.startswith("problem")]
    assert "mark\tthe database" in problem.lower()
    assert "migrator mark --confirm" in problem
    assert "at base" not in doctor.out


def test_each_way_that_the_refusal_names_leads_on(shop: Shop, run: Migrator) -> None:
    for table in TABLES.values():
        shop.query(f"CREATE TABLE {table} (id integer PRIMARY KEY)")
    refused = run("upgrade", "--env", "staging", env=shop.env)

    stamped = run(*command_in(refused.err, "stamp"), env=shop.env)

    assert (stamped.code, shop.revisions(), shop.mark()) == (0, ["ccc3"], "staging"), stamped.err
    assert run("upgrade", "--env", "staging", env=shop.env).code == 0
    # It is ours from now on, also where no revision is left in it.
    assert run("stamp", "base", "--env", "staging", env=shop.env).code == 0
    for table in TABLES.values():
        shop.query(f"DROP TABLE {table}")
    shop.query(LEGACY)
    assert run("upgrade", "--env", "staging", env=shop.env).code == 0


def test_a_mark_or_the_names_of_the_others_tables_let_the_first_upgrade_in(
    shop: Shop, new_database: Callable[[], Database], project: Path, run: Migrator
) -> None:
    shop.query(LEGACY)
    refused = run("upgrade", "--env", "staging", env=shop.env)
    marked = run(*command_in(refused.err, "mark"), env=shop.env)
    upgraded = run("upgrade", "--env", "staging", env=shop.env)
    assert (marked.code, upgraded.code, shop.revisions()) == (0, 0, ["ccc3"]), marked.err + upgraded.err

    other = new_database()
    other.query("CREATE SCHEMA audit; CREATE TABLE audit.rows (id int); CREATE TABLE django_site (id int)")
    ini = project / "configs" / "alembic_staging.ini"
    for excluded, code in (("django_*", 4), ("django_*, audit.*", 0)):
        kept = ini.read_text()
        ini.write_text(f"{kept}exclude_tables = {excluded}\n")
        ran = run("upgrade", "--env", "staging", env={"DATABASE_URL": other.url})
        assert ran.code == code, ran.err
        ini.write_text(kept)


def test_what_belongs_to_an_extension_or_is_empty_or_migrators_own_is_no_strangers(
    postgres_database: Database, shop: Shop, run: Migrator
) -> None:
    postgres_database.query("CREATE TABLE of_extension (id int)")
    postgres_database.query("CREATE EXTENSION vector")
    postgres_database.query("ALTER EXTENSION vector ADD TABLE of_extension")
    shop.query("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    shop.query("CREATE TYPE kind AS (one int); CREATE SEQUENCE numbers; CREATE SCHEMA other")

    assert run("upgrade", "--env", "staging", env=shop.env).code == 0
    down = run("downgrade", "base", "--env", "staging", env=shop.env)
    assert (down.code, shop.revisions()) == (0, []), down.err
    assert run("upgrade", "--env", "staging", env=shop.env).code == 0


def test_stamping_base_does_not_make_it_ours(shop: Shop, run: Migrator) -> None:
    shop.query(LEGACY)

    ran = run("stamp", "base", "--env", "staging", env=shop.env)

    assert (ran.code, sorted(shop.state())) == (4, ["public.legacy"]), ran.err


@pytest.mark.parametrize("driver", ["sqlite", "sqlite+aiosqlite"])
def test_an_sqlite_file_of_somebodys_is_refused_likewise(driver: str, project: Path, run: Migrator) -> None:
    file = AnyDatabase(f"{driver}:///{project / 'it.db'}", f"sqlite:///{project / 'it.db'}")
    file.query(LEGACY)

    refused = run("upgrade", "--env", "staging", env={"DATABASE_URL": file.url})

    assert (refused.code, file.tables()) == (4, ["legacy"]), refused.err
    assert "it.db has tables (legacy)" in refused.err
    marked = run(*command_in(refused.err, "mark"), env={"DATABASE_URL": file.url})
    assert marked.code == 0, marked.err
    assert run("upgrade", "--env", "staging", env={"DATABASE_URL": file.url}).code == 0


def test_a_plain_project_keeps_alembics_rules(
    migrator: Migrator, tmp_path: Path, postgres_database: Database
) -> None:
    root = write_project(tmp_path / "plain")
    write_revision(versions(root), "first")
    ini = root / "configs" / "alembic_test.ini"
    ini.write_text(ini.read_text().replace("[migrator]", ""))
    url = postgres_database.url.replace("postgresql", "postgresql+psycopg")
    (root / "migrations" / "env.py").write_text(
        "from alembic import context\nfrom sqlalchemy import create_engine\n"
        f"with create_engine({url!r}).connect() as it:\n"
        "    context.configure(it)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )
    postgres_database.query(LEGACY)

    ran = migrator("upgrade", "--config", str(ini), cwd=root)

    assert ran.code == 0, ran.err


@pytest.mark.slow
def test_a_tenants_schema_with_unknown_tables_is_refused_and_the_others_go_on(
    tmp_path: Path, postgres_database: Database, migrator: Migrator
) -> None:
    fleet = make_fleet(tmp_path / "a fleet", postgres_database, migrator)
    fleet.add("acme", "globex", "initech")
    fleet.run("upgrade", "--env", "testing", "--tenants", "acme")
    fleet.database.query("CREATE TABLE globex.theirs (id integer)")

    refused = fleet.answers(*upgrade("--keep-going", "--jobs", "1"), code=4)

    assert [refused[name]["code"] for name in ("acme", "globex", "initech")] == [0, 4, 0]
    assert "The schema globex of the database" in refused["globex"]["error"]
    assert fleet.heads() == {"acme": "r2", "initech": "r2"}
    mark = command_in(refused["globex"]["hint"], "mark")
    assert mark == ["mark", "--confirm", "testing", "--env", "testing", "--tenants", "globex"]
    fleet.run(*mark)
    fleet.run(*upgrade("--jobs", "1"))
    assert fleet.heads() == {"acme": "r2", "globex": "r2", "initech": "r2"}


def test_a_first_revision_that_failed_half_way_may_be_run_again(
    books: BooksProject, migrator: Migrator, on_postgresql: AnyDatabase
) -> None:
    create = "op.execute('CREATE TABLE IF NOT EXISTS stays (id int)')"
    body = f"with op.get_context().autocommit_block():\n    {create}\n"
    path = books.revision("r1", None, body + "op.execute('SELECT 1 / 0')")

    failed = migrator("upgrade", cwd=books.root, env=on_postgresql.env)
    assert (failed.code, on_postgresql.tables()) == (7, ["alembic_version", "stays"]), failed.err
    path.write_text(path.read_text().replace("1 / 0", "1"))

    ran = migrator("upgrade", cwd=books.root, env=on_postgresql.env)
    assert ran.code == 0, ran.err


MAKE = "import os, psycopg; c = psycopg.connect(os.environ['DATABASE_URL'].replace('+asyncpg', '')); "


@pytest.mark.slow
def test_the_embedded_database_is_ours_whatever_it_holds(migrator: Migrator, tmp_path: Path) -> None:
    root = write_project(tmp_path / "p", settings="database = embedded")
    write_revision(versions(root), "one1")
    code = f"{MAKE}c.execute({LEGACY!r}); c.commit()"
    made = migrator("run", "--", sys.executable, "-c", code, cwd=root)
    assert made.code == 0, made.err

    ran = migrator("upgrade", cwd=root)

    assert ran.code == 0, ran.err
