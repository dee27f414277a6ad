"""Bad version files and bad targets: one clear error that names the file, exit 5 (3), nothing changed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Database, Ran, process_variables, program
from tests.projects.small import revision_text, tree, versions, write_project, write_revision

Migrator = Callable[..., Ran]
URL = "sqlite:///data.db"
FOLDER = "migrations/test/versions"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project of two revisions, whose database is at the first."""
    root = write_project(tmp_path / "a project")
    write_revision(versions(root), "aaa1", None, 'op.execute("create table one (id integer)")')
    write_revision(versions(root), "bbb2", "aaa1", 'op.execute("create table two (id integer)")')
    with contextlib.closing(sqlite3.connect(root / "data.db", isolation_level=None)) as connection:
        connection.execute("create table one (id integer)")
        connection.execute("create table alembic_version (version_num varchar(32) not null primary key)")
        connection.execute("insert into alembic_version values ('aaa1')")
    return root


def duplicate(folder: Path) -> None:
    (folder / "copy.py").write_text((folder / "bbb2.py").read_text())


def long_id(folder: Path) -> None:
    write_revision(folder, "c" * 33, "bbb2")


def cycle(folder: Path) -> None:
    write_revision(folder, "bbb2", "ccc3")
    write_revision(folder, "ccc3", "bbb2")


def lost_parent(folder: Path) -> None:
    write_revision(folder, "ccc3", "not_there")


def syntax_error(folder: Path) -> None:
    (folder / "ccc3.py").write_text(revision_text("ccc3", "bbb2") + "\nx = (\n")


def no_revision(folder: Path) -> None:
    (folder / "notes.py").write_text("down_revision = 'bbb2'\n\n\ndef upgrade():\n    pass\n")


def no_down_revision(folder: Path) -> None:
    (folder / "ccc3.py").write_text("revision = 'ccc3'\n\n\ndef upgrade():\n    pass\n")


def import_error(folder: Path) -> None:
    (folder / "ccc3.py").write_text("import no_such_module\n" + revision_text("ccc3", "bbb2"))


def exits(folder: Path) -> None:
    (folder / "ccc3.py").write_text("import sys\nsys.exit(0)\n" + revision_text("ccc3", "bbb2"))


UNREADABLE = {
    "an id that stands in two files": (duplicate, ["bbb2", f"{FOLDER}/bbb2.py", f"{FOLDER}/copy.py"]),
    "an id over 32 characters": (long_id, ["c" * 33, f"{FOLDER}/{'c' * 33}.py", "33", "32"]),
    "a cycle": (cycle, ["cycle", f"{FOLDER}/bbb2.py", f"{FOLDER}/ccc3.py"]),
    "a down_revision that no file has": (lost_parent, [f"{FOLDER}/ccc3.py", "not_there"]),
    "a syntax error": (syntax_error, [f"{FOLDER}/ccc3.py", "syntax error", "line 18"]),
    "no revision": (no_revision, [f"{FOLDER}/notes.py", "'revision'"]),
    "no down_revision": (no_down_revision, [f"{FOLDER}/ccc3.py", "'down_revision'"]),
    "an import that fails": (import_error, [f"{FOLDER}/ccc3.py", "line 1", "no_such_module"]),
    "a file that ends the process": (exits, [f"{FOLDER}/ccc3.py", "line 2", "SystemExit"]),
}


BELOW_THE_HEADER = ("a syntax error", "an import that fails", "a file that ends the process")


@pytest.mark.parametrize("fault", UNREADABLE)
def test_a_folder_that_cannot_be_read_is_refused_by_name_and_changes_nothing(
    fault: str, small: Path, migrator: Migrator
) -> None:
    spoil, said = UNREADABLE[fault]
    spoil(versions(small))
    before = tree(small)

    for command in ("upgrade", "history -i", "heads", "generate --empty -m x"):
        if command == "heads" and fault in BELOW_THE_HEADER:
            # It reads headers; whatever executes the files says what is wrong.
            assert migrator("heads", "--env", "test", cwd=small).out == "ccc3 (head)\n"
            continue
        ran = migrator(*command.split(), "--env", "test", "--url", URL, cwd=small)
        assert ran.code == 5
        _one_error(ran, said)
    assert tree(small) == before


def test_two_heads_are_refused_where_one_is_meant_and_shown_where_all_are(
    small: Path, migrator: Migrator
) -> None:
    write_revision(versions(small), "ccc3", "aaa1")
    before = tree(small)

    for command in ("upgrade", "upgrade head", "generate --empty -m x"):
        ran = migrator(*command.split(), "--env", "test", "--url", URL, cwd=small)
        assert ran.code == 5
        _one_error(ran, ["heads", "bbb2", "ccc3", "migrator merge heads"])
    assert tree(small) == before
    assert migrator("heads", cwd=small).out.split("\n")[:2] == ["bbb2 (head)", "ccc3 (head)"]


