"""What a command imports: start-up time is made of imports, and a new one is not noticed until it hurts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran

Shell = Callable[..., Ran]
Migrator = Callable[..., Ran]

# The line is written to stderr, where it does not disturb what the command prints.
_PROGRAM = """\
import json, sys
from migrator.cli.main import main
code = main(sys.argv[1:])
sys.stderr.write("MODULES " + json.dumps(sorted(sys.modules)))
sys.exit(code)
"""
_SLOW_AT_HELP = {"alembic", "sqlalchemy", "asyncio", "rich", "dotenv", "pydantic"}
_OF_DATABASES = {
    "migrator.env",
    "migrator.bridge.env_py.session",
    "migrator.database.connecting.engine",
    "asyncpg",
}
_SLOW_AT_FILES = _SLOW_AT_HELP | _OF_DATABASES


def _imported(shell: Shell, project: Path, *args: str) -> set[str]:
    ran = shell(["python", "-c", _PROGRAM, *args], cwd=project)
    assert ran.code == 0, ran.err
    return set(json.loads(ran.err.rpartition("MODULES ")[2]))


@pytest.mark.parametrize("args", [["--help"], ["upgrade", "--help"], ["--version"]], ids=" ".join)
def test_help_imports_nothing_that_only_a_migration_needs(
    args: list[str], checkout: Path, shell: Shell
) -> None:
    assert _imported(shell, checkout, *args) & _SLOW_AT_HELP == set()


@pytest.mark.parametrize(
    "args",
    [["heads"], ["history", "--env", "prod", "-x", "a=b"], ["show", "268165bdf2db"], ["branches", "--json"]],
    ids=" ".join,
)
def test_what_only_reads_files_imports_nothing_for_databases_or_terminals(
    args: list[str], checkout: Path, shell: Shell
) -> None:
    assert _imported(shell, checkout, *args) & _SLOW_AT_FILES == set()


def test_git_is_asked_where_something_is_wrong_and_not_imported_elsewhere(
    checkout: Path, shell: Shell
) -> None:
    loaded = _imported(shell, checkout, "upgrade", "--sql", "--url", "postgresql+psycopg://u@h/d")

    assert "migrator.bridge.revision_files.loading_errors" in loaded
    assert (
        loaded
        & {"migrator.revisions.git", "migrator.revisions.git_history", "migrator.revisions.revision_origin"}
        == set()
    )


def test_dotenv_is_imported_where_there_is_such_a_file(checkout: Path, shell: Shell) -> None:
    (checkout / ".env").write_text("ALEMBIC_ENV=production\n")

    assert "dotenv" in _imported(shell, checkout, "heads")


def test_a_mistyped_command_is_told_the_nearest_one(checkout: Path, migrator: Migrator) -> None:
    ran = migrator("--env", "heads", "upgrde", cwd=checkout)

    assert ran.code == 2
    assert "upgrde" in ran.err
    assert "upgrade" in ran.err


def test_options_that_were_not_given_are_nothing_and_lists_keep_their_order(
    checkout: Path, migrator: Migrator
) -> None:
    (checkout / "migrations" / "env.py").write_text(
        "from alembic import context\n"
        "from migrator.env import run_migrations\n"
        "print('GOT', context.get_x_argument(), context.get_tag_argument())\n"
        "run_migrations()\n"
    )
    ran = migrator(
        "-x", "a=1", "upgrade", "-x", "b=2", "--sql", "--url", "postgresql+psycopg://u@h/d", cwd=checkout
    )

    assert (ran.code, "GOT ['a=1', 'b=2'] None" in ran.err) == (0, True), ran.err


_LIBRARY = """\
import json, sys
import migrator
from migrator import Migrator
Migrator(env="testing")
print(json.dumps(sorted(sys.modules)))
"""


def test_the_python_api_imports_nothing_that_only_a_migration_needs(checkout: Path, shell: Shell) -> None:
    ran = shell(["python", "-c", _LIBRARY], cwd=checkout)

    loaded = set(json.loads(ran.out))
    assert "migrator.api.migrator" in loaded
    assert loaded & {"alembic", "sqlalchemy", "mako", "typer", "rich", "dotenv"} == set()


def test_the_package_itself_imports_no_part_of_it(shell: Shell) -> None:
    program = "import sys, migrator; print([each for each in sys.modules if each.startswith('migrator.')])"

    assert shell(["python", "-c", program]).out == "[]\n"
