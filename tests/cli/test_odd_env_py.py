"""An env.py of somebody's own: what it says is not taken for what happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from tests.conftest import Database
from tests.projects.books import AnyDatabase, BooksProject

SYNC = """
import sqlalchemy as sa
from alembic import context

engine = sa.create_engine({url}, poolclass=sa.pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection{options})
    with context.begin_transaction():
        context.run_migrations()
"""
FROM_CONFIG = 'context.config.get_main_option("sqlalchemy.url")'


class Ran(Protocol):
    """What a command did."""

    code: int
    out: str
    err: str


Migrator = Callable[..., Ran]


@pytest.fixture
def shelf(books: BooksProject) -> BooksProject:
    """A project with two revisions."""
    books.tables("authors", "shelves")
    return books


def sync_database(tmp_path: Path) -> AnyDatabase:
    """An SQLite database through the driver that a plain env.py uses."""
    url = f"sqlite:///{tmp_path / 'mine.db'}"
    return AnyDatabase(url, url)


@pytest.mark.parametrize("command", [["upgrade"], ["stamp", "head"], ["current"], ["check"], ["generate"]])
def test_an_env_py_that_never_runs_migrations_is_an_error(
    shelf: BooksProject, migrator: Migrator, tmp_path: Path, command: list[str]
) -> None:
    shelf.env_py.write_text("x = 1\n")
    database = sync_database(tmp_path)
    database.query("CREATE TABLE other (id INTEGER)")

    ran = migrator(*command, cwd=shelf.root, env=database.env)

    assert ran.code == 3
    assert "ended without calling context.run_migrations(): nothing was done." in ran.err
    assert database.tables() == ["other"]


def test_an_env_py_that_connects_elsewhere_is_refused_before_its_first_statement(
    shelf: BooksProject, migrator: Migrator, tmp_path: Path
) -> None:
    other = f"sqlite:///{tmp_path / 'other.db'}"
    shelf.env_py.write_text(SYNC.format(url=repr(other), options=""))

    ran = migrator("upgrade", cwd=shelf.root, env=sync_database(tmp_path).env)

    assert ran.code == 4
    assert "env.py connects to" in ran.err
    assert "other.db" in ran.err
    assert AnyDatabase(other, other).tables() == []


def test_an_env_py_may_ask_for_the_target_each_time_it_is_run(
    shelf: BooksProject, migrator: Migrator, tmp_path: Path
) -> None:
    source = SYNC.format(url=FROM_CONFIG, options="") + "\n"
    shelf.env_py.write_text("from alembic import context\ncontext.get_revision_argument()\n" + source)

    ran = migrator("stamp", "r1", cwd=shelf.root, env=sync_database(tmp_path).env)

    assert (ran.code, ran.err.count("error:")) == (0, 0)


def test_arguments_of_configure_may_stand_in_their_places(
    shelf: BooksProject, migrator: Migrator, tmp_path: Path
) -> None:
    source = SYNC.format(url=FROM_CONFIG, options="").replace(
        "connection=connection", "connection, None, None"
    )
    shelf.env_py.write_text(source)

    assert migrator("upgrade", cwd=shelf.root, env=sync_database(tmp_path).env).code == 0


def test_a_file_that_env_py_lacks_is_no_trouble_of_the_database(
    shelf: BooksProject, migrator: Migrator, tmp_path: Path
) -> None:
    shelf.env_py.write_text('open("settings.json")\n')

    ran = migrator("upgrade", cwd=shelf.root, env=sync_database(tmp_path).env)

    assert ran.code == 3
    assert "settings.json" in ran.err


def test_a_commit_that_fails_is_a_failed_run_with_nothing_applied(
    shelf: BooksProject, migrator: Migrator, postgres_database: Database
) -> None:
    shelf.settings(migrator=["transaction = run"])
    shelf.revision(
        "r3",
        "r2",
        'op.execute("CREATE TABLE pages (author INTEGER REFERENCES authors(id)"\n'
        '           " DEFERRABLE INITIALLY DEFERRED)")\n'
        'op.execute("INSERT INTO pages VALUES (7)")',
    )
    shelf.env_py.write_text(SYNC.format(url=FROM_CONFIG, options=""))
    url = postgres_database.url.replace("postgresql", "postgresql+psycopg", 1)

    ran = migrator("upgrade", "--json", cwd=shelf.root, env={"TESTING_DATABASE_URL": url})

    answer = json.loads(ran.out)
    assert (ran.code, answer["data"]["after"], answer["data"]["applied"]) == (7, [], [])
    assert len(answer["data"]["remaining"]) == 3
    assert "could not be completed after its last revision: insert or update on table" in ran.err
    assert postgres_database.tables() == []


def test_a_purge_that_fails_names_the_cause_and_keeps_the_unknown_revision(
    shelf: BooksProject, migrator: Migrator, tmp_path: Path
) -> None:
    database = sync_database(tmp_path)
    database.query(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL CHECK (version_num = 'zzz'))"
    )
    database.query("INSERT INTO alembic_version VALUES ('zzz')")

    ran = migrator("stamp", "--purge", "head", cwd=shelf.root, env=database.env)

    assert ran.code == 7
    assert "CHECK constraint failed" in ran.err
    assert database.query("SELECT version_num FROM alembic_version") == [("zzz",)]


def test_hints_repeat_the_file_and_never_the_url(
    shelf: BooksProject, migrator: Migrator, tmp_path: Path
) -> None:
    shelf.revision("r3", "r2", 'op.execute("SELECT nonsense")')
    url = f"sqlite:///{tmp_path / 'mine.db'}"

    ran = migrator("upgrade", "r3", "--url", url, cwd=shelf.root)

    assert ran.code == 7
    assert "then run again: migrator upgrade r3 --env testing --url URL" in ran.err


def test_a_downgrade_at_base_has_nothing_to_do(
    shelf: BooksProject, migrator: Migrator, tmp_path: Path
) -> None:
    env = sync_database(tmp_path).env
    migrator("upgrade", "r1", cwd=shelf.root, env=env)
    migrator("downgrade", "base", cwd=shelf.root, env=env)

    ran = migrator("downgrade", cwd=shelf.root, env=env)

    assert (ran.code, ran.out) == (0, "testing is already at base: nothing to do\n")


def test_a_head_that_is_not_there_is_refused_also_where_nothing_changed(
    shelf: BooksProject, migrator: Migrator, tmp_path: Path
) -> None:
    ran = migrator("generate", "-m", "x", "--head", "zzzz", cwd=shelf.root, env=sync_database(tmp_path).env)

    assert ran.code == 5
    assert "zzzz" in ran.err


def test_an_env_py_that_swallows_a_failing_revision_is_not_believed(
    shelf: BooksProject, migrator: Migrator, tmp_path: Path
) -> None:
    shelf.revision("r3", "r2", "raise RuntimeError('boom')")
    source = SYNC.format(url=FROM_CONFIG, options="")
    run = "        context.run_migrations()"
    swallowed = "        try:\n            context.run_migrations()\n        except Exception: pass"
    shelf.env_py.write_text(source.replace(run, swallowed))

    ran = migrator("upgrade", cwd=shelf.root, env=sync_database(tmp_path).env)

    assert ran.code == 7
    assert "The upgrade of revision r3" in ran.err
    assert "failed: r3" in ran.out


def test_what_a_version_file_prints_is_not_among_the_data(shelf: BooksProject, migrator: Migrator) -> None:
    file = shelf.versions / "r1_by_hand.py"
    # With a computed header it has to be executed to be listed.
    file.write_text(file.read_text() + "\nprint('chatter')\nrevision = str('r1')\n")

    ran = migrator("heads", "--json", cwd=shelf.root)

    assert json.loads(ran.out)["data"]["revisions"][0]["revision"] == "r2"
    assert "chatter" in ran.err


def test_a_password_in_a_misplaced_url_is_not_shown(shelf: BooksProject, migrator: Migrator) -> None:
    url = "postgresql://u:Tops3cretPW@h/db"

    for command in (["upgrade", url], ["current", url], ["-e", url, "upgrade"], [url, "upgrade"]):
        ran = migrator(*command, "--json", cwd=shelf.root)
        assert ran.code != 0
        assert "Tops3cretPW" not in ran.out + ran.err
    shelf.settings(migrator=[f"database = {url}"])
    ran = migrator("upgrade", cwd=shelf.root)
    assert ran.code == 3
    assert "Tops3cretPW" not in ran.err


def test_an_env_file_that_cannot_be_read_is_not_passed_over(shelf: BooksProject, migrator: Migrator) -> None:
    (shelf.root / ".env.testing").symlink_to("/nowhere/at/all")
    (shelf.root / ".env").write_text("DATABASE_URL=sqlite:///shared.db\n")

    ran = migrator("upgrade", cwd=shelf.root)

    assert ran.code == 3
    assert ".env.testing is not a file" in ran.err
    assert not (shelf.root / "shared.db").exists()
