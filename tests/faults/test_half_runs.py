"""Runs that env.py, another process or an earlier revision has cut in two: each ends with the truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Database, Ran
from tests.projects.small import versions, write_project, write_revision

Migrator = Callable[..., Ran]

SETTINGS = "lock_timeout = 300ms\nretries = 3\nexclude_tables = held"
ONE_OF_TWO = """
import sqlalchemy as sa
from alembic import context
from pathlib import Path

looked = Path("looked").exists()
Path("looked").touch()
for name in ("one.db", "two.db"):
    if looked and name == "two.db":
        continue
    with sa.create_engine(f"sqlite:///{name}", poolclass=sa.NullPool).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""
HIDES_ALL = """
import sqlalchemy as sa
from alembic import context

with sa.create_engine("sqlite:///data.db", poolclass=sa.NullPool).connect() as connection:
    context.configure(connection=connection)
    try:
        with context.begin_transaction():
            context.run_migrations()
    except Exception as error:
        print("never mind", error)
"""


def foreign(root: Path, env_py: str, *revisions: tuple[str, str | None, str]) -> Path:
    """Write a plain Alembic project with an env.py of its own."""
    (root / "migrations" / "versions").mkdir(parents=True)
    (root / "migrations" / "env.py").write_text(env_py)
    (root / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
    for revision, down, up in revisions:
        write_revision(root / "migrations" / "versions", revision, down, up)
    return root


def test_a_database_that_env_py_passes_over_the_second_time_is_no_success(
    tmp_path: Path, migrator: Migrator
) -> None:
    root = foreign(tmp_path / "p", ONE_OF_TWO, ("aaa1", None, "op.execute('create table a (id integer)')"))

    ran = migrator("upgrade", "--config", "alembic.ini", cwd=root)

    assert ran.code == 7, ran.err
    assert "env.py ended before its last revision" in ran.err


def test_a_failure_that_env_py_hides_is_no_success(tmp_path: Path, migrator: Migrator) -> None:
    root = foreign(tmp_path / "p", HIDES_ALL, ("aaa1", None, "op.execute('no sql')"))

    ran = migrator("upgrade", "--config", "alembic.ini", cwd=root)

    assert ran.code == 7, ran.err
    assert "env.py went on after it, and hid the cause" in ran.err


def test_one_transaction_for_all_is_not_begun_again_once_a_part_of_it_is_committed(
    tmp_path: Path, migrator: Migrator, postgres_database: Database
) -> None:
    root = write_project(tmp_path / "p", settings="transaction = run\n" + SETTINGS)
    block = "with op.get_context().autocommit_block():\n    op.execute('create table two (id integer)')"
    write_revision(versions(root), "aaa1", None, "op.execute('create table one (id integer)')")
    write_revision(versions(root), "bbb2", "aaa1", block)
    write_revision(versions(root), "ccc3", "bbb2", "op.execute('alter table held add column x integer')")
    postgres_database.query("create table held (id integer)")

    with postgres_database.connect() as holder:
        holder.execute("begin")
        holder.execute("lock table held")
        env = {"TESTING_DATABASE_URL": postgres_database.url}
        ran = migrator("upgrade", "--json", cwd=root, env=env)
        holder.execute("rollback")

    data = json.loads(ran.out)["data"]
    assert ran.code == 7, ran.err
    assert (data["failed"]["step"]["revision"], data["retries"]) == ("ccc3", 0)
    assert "lock timeout" in data["failed"]["cause"]
    assert "create table two (id integer)" in data["failed"]["committed"]
    assert data["after"] == ["aaa1"]


def test_a_revision_that_commits_by_itself_is_not_begun_again_and_tells_what_stays(
    tmp_path: Path, migrator: Migrator, postgres_database: Database
) -> None:
    root = write_project(tmp_path / "p", settings=SETTINGS)
    body = "op.execute('create table one (id integer)')\nop.execute('COMMIT')\nop.execute('lock table held')"
    write_revision(versions(root), "aaa1", None, body)
    postgres_database.query("create table held (id integer)")

    with postgres_database.connect() as holder:
        holder.execute("begin")
        holder.execute("lock table held")
        env = {"TESTING_DATABASE_URL": postgres_database.url}
        ran = migrator("upgrade", "--json", cwd=root, env=env)
        holder.execute("rollback")

    data = json.loads(ran.out)["data"]
    assert ran.code == 7, ran.err
    assert (data["failed"]["committed"], data["retries"]) == (["create table one (id integer)"], 0)
