"""`migrator reset-versions` that fails: every file is where it was."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Database, Ran, process_variables, program
from tests.projects.small import tree, versions, write_project, write_revision

Migrator = Callable[..., Ran]
URL = "sqlite:///data.db"
MODELS = """
from sqlalchemy import Column, Integer, MetaData, Table

metadata = MetaData()
users = Table("users", metadata, Column("id", Integer, primary_key=True))
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with models of one table and one old revision."""
    settings = "models = shop:metadata\nlock_timeout = none"
    root = write_project(tmp_path / "a project", settings=settings)
    (root / "shop.py").write_text(MODELS)
    write_revision(versions(root), "aaa1")
    return root


def folders(root: Path) -> list[str]:
    """Give every folder of a project, so that nothing is left of an attempt."""
    return sorted(str(path) for path in root.rglob("*") if path.is_dir() and path.name != "__pycache__")


def models_do_not_import(root: Path) -> None:
    (root / "shop.py").write_text(MODELS + "\nimport no_such_module\n")


def models_are_empty(root: Path) -> None:
    (root / "shop.py").write_text("from sqlalchemy import MetaData\n\nmetadata = MetaData()\n")


def the_template_is_broken(root: Path) -> None:
    (root / "migrations" / "script.py.mako").write_text("def (\n")


def env_py_fails(root: Path) -> None:
    (root / "migrations" / "env.py").write_text("raise ValueError('on purpose')\n")


def the_archive_is_a_file(root: Path) -> None:
    (versions(root).parent / "archive").write_text("")


def the_folder_is_a_link(root: Path) -> None:
    versions(root).rename(root / "real")
    versions(root).symlink_to(root / "real")


FAULTS = {
    "models that do not import": (models_do_not_import, 3, ["shop", "no_such_module"]),
    "models without a table": (models_are_empty, 3, ["shop"]),
    "a template that yields no Python": (the_template_is_broken, 5, ["migrations/script.py.mako"]),
    "an env.py that fails": (env_py_fails, 3, ["migrations/env.py, line 1", "on purpose"]),
    "an archive that is a file": (the_archive_is_a_file, 3, ["archive"]),
    "a version folder that is a link": (the_folder_is_a_link, 3, ["symbolic link"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_puts_every_file_back(fault: str, shop: Path, migrator: Migrator) -> None:
    spoil, code, said = FAULTS[fault]
    spoil(shop)
    before, kept = tree(shop), folders(shop)

    ran = migrator("reset-versions", "--files-only", "--url", URL, cwd=shop)

    assert (ran.code, ran.out) == (code, ""), ran.err
    assert [words for words in said if words not in ran.err] == [], ran.err
    assert "Traceback" not in ran.err
    assert (tree(shop), folders(shop)) == (before, kept)


def test_an_upgrade_that_fails_puts_every_file_back_and_says_so(
    shop: Path, migrator: Migrator, postgres_database: Database
) -> None:
    postgres_database.query("create sequence users")
    before, kept = tree(shop), folders(shop)

    ran = migrator("reset-versions", "--upgrade", "-e", "test", "--url", postgres_database.url, cwd=shop)

    assert ran.code == 7
    assert 'relation "users" already exists. Every version file is back where it was.' in ran.err
    assert "run again: migrator reset-versions --upgrade --env testing" in ran.err
    assert "Correct migrations/" not in ran.err
    assert "Traceback" not in ran.err
    assert (tree(shop), folders(shop)) == (before, kept)
    assert postgres_database.tables() == []


@pytest.mark.slow
def test_sigterm_in_the_middle_of_the_upgrade_puts_every_file_back(
    shop: Path, postgres_database: Database
) -> None:
    before, kept = tree(shop), folders(shop)
    with contextlib.ExitStack() as stack:
        blocker = stack.enter_context(postgres_database.connect())
        blocker.execute("begin")
        # Whoever creates a table of this name waits until this transaction has ended.
        blocker.execute("create table users (id integer)")
        process = subprocess.Popen(
            program(["migrator", "reset-versions", "--upgrade"]),
            cwd=shop,
            env=process_variables({"TESTING_DATABASE_URL": postgres_database.url}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        stack.callback(process.kill)
        wait_until_blocked(postgres_database)
        assert tree(shop) != before
        process.terminate()
        out, err = process.communicate(timeout=20)
        blocker.execute("rollback")

    assert process.returncode == 143
    assert "Traceback" not in out + err
    assert "Every version file is back where it was." in err
    assert (tree(shop), folders(shop)) == (before, kept)
    assert postgres_database.tables() == []


def wait_until_blocked(database: Database) -> None:
    """Wait until a session waits for a lock; after 20 seconds the test fails."""
    end = time.monotonic() + 20
    waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    while not database.query(waiting):
        assert time.monotonic() < end, "the upgrade never came to the table"
        time.sleep(0.01)


AFTERWARDS = """
from pathlib import Path
from migrator.env import run_migrations

run_migrations()
# The database's file has a content once the upgrade has been committed.
if Path("data.db").exists() and Path("data.db").stat().st_size:
    {body}
"""
ONCE = "if not Path('seen').exists():\n        Path('seen').touch()\n        raise KeyboardInterrupt"
UNREADABLE = """import shutil
    shutil.copy('data.db', 'kept.db')
    Path('data.db').write_bytes(b'no database' * 4096)
    raise KeyboardInterrupt"""


def test_an_interrupt_after_the_commit_keeps_the_file_of_the_databases_revision(
    shop: Path, migrator: Migrator
) -> None:
    old = tree(versions(shop))
    (shop / "migrations" / "env.py").write_text(AFTERWARDS.format(body=ONCE))

    ran = migrator("reset-versions", "--upgrade", "--rev-id", "c0ffee", "--url", URL, cwd=shop)

    assert ran.code == 130, ran.err
    (archive,) = (versions(shop).parent / "archive").iterdir()
    assert tree(archive) == old
    assert [path.name for path in versions(shop).glob("*.py")] == ["c0ffee_initial.py"]
    shown = f"migrations/test/archive/{archive.name}"
    assert f"The database has c0ffee, so the new file stays; the old ones are in {shown}." in unwrapped(ran)
    assert "back where it was" not in ran.err
    assert migrator("current", "--check-heads", "--url", URL, cwd=shop).code == 0


def test_where_nobody_can_tell_the_files_are_put_back_and_both_ways_on_are_named(
    shop: Path, migrator: Migrator
) -> None:
    before = tree(versions(shop))
    (shop / "migrations" / "env.py").write_text(AFTERWARDS.format(body=UNREADABLE))

    ran = migrator("reset-versions", "--upgrade", "--rev-id", "c0ffee", "--url", URL, cwd=shop)

    assert ran.code == 130, ran.err
    assert tree(versions(shop)) == before
    said = unwrapped(ran)
    assert "Every version file is back where it was." in said
    assert "migrations/test/versions/c0ffee_initial.py has to come back" in said
    assert "the old ones into migrations/test/archive/" in said
    assert "migrator reset-versions --files-only --rev-id c0ffee --env testing" in said
    (shop / "migrations" / "env.py").write_text(AFTERWARDS.format(body="pass"))
    (shop / "kept.db").rename(shop / "data.db")
    assert migrator("reset-versions", "--files-only", "--rev-id", "c0ffee", cwd=shop).code == 0
    assert migrator("current", "--check-heads", "--url", URL, cwd=shop).code == 0


def unwrapped(ran: Ran) -> str:
    """Give what stderr says, as one line."""
    return " ".join(ran.err.split())
