"""`edit` opens files in an editor, `run` starts a command with the database in its variables."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from signal import Handlers
from typing import TYPE_CHECKING

import pytest

from tests.conftest import program
from tests.projects.books import AnyDatabase, BooksProject

if TYPE_CHECKING:
    from tests.conftest import Database, Ran

Migrator = Callable[..., "Ran"]
Shell = Callable[..., "Ran"]

SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.fixture
def editor(tmp_path: Path) -> Path:
    """An editor that writes a comment to the end of each file it is given, and says so on stdout."""
    script = tmp_path / "my editor"
    script.write_text('#!/bin/sh\necho editing\nprintf "%s\\n" "# seen" >> "$1"\n')
    script.chmod(0o755)
    return script


def quoted(editor: Path) -> dict[str, str]:
    """Give the variable that names an editor whose path has spaces."""
    return {"EDITOR": f"'{editor}'", "VISUAL": ""}


def test_edit_opens_the_head_in_the_editor(shell: Shell, books: BooksProject, editor: Path) -> None:
    books.tables("authors", "shelves")

    ran = shell(["migrator", "edit"], cwd=books.root, env=quoted(editor))

    assert (ran.code, ran.out) == (0, "edited migrations/test/versions/r2_by_hand.py\n"), ran.err
    assert "editing" in ran.err
    assert (books.versions / "r2_by_hand.py").read_text().endswith("# seen\n")
    assert "# seen" not in (books.versions / "r1_by_hand.py").read_text()


@pytest.mark.parametrize(("target", "file"), [("r1", "r1"), ("base+1", None), ("nowhere", None)])
def test_edit_opens_what_is_named(
    migrator: Migrator, books: BooksProject, editor: Path, target: str, file: str | None
) -> None:
    books.tables("authors", "shelves")

    ran = migrator("edit", target, cwd=books.root, env=quoted(editor))

    assert ran.code == (0 if file else 5), ran.err
    changed = [path.name for path in books.versions.glob("*.py") if "# seen" in path.read_text()]
    assert changed == ([f"{file}_by_hand.py"] if file else [])


def test_edit_current_asks_the_database(
    migrator: Migrator, books: BooksProject, editor: Path, on_sqlite: AnyDatabase
) -> None:
    books.tables("authors", "shelves")
    env = {**on_sqlite.env, **quoted(editor)}
    assert migrator("upgrade", "r1", cwd=books.root, env=env).code == 0

    ran = migrator("edit", "current", cwd=books.root, env=env)

    assert ran.out == "edited migrations/test/versions/r1_by_hand.py\n", ran.err


def test_an_edit_that_breaks_the_file_is_said(migrator: Migrator, books: BooksProject, editor: Path) -> None:
    books.tables("authors")
    editor.write_text('#!/bin/sh\necho "def (" >> "$1"\n')

    ran = migrator("edit", cwd=books.root, env=quoted(editor))

    assert ran.code == 5
    assert "r1_by_hand.py has a syntax error" in ran.err


@pytest.mark.parametrize("said", ["surely-not-installed", "false"])
def test_an_editor_that_fails_is_a_configuration_error(
    migrator: Migrator, books: BooksProject, said: str
) -> None:
    books.tables("authors")

    ran = migrator("edit", cwd=books.root, env={"EDITOR": said, "VISUAL": ""})

    assert ran.code == 3
    assert said in ran.err


@pytest.mark.parametrize("code", [0, 1, 7, 42, 255])
def test_the_exit_code_of_the_command_is_the_exit_code(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase, code: int
) -> None:
    ran = migrator("run", "--", "sh", "-c", f"exit {code}", cwd=books.root, env=on_sqlite.env)

    assert ran.code == code
    assert "error" not in ran.err


def test_the_command_has_the_database_in_its_variables(
    shell: Shell, books: BooksProject, postgres_database: Database
) -> None:
    env = {"TESTING_DATABASE_URL": postgres_database.url}

    ran = shell(["migrator", "run", "--", sys.executable, "-c", SHOW], cwd=books.root, env=env)

    assert ran.code == 0, ran.err
    seen: Mapping[str, str] = json.loads(ran.out)
    assert seen["DATABASE_URL"] == postgres_database.url.replace("postgresql://", "postgresql+asyncpg://")
    assert seen["ALEMBIC_ENV"] == "testing"
    assert (seen["POSTGRES_DB"], seen["POSTGRES_HOST"], seen["POSTGRES_PORT"]) == (
        postgres_database.name,
        postgres_database.host,
        str(postgres_database.port),
    )
    assert (seen["POSTGRES_USER"], seen["POSTGRES_PASSWORD"]) == (
        postgres_database.user,
        postgres_database.password,
    )
    assert postgres_database.password not in ran.err


def test_options_after_the_command_are_the_commands_own(
    shell: Shell, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    for dashes in (["--"], []):
        ran = shell(
            ["migrator", "run", "-q", *dashes, "echo", "--json", "-1", "--env", "production", "--help"],
            cwd=books.root,
            env=on_sqlite.env,
        )
        assert (ran.code, ran.out, ran.err) == (0, "--json -1 --env production --help\n", "")


def test_the_command_reads_stdin(shell: Shell, books: BooksProject, on_sqlite: AnyDatabase) -> None:
    ran = shell(["migrator", "run", "cat"], cwd=books.root, env=on_sqlite.env, stdin="from a pipe\n")

    assert (ran.code, ran.out) == (0, "from a pipe\n")


def test_a_command_that_is_not_there_is_a_usage_error(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    ran = migrator("run", "--", "surely-not-installed", cwd=books.root, env=on_sqlite.env)

    assert (ran.code, ran.out) == (2, "")
    assert "The command surely-not-installed was not found." in ran.err
    assert migrator("run", cwd=books.root, env=on_sqlite.env).code == 2


def test_a_command_of_a_background_job_inherits_that_sigint_is_ignored(
    shell: Shell, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    told = "import signal; print(signal.getsignal(2), signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
    job = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *program(["migrator", "run"]), "--"]
    ran = shell([*job, sys.executable, "-c", told], cwd=books.root, env=on_sqlite.env)

    assert (ran.code, ran.out) == (0, f"{Handlers.SIG_IGN!s} set()\n")


@pytest.mark.parametrize(("signal", "code"), [("KILL", 137), ("TERM", 143), ("INT", 130)])
def test_a_command_that_a_signal_ended_gives_128_and_its_number(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase, signal: str, code: int
) -> None:
    ran = migrator("run", "--", "sh", "-c", f"kill -{signal} $$", cwd=books.root, env=on_sqlite.env)

    assert ran.code == code


def test_with_json_the_commands_words_are_not_in_the_document(
    shell: Shell, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    ran = shell(
        ["migrator", "run", "--json", "--", "sh", "-c", "echo from the command; exit 3"],
        cwd=books.root,
        env=on_sqlite.env,
    )

    answer = json.loads(ran.out)
    assert (ran.code, answer["exit_code"], answer["command"]) == (3, 3, "run")
    assert answer["data"] == {"command": ["sh", "-c", "echo from the command; exit 3"], "code": 3}
    assert "from the command" in ran.err


def test_the_command_inherits_no_variable_that_names_another_database(
    shell: Shell, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    old = {
        "DATABASE_URL": "old",
        "TESTING_DATABASE_URL": "sqlite:///old.db",
        "POSTGRES_DB": "old",
        "POSTGRES_USER": "old",
        "POSTGRES_PASSWORD": "old",
        "POSTGRES_HOST": "old",
        "POSTGRES_PORT": "1",
        "ALEMBIC_CONFIG": "old.ini",
    }
    show = ["--", sys.executable, "-c", SHOW]

    ran = shell(["migrator", "run", "-e", "test", "--url", on_sqlite.url, *show], cwd=books.root, env=old)

    assert ran.code == 0, ran.err
    seen: Mapping[str, str] = json.loads(ran.out)
    assert {name: seen[name] for name in [*old, "ALEMBIC_ENV"] if name in seen} == {
        "DATABASE_URL": on_sqlite.url,
        "ALEMBIC_ENV": "testing",
    }


def test_a_workspace_named_by_its_file_is_handed_to_the_command_by_its_file(
    shell: Shell, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    ran = shell(
        ["migrator", "run", "--config", "alembic_test.ini", "--", sys.executable, "-c", SHOW],
        cwd=books.root / "configs",
        env={**on_sqlite.env, "ALEMBIC_ENV": "production"},
    )

    assert ran.code == 0, ran.err
    seen: Mapping[str, str] = json.loads(ran.out)
    assert (seen["ALEMBIC_CONFIG"], seen.get("ALEMBIC_ENV")) == (str(books.ini), None)


def test_a_command_runs_outside_of_the_main_thread_too(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    with ThreadPoolExecutor(1) as pool:
        arguments = ("run", "--", "sh", "-c", "exit 7")
        ran = pool.submit(migrator, *arguments, cwd=books.root, env=on_sqlite.env).result()

    assert ran.code == 7, ran.err


def test_a_command_of_a_background_job_still_ignores_ctrl_c(
    shell: Shell, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    inner = "import signal; print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)"
    job = [*program(["migrator", "run", "--"]), sys.executable, "-c", inner]

    ran = shell(["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *job], cwd=books.root, env=on_sqlite.env)

    assert (ran.code, ran.out) == (0, "True\n"), ran.err
