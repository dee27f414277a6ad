"""A database at a revision that the version folder does not have: the cause, and what to type."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.projects.small import tree, versions, write_project, write_revision

Migrator = Callable[..., Ran]
URL = "sqlite:///data.db"
COMMANDS = ("upgrade", "current", "check", "history -i", "downgrade -1", "stamp head", "generate -m x")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project of two environments in git, whose version folders have one revision each."""
    root = write_project(tmp_path / "a project", "test", "online")
    write_revision(versions(root), "aaa1")
    write_revision(versions(root, "online"), "fff1")
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root)
    return root


def git(root: Path, *arguments: str) -> None:
    """Run git in a repository of its own, whatever this machine's configuration says."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    identity = ["-c", "user.name=Ann Author", "-c", "user.email=ann@example.org"]
    subprocess.run(
        ["git", "-C", str(root), *identity, *arguments],
        check=True,
        capture_output=True,
        env={**kept, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"},
    )


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "a commit")


def stamp(root: Path, revision: str) -> None:
    """Make a database that is at a revision, whatever the files say."""
    with contextlib.closing(sqlite3.connect(root / "data.db", isolation_level=None)) as connection:
        connection.execute("create table alembic_version (version_num varchar(32) not null primary key)")
        connection.execute("insert into alembic_version values (?)", (revision,))


def of_another_environment(_root: Path) -> str:
    return "fff1"


def archived(root: Path) -> str:
    archive = versions(root).parent / "archive" / "20260102T030405Z"
    archive.mkdir(parents=True)
    write_revision(archive, "abc0")
    return "abc0"


def deleted_and_committed(root: Path) -> str:
    path = write_revision(versions(root), "ddd2", "aaa1")
    commit(root)
    path.unlink()
    commit(root)
    return "ddd2"


def deleted_only_here(root: Path) -> str:
    path = write_revision(versions(root), "ddd2", "aaa1")
    commit(root)
    path.unlink()
    return "ddd2"


def on_another_branch(root: Path) -> str:
    git(root, "checkout", "--quiet", "-b", "feature/orders")
    write_revision(versions(root), "bbb2", "aaa1")
    commit(root)
    git(root, "checkout", "--quiet", "main")
    write_revision(versions(root), "eee2", "aaa1")
    commit(root)
    return "bbb2"


def in_a_newer_commit(root: Path) -> str:
    write_revision(versions(root), "bbb2", "aaa1")
    commit(root)
    git(root, "switch", "--quiet", "--detach", "HEAD^")
    return "bbb2"


def of_nobody(_root: Path) -> str:
    return "9999"


CAUSES = {
    "of another environment": (
        of_another_environment,
        ["belongs to environment production", "migrations/online/versions/fff1.py"],
        ["--env production"],
    ),
    "archived": (
        archived,
        ["was archived at 20260102T030405Z", "migrations/test/archive/20260102T030405Z/abc0.py"],
        ["migrator stamp --purge head"],
    ),
    "deleted": (
        deleted_and_committed,
        ["was deleted by commit", "Ann Author", "migrations/test/versions/ddd2.py"],
        ["git checkout", "-- migrations/test/versions/ddd2.py"],
    ),
    "deleted only here": (
        deleted_only_here,
        ["no longer in the working copy", "migrations/test/versions/ddd2.py"],
        ["git checkout HEAD -- migrations/test/versions/ddd2.py"],
    ),
    "on another branch": (
        on_another_branch,
        ["not in this checkout", "feature/orders"],
        ["git merge feature/orders"],
    ),
    "newer": (in_a_newer_commit, ["newer than this checkout", "on main"], ["git pull"]),
    "of nobody": (of_nobody, ["Nothing here knows revision 9999"], ["migrator envs", "git fetch"]),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_the_cause_is_named_with_what_to_type_and_nothing_changes(
    cause: str, small: Path, migrator: Migrator
) -> None:
    make, said, hinted = CAUSES[cause]
    revision = make(small)
    stamp(small, revision)
    before = tree(small / "migrations") | tree(small / "configs")
    database = (small / "data.db").read_bytes()

    for command in COMMANDS if cause == "archived" else COMMANDS[:2]:
        ran = migrator(*command.split(), "--env", "test", "--url", URL, cwd=small)
        assert (ran.code, ran.out) == (5, "")
        error, hint = ran.err.splitlines()[-2:]
        assert error.startswith("error: ")
        assert hint.startswith("hint: ")
        assert revision in error
        assert not [words for words in said if words not in error]
        assert not [words for words in hinted if words not in hint]
    assert tree(small / "migrations") | tree(small / "configs") == before
    assert (small / "data.db").read_bytes() == database


def test_what_the_hint_says_brings_a_deleted_file_back(small: Path, migrator: Migrator) -> None:
    stamp(small, deleted_and_committed(small))
    ran = migrator("current", "--env", "test", "--url", URL, cwd=small)
    typed = ran.err.splitlines()[-1].split("`")[1]

    git(small, *typed.split()[1:])

    assert migrator("current", "--env", "test", "--url", URL, cwd=small).out == "ddd2 (head)\n"


def test_stamp_purge_head_gets_out_of_an_archived_history(small: Path, migrator: Migrator) -> None:
    stamp(small, archived(small))

    assert migrator("stamp", "--purge", "head", "--env", "test", "--url", URL, cwd=small).code == 0

    assert migrator("current", "--env", "test", "--url", URL, cwd=small).out == "aaa1 (head)\n"


def test_a_project_without_git_is_told_what_can_be_told(small: Path, migrator: Migrator) -> None:
    shutil.rmtree(small / ".git")
    stamp(small, "9999")

    ran = migrator("upgrade", "--env", "test", "--url", URL, cwd=small)

    assert ran.code == 5
    assert "Nothing here knows revision 9999" in ran.err