def test_a_file_without_upgrade_is_refused_before_anything_is_applied(
    small: Path, migrator: Migrator
) -> None:
    (versions(small) / "ccc3.py").write_text("revision = 'ccc3'\ndown_revision = 'bbb2'\n")
    before = tree(small)

    ran = migrator("upgrade", "--env", "test", "--url", URL, cwd=small)

    assert ran.code == 5
    _one_error(ran, [f"{FOLDER}/ccc3.py", "upgrade()"])
    assert tree(small) == before
    assert migrator("upgrade", "bbb2", "--env", "test", "--url", URL, cwd=small).code == 0


def test_a_file_without_downgrade_only_stops_the_downgrade(small: Path, migrator: Migrator) -> None:
    text = revision_text("ccc3", "bbb2")
    (versions(small) / "ccc3.py").write_text(text[: text.index("def downgrade")])
    assert migrator("upgrade", "--env", "test", "--url", URL, cwd=small).code == 0
    before = tree(small)

    ran = migrator("downgrade", "base", "--env", "test", "--url", URL, cwd=small)

    assert ran.code == 5
    _one_error(ran, [f"{FOLDER}/ccc3.py", "downgrade()"])
    assert tree(small) == before


def test_a_missing_version_folder_is_a_matter_of_configuration(small: Path, migrator: Migrator) -> None:
    versions(small).rename(small / "elsewhere")
    before = tree(small)

    for command in ("upgrade", "current", "history", "heads"):
        ran = migrator(command, "--env", "test", "--url", URL, cwd=small)
        assert ran.code == 3
        _one_error(ran, [FOLDER, "does not exist", "configs/alembic_test.ini"])
    assert tree(small) == before


TARGETS = {
    "upgrade nope": ["'nope'", "migrator history --env testing"],
    "upgrade bb": ["bb", "bbb2", "bbc3"],
    "upgrade nope@head": ["nope"],
    "upgrade +9": ["+9"],
    "downgrade -9": ["-9"],
    "downgrade nope": ["'nope'"],
    "show nope": ["'nope'"],
    "stamp nope": ["'nope'"],
    "stamp bb": ["bb", "bbb2", "bbc3"],
    "history -r nope:": ["'nope'"],
    "edit nope": ["'nope'"],
    "generate --empty -m x --head nope": ["'nope'"],
}


@pytest.mark.parametrize("command", TARGETS)
def test_a_target_that_is_unknown_ambiguous_or_out_of_reach_is_refused_by_name(
    command: str, small: Path, migrator: Migrator
) -> None:
    write_revision(versions(small), "bbc3", "bbb2")
    before = tree(small)

    ran = migrator(*command.split(), "--env", "test", "--url", URL, cwd=small)

    assert ran.code == 5
    _one_error(ran, TARGETS[command])
    assert ".." not in ran.err
    assert tree(small) == before


def test_an_unknown_target_leaves_an_empty_postgresql_empty(
    small: Path, migrator: Migrator, postgres_database: Database
) -> None:
    ran = migrator("upgrade", "nope", env={"TESTING_DATABASE_URL": postgres_database.url}, cwd=small)

    assert ran.code == 5
    assert postgres_database.tables() == []


def test_the_beginning_of_an_id_is_enough_where_it_is_the_only_one(small: Path, migrator: Migrator) -> None:
    assert migrator("upgrade", "bb", "--env", "test", "--url", URL, cwd=small).code == 0

    with contextlib.closing(sqlite3.connect(small / "data.db")) as connection:
        assert connection.execute("select version_num from alembic_version").fetchall() == [("bbb2",)]


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A project of one revision in a folder that can be read and not written to."""
    root = write_project(tmp_path / "locked")
    write_revision(versions(root), "aaa1")
    for folder in (versions(root), versions(root).parent):
        folder.chmod(0o555)
    yield root
    for folder in (versions(root).parent, versions(root)):
        folder.chmod(0o755)


def bound_by_modes() -> None:
    """Make the process that is about to start heed the modes of files, as root else does not."""
    drop, capabilities = 24, (1, 2)  # PR_CAPBSET_DROP; CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
    if os.geteuid() == 0:
        for capability in capabilities:
            ctypes.CDLL(None).prctl(drop, capability, 0, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["generate --empty -m x", "reset-versions --files-only"])
def test_a_read_only_version_folder_is_named_and_left_as_it_was(command: str, read_only: Path) -> None:
    before = tree(read_only)

    done = subprocess.run(
        program(["migrator", *command.split()]),
        cwd=read_only,
        env=process_variables(),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=bound_by_modes,
    )

    assert done.returncode == 3, done.stderr
    _one_error(Ran(done.returncode, done.stdout, done.stderr), ["migrations/test", "Permission denied"])
    assert tree(read_only) == before


def _one_error(ran: Ran, said: list[str]) -> None:
    """One error and its hint on stderr, with all that is expected in them, and no traceback."""
    assert ran.out == ""
    assert "Traceback" not in ran.err
    assert [line.partition(":")[0] for line in ran.err.splitlines()[-2:]] == ["error", "hint"], ran.err
    assert ran.err.count("error:") == 1
    for words in said:
        assert words in ran.err
