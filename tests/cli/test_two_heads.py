"""Two people wrote a revision at the same time: whose files they are, and both ways out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.projects.small import versions, write_project, write_revision

Migrator = Callable[..., Ran]
URL = "sqlite:///data.db"
FOLDER = "migrations/test/versions"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project with one revision."""
    root = write_project(tmp_path / "a project")
    write_revision(versions(root), "aaa1")
    return root


def git(root: Path, *arguments: str, author: str = "Nobody", day: str = "2024-05-06") -> None:
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": f"{day}T07:08:09Z",
        "GIT_COMMITTER_DATE": f"{day}T07:08:09Z",
    }
    identity = ["-c", f"user.name={author}", "-c", "user.email=ann@example.org"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True, env=env)


def commit(root: Path, author: str, day: str) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "a commit", author=author, day=day)


@pytest.fixture
def committed(small: Path) -> Path:
    """Bob's revision was committed after Ann's; by their names it is the other way round."""
    git(small, "init", "--quiet")
    commit(small, "Nobody", "2024-05-05")
    write_revision(versions(small), "zzz1", "aaa1")
    commit(small, "Ann One", "2024-05-06")
    write_revision(versions(small), "bbb1", "aaa1")
    commit(small, "Bob Two", "2024-05-07")
    return small


def test_generate_names_both_files_with_their_authors_and_both_ways_out(
    committed: Path, migrator: Migrator
) -> None:
    ran = migrator("generate", "--empty", "-m", "x", cwd=committed)

    assert ran.code == 5
    assert ran.err.splitlines() == [
        "error: The environment testing has 2 heads:"
        f" bbb1 in {FOLDER}/bbb1.py (by Bob Two, 2024-05-07)"
        f" and zzz1 in {FOLDER}/zzz1.py (by Ann One, 2024-05-06).",
        "hint: Join them: migrator merge heads -m merge --env testing; or, where no database has bbb1 yet,"
        " put it on top: migrator rebase bbb1 --env testing; or name one with --head.",
    ]


def test_what_is_not_committed_is_the_newer_one(committed: Path, migrator: Migrator) -> None:
    (versions(committed) / "bbb1.py").unlink()
    write_revision(versions(committed), "ccc1", "aaa1")

    ran = migrator("generate", "--empty", "-m", "x", cwd=committed)

    assert f"ccc1 in {FOLDER}/ccc1.py (not committed) and zzz1 in" in ran.err
    assert "put it on top: migrator rebase ccc1 --env testing" in ran.err


def test_with_three_heads_the_newest_is_put_on_the_oldest(committed: Path, migrator: Migrator) -> None:
    write_revision(versions(committed), "ccc1", "aaa1")

    ran = migrator("generate", "--empty", "-m", "x", cwd=committed)

    assert "has 3 heads: " in ran.err
    assert "migrator rebase ccc1 --onto zzz1 --env testing" in ran.err


def test_without_git_the_files_are_named_and_their_own_dates_tell_the_newer(
    small: Path, migrator: Migrator
) -> None:
    for name, day in (("zzz1", "2024-05-06"), ("bbb1", "2024-05-07")):
        path = write_revision(versions(small), name, "aaa1")
        text = path.read_text().replace(f'"""message of {name}"""', f'"""x\n\nCreate Date: {day}\n"""')
        path.write_text(text)

    ran = migrator("generate", "--empty", "-m", "x", cwd=small)

    assert f"has 2 heads: bbb1 in {FOLDER}/bbb1.py and zzz1 in {FOLDER}/zzz1.py." in ran.err
    assert "migrator rebase bbb1 --env testing" in ran.err


def test_upgrade_and_doctor_say_the_same(committed: Path, migrator: Migrator) -> None:
    upgrade = migrator("upgrade", "--url", URL, cwd=committed)
    doctor = migrator("doctor", "--url", URL, cwd=committed)

    for ran in (upgrade, doctor):
        assert f"bbb1 in {FOLDER}/bbb1.py (by Bob Two, 2024-05-07) and zzz1 in" in ran.out + ran.err
        assert "put it on top: migrator rebase bbb1 --" in ran.out + ran.err
    assert upgrade.code == 5
    assert "; or name one, or all: heads" in upgrade.err


def test_the_command_that_is_proposed_works(committed: Path, migrator: Migrator) -> None:
    proposed = migrator("generate", "--empty", "-m", "x", "--url", URL, cwd=committed)
    assert "migrator rebase bbb1 --env testing --url URL" in proposed.err

    assert migrator("rebase", "bbb1", "--env", "testing", "--url", URL, cwd=committed).code == 0

    assert migrator("heads", cwd=committed).out == "bbb1 (head)\n"
