"""Whose database it is: restored dumps, containers, databases that are shared; and questions that wait."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from migrator.database.embedded.binaries import wheel_binaries
from tests.conftest import Database, Ran
from tests.projects.shops import (
    OWNER,
    Shop,
    assert_no_password,
    entrusted,
)
from tests.terminal import at_terminal

Migrator = Callable[..., Ran]
TRANSACTIONS = "xact_start IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database()"


def by_dump(shop: Shop, into: Database, folder: Path) -> Shop:
    """Restore a dump of a database in an empty one."""
    file, copy, programs = folder / "production.dump", entrusted(into), wheel_binaries()
    for program, name, *options in (
        ("pg_dump", shop.database.name, "-Fc", f"--file={file}"),
        ("pg_restore", into.name, "--no-owner", f"--role={OWNER}", str(file)),
    ):
        where = [f"--host={into.host}", f"--port={into.port}", f"--username={into.user}", f"--dbname={name}"]
        env = {**os.environ, "PGPASSWORD": into.password}
        done = subprocess.run(
            [programs.program(program), *where, *options],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return copy


def by_template(shop: Shop, into: Database, _folder: Path) -> Shop:
    """Clone a database in place of an empty one."""
    names = {"copy": sql.Identifier(into.name), "of": sql.Identifier(shop.database.name)}
    with psycopg.connect(
        host=into.host, port=into.port, user=into.user, password=into.password, autocommit=True
    ) as connection:
        connection.execute(sql.SQL("DROP DATABASE {copy}").format(**names))
        connection.execute(sql.SQL("CREATE DATABASE {copy} TEMPLATE {of}").format(**names))
    return entrusted(into)


@pytest.mark.slow
@pytest.mark.parametrize("how", [by_dump, by_template], ids=["a restored dump", "a clone"])
def test_a_copy_of_production_under_staging_is_refused_until_it_is_marked_as_the_message_says(
    how: Callable[[Shop, Database, Path], Shop],
    shop: Shop,
    new_database: Callable[[], Database],
    run: Migrator,
    tmp_path: Path,
) -> None:
    assert run("upgrade", "bbb2", "--env", "production", env=shop.env).code == 0
    copy = how(shop, new_database(), tmp_path)
    before = copy.state()

    refused = run("upgrade", "--env", "staging", env=copy.env)

    assert refused.code == 4
    assert f"{copy.database.name} is a copy of production (marked in {shop.database.name}" in refused.err
    assert copy.state() == before
    _, _, command = refused.err.strip().rpartition("database: ")
    assert command == f"migrator mark --confirm {copy.database.name} --env staging"
    marked = run(*shlex.split(command)[1:], env=copy.env)
    assert (marked.code, copy.mark()) == (0, "staging"), marked.err
    upgraded = run("upgrade", "--env", "staging", env=copy.env)
    assert (upgraded.code, copy.revisions()) == (0, ["ccc3"]), upgraded.err
    # The copy is not production's any more, and production is what it was.
    assert run("upgrade", "--env", "production", env=copy.env).code == 4
    assert (shop.mark(), shop.revisions()) == ("production", ["bbb2"])


def test_a_copy_is_not_even_production_s_own(
    shop: Shop, new_database: Callable[[], Database], run: Migrator, tmp_path: Path
) -> None:
    assert run("upgrade", "bbb2", "--env", "production", env=shop.env).code == 0
    copy = by_template(shop, new_database(), tmp_path)

    refused = run("upgrade", "--env", "production", env=copy.env)

    assert (refused.code, copy.revisions()) == (4, ["bbb2"])
    assert "is a copy of production" in refused.err


def test_a_refusal_with_url_says_a_command_that_names_no_password(shop: Shop, run: Migrator) -> None:
    assert run("upgrade", "bbb2", "--env", "production", env=shop.env).code == 0

    refused = run("upgrade", "--env", "staging", "--url", shop.env["DATABASE_URL"], env={})

    assert refused.code == 4
    assert f"--confirm {shop.database.name} --env staging --url URL --force" in refused.err


@pytest.mark.parametrize("before", ["empty", "adopted"])
def test_a_container_that_names_its_environment_goes_ahead(before: str, shop: Shop, run: Migrator) -> None:
    """It has only DATABASE_URL, and the files of all environments."""
    if before == "adopted":
        shop.query("CREATE TABLE customers (id integer PRIMARY KEY)")
        shop.query("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        shop.query("INSERT INTO alembic_version VALUES ('aaa1')")

    ran = run("upgrade", env={**shop.env, "ALEMBIC_ENV": "production"})

    assert ran.code == 0, ran.err
    assert (shop.mark(), shop.revisions()) == ("production", ["ccc3"])
    adopted = shop.query("SELECT revision FROM _migrator.log WHERE direction = 'adopted'")
    assert adopted == ([("aaa1",)] if before == "adopted" else [])
    assert run("upgrade", env=shop.env).code == 4, "without its variable it would be testing"


def test_a_container_that_forgot_to_name_it_is_refused_where_there_is_something_to_lose(
    shop: Shop, run: Migrator
) -> None:
    shop.query("CREATE TABLE customers (id integer PRIMARY KEY)")
    before = shop.state()

    for command in ("upgrade", "stamp head", "ensure-version", "downgrade base"):
        ran = run(*command.split(), env=shop.env)
        assert ran.code == 4, f"{command}: {ran.err}"
        assert "nothing says that it belongs to testing" in ran.err
        assert "add --env testing" in ran.err
        assert shop.state() == before
    assert run("current", env=shop.env).code == 0
    assert run("upgrade", "--dry-run", env=shop.env).code == 4


def test_a_container_that_forgot_to_name_it_marks_an_empty_database_as_testing(
    shop: Shop, run: Migrator
) -> None:
    ran = run("upgrade", env=shop.env)

    assert (ran.code, shop.mark(), shop.revisions()) == (0, "testing", ["ccc3"]), ran.err


@pytest.mark.parametrize("source", ["its own variable", "its own .env", "its ini"])
def test_a_url_from_a_source_of_its_own_names_the_environment(
    source: str, shop: Shop, project: Path, run: Migrator
) -> None:
    shop.query("CREATE TABLE customers (id integer PRIMARY KEY)")
    shop.query("CREATE TABLE alembic_version AS SELECT 'aaa1' AS version_num")
    env = {}
    if source == "its own variable":
        env = {"TESTING_DATABASE_URL": shop.env["DATABASE_URL"]}
    elif source == "its own .env":
        (project / ".env.testing").write_text(f"DATABASE_URL='{shop.env['DATABASE_URL']}'\n")
    else:
        url = shop.env["DATABASE_URL"].replace("%", "%%")
        ini = project / "configs" / "alembic_test.ini"
        ini.write_text(ini.read_text().replace("[migrator]", f"sqlalchemy.url = {url}\n\n[migrator]"))

    ran = run("upgrade", env=env)

    assert (ran.code, shop.mark()) == (0, "testing"), ran.err


@pytest.mark.parametrize(("allowing", "allowed"), [("staging", "testing"), ("test", "staging")])
def test_environments_that_share_a_database_may_both_use_it(
    allowing: str, allowed: str, shop: Shop, project: Path, run: Migrator
) -> None:
    """It is enough that one of the two says so."""
    ini = project / "configs" / f"alembic_{allowing}.ini"
    ini.write_text(ini.read_text() + f"shares_database_with = {allowed}\n")
    assert run("upgrade", "bbb2", "--env", "testing", env=shop.env).code == 0

    shared = run("upgrade", "--env", "staging", env=shop.env)

    assert (shared.code, shop.mark(), shop.revisions()) == (0, "testing", ["ccc3"]), shared.err
    assert run("upgrade", "--env", "production", env=shop.env).code == 4


@dataclass
class LookFirst:
    """Looks at the database, again and again, while the command waits for an answer."""

    database: Database
    looks: int = 0

    def __call__(self) -> None:
        with self.database.connect() as connection:
            for _ in range(20):
                transactions = connection.execute(
                    f"SELECT pid, state, query FROM pg_stat_activity WHERE {TRANSACTIONS}".encode()
                ).fetchall()
                locks = connection.execute(
                    "SELECT pid, locktype, relation FROM pg_locks WHERE pid <> pg_backend_pid()"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                ).fetchall()
                assert (transactions, locks) == ([], [])
                self.looks += 1


class Answer(str):
    """What is typed as soon as the question is on the screen, once somebody has looked."""

    look: Callable[[], None]

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Look, and give what is typed."""
        self.look()
        return super().encode(encoding, errors)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "question", "typed"),
    [("upgrade", "[y/N] ", "y\n"), ("downgrade -1", "type production: ", "production\n")],
)
def test_nothing_is_open_and_nothing_is_locked_while_a_question_waits(
    command: str, question: str, typed: str, project: Path, postgres_database: Database, run: Migrator
) -> None:
    shop = entrusted(postgres_database)
    assert run("upgrade", "bbb2", "--env", "production", env=shop.env).code == 0
    answer, look = Answer(typed), LookFirst(postgres_database)
    answer.look = look

    shown = at_terminal(
        ["migrator", *command.split(), "--env", "production"], project, shop.env, answer=(question, answer)
    )

    assert (shown.code, look.looks) == (0, 20), shown.text
    assert_no_password(shown.text)


def test_what_came_in_while_the_question_waited_is_asked_about_again(
    project: Path, shop: Shop, run: Migrator
) -> None:
    assert run("upgrade", "--env", "production", env=shop.env).code == 0
    answer = Answer("production\nno\n")

    def another_run() -> None:
        down = ["downgrade", "aaa1", "--env", "production", "--confirm", "production"]
        assert run(*down, env=shop.env).code == 0

    answer.look = another_run

    shown = at_terminal(
        ["migrator", "downgrade", "-1", "--env", "production"],
        project,
        shop.env,
        answer=("type production: ", answer),
    )

    # It was agreed to take back ccc3, but now it would be aaa1.
    assert (shown.code, shop.revisions()) == (4, ["aaa1"]), shown.text
    assert shown.text.count("type production: ") == 2
    assert "destroys: DROP TABLE customers" in shown.text
