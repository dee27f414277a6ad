"""`--config`: any Alembic project as it stands, with Alembic's own rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from migrator import secrets
from tests.conftest import Database, Ran
from tests.projects.small import MAKO, tree, versions, write_project, write_revision

Migrator = Callable[..., Ran]
Shell = Callable[..., Ran]
PLACEHOLDER = "driver://user:pass@localhost/dbname"
ENV_PY = """
import sys
from sqlalchemy import create_engine
from alembic import context
{before}
with create_engine({url}).connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A plain Alembic project with one revision, on an SQLite file beside its ini."""
    root = tmp_path / "plain"
    (root / "alembic" / "versions").mkdir(parents=True)
    (root / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/alembic\nsqlalchemy.url = sqlite:///plain.db\n"
    )
    write_env(root)
    write_revision(root / "alembic" / "versions", "first")
    return root


def write_env(
    root: Path, before: str = "", url: str = "context.config.get_main_option('sqlalchemy.url')"
) -> None:
    (root / "alembic" / "env.py").write_text(ENV_PY.format(before=before, url=url))


@pytest.mark.slow
@pytest.mark.parametrize("template", ["generic", "async", "pyproject", "pyproject_async"])
def test_a_stock_project_is_driven_as_alembic_drives_it(
    tmp_path: Path, migrator: Migrator, shell: Shell, template: str
) -> None:
    assert shell(["alembic", "init", "-t", template, "db"], cwd=tmp_path).code == 0
    driver = "sqlite+aiosqlite" if "async" in template else "sqlite"
    ini = tmp_path / "alembic.ini"
    ini.write_text(ini.read_text().replace(PLACEHOLDER, f"{driver}:///stock.db"))
    file = "pyproject.toml" if "pyproject" in template else "alembic.ini"
    write_revision(tmp_path / "db" / "versions", "first", up='op.execute("CREATE TABLE books (id int)")')
    write_revision(tmp_path / "db" / "versions", "second", "first")

    upgraded = migrator("upgrade", "--config", file, cwd=tmp_path)
    assert upgraded.code == 0, upgraded.err
    assert upgraded.out.startswith(f"upgraded {tmp_path.name}: base -> second (2 revisions")
    assert f"{tmp_path.name} | " in upgraded.err
    assert " | stock.db | from env.py" in upgraded.err
    theirs = shell(["alembic", "-c", file, "current"], cwd=tmp_path)
    assert migrator("current", "-c", file, cwd=tmp_path).out == theirs.out == "second (head)\n"
    assert migrator("downgrade", "-c", file, cwd=tmp_path).code == 0
    assert (
        migrator("generate", "--empty", "-m", "more", "--head", "second", "-c", file, cwd=tmp_path).code == 0
    )
    assert len(list((tmp_path / "db" / "versions").glob("*.py"))) == 3


def test_alembic_config_of_the_process_names_the_file(plain: Path, migrator: Migrator) -> None:
    process = {"ALEMBIC_CONFIG": str(plain / "alembic.ini")}
    assert migrator("heads", cwd=plain, env=process).out == "first (head)\n"
    [line] = migrator("envs", cwd=plain, env=process).out.splitlines()
    assert line.split("\t") == [
        "plain", "alembic.ini", "alembic/versions", "as env.py says", "env.py", "chosen by ALEMBIC_CONFIG",
    ]  # fmt: skip


def test_env_and_config_together_are_a_usage_error(plain: Path, migrator: Migrator) -> None:
    for args in (
        ["heads", "--env", "test", "--config", "alembic.ini"],
        ["--env", "test", "heads", "-c", "alembic.ini"],
        ["-c", "alembic.ini", "heads", "-e", "test"],
    ):
        ran = migrator(*args, cwd=plain)
        assert ran.code == 2
        assert "--env and --config cannot be given together" in ran.err


def test_config_goes_before_the_variables(plain: Path, migrator: Migrator) -> None:
    process = {"ALEMBIC_ENV": "production", "ALEMBIC_CONFIG": "nothing.ini"}
    assert migrator("heads", "-c", "alembic.ini", cwd=plain, env=process).out == "first (head)\n"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("nothing.ini", "nothing.ini does not exist"),
        ("alembic", "is a folder, not a configuration file"),
        ("empty.ini", "empty.ini has no [alembic] section"),
        ("broken.toml", "broken.toml is not valid TOML"),
        ("other.toml", "other.toml has no [tool.alembic] section"),
    ],
)
def test_a_file_that_is_none_is_an_error_that_names_it(
    plain: Path, migrator: Migrator, file: str, said: str
) -> None:
    (plain / "empty.ini").write_text("[migrator]\n")
    (plain / "broken.toml").write_text("[tool")
    (plain / "other.toml").write_text("[tool.black]\n")
    for command in ("heads", "upgrade", "envs"):
        ran = migrator(command, "--config", file, cwd=plain)
        assert ran.code == 3
        assert said in ran.err


def test_nothing_is_resolved_or_overridden_without_a_migrator_section(
    plain: Path, migrator: Migrator
) -> None:
    (plain / ".env").write_text("DATABASE_URL=sqlite:///dotenv.db\n")
    ran = migrator("upgrade", "-c", "alembic.ini", cwd=plain, env={"DATABASE_URL": "sqlite:///process.db"})
    assert ran.code == 0, ran.err
    assert [path.name for path in plain.glob("*.db")] == ["plain.db"]


def test_the_url_option_overrides_what_the_ini_says(plain: Path, migrator: Migrator) -> None:
    ran = migrator("upgrade", "-c", "alembic.ini", "--url", "sqlite:///given.db", cwd=plain)
    assert ran.code == 0, ran.err
    assert ran.err.startswith("plain | alembic.ini | given.db | from --url\n")
    assert [path.name for path in plain.glob("*.db")] == ["given.db"]


def test_a_url_that_env_py_finds_by_itself_is_no_error(
    plain: Path, migrator: Migrator, postgres_database: Database
) -> None:
    write_env(plain, "import os", "os.environ['APPLICATION_URL']")
    ini = plain / "alembic.ini"
    ini.write_text(ini.read_text().replace("sqlalchemy.url = sqlite:///plain.db", "sqlalchemy.url = 50%"))
    at = postgres_database
    url = at.url.replace("postgresql:", "postgresql+psycopg:")
    ran = migrator("upgrade", "-c", "alembic.ini", cwd=plain, env={"APPLICATION_URL": url})
    assert ran.code == 0, ran.err
    assert f" | {at.user}@{at.host}:{at.port}/{at.name} | from env.py" in ran.err.splitlines()[0]
    assert at.query("SELECT version_num FROM alembic_version") == [("first",)]


def test_x_arguments_reach_env_py(plain: Path, migrator: Migrator) -> None:
    write_env(plain, url="'sqlite:///' + context.get_x_argument(as_dictionary=True)['db']")
    ran = migrator("-x", "unused=1", "upgrade", "-c", "alembic.ini", "-x", "db=x.db", cwd=plain)
    assert ran.code == 0, ran.err
    assert (plain / "x.db").exists()


def test_env_py_sees_what_alembics_command_line_would_hand_it(plain: Path, migrator: Migrator) -> None:
    write_env(
        plain,
        "o = context.config.cmd_opts\nprint('OPTS', o.config, o.name, o.x, o.revision, o.cmd[0].__name__)",
    )
    ran = migrator("upgrade", "-c", "alembic.ini", "-x", "a=b", "first", cwd=plain)
    line = next(line for line in ran.err.splitlines() if line.startswith("OPTS"))
    assert str(plain / "alembic.ini") in line
    assert line.endswith(" alembic ['a=b'] first upgrade")


def test_name_chooses_the_section(plain: Path, migrator: Migrator) -> None:
    other = plain / "other" / "versions"
    other.mkdir(parents=True)
    write_revision(other, "elsewhere")
    with (plain / "alembic.ini").open("a") as file:
        file.write(
            "\n[second]\nscript_location = %(here)s/alembic\nversion_locations = %(here)s/other/versions\n"
        )
        file.write("sqlalchemy.url = sqlite:///second.db\n")
    for args in (["-n", "second"], ["--name", "second"]):
        assert migrator("heads", "-c", "alembic.ini", *args, cwd=plain).out == "elsewhere (head)\n"
    assert migrator("upgrade", "-c", "alembic.ini", "-n", "second", cwd=plain).code == 0
    assert [path.name for path in plain.glob("*.db")] == ["second.db"]
    missing = migrator("heads", "-c", "alembic.ini", "-n", "third", cwd=plain)
    assert missing.code == 3
    assert "has no [third] section" in missing.err


def test_relative_paths_mean_what_they_mean_to_alembic(plain: Path, migrator: Migrator, shell: Shell) -> None:
    ini = plain / "alembic.ini"
    ini.write_text("[alembic]\nscript_location = alembic\nsqlalchemy.url = sqlite:///plain.db\n")
    assert migrator("heads", "-c", "alembic.ini", cwd=plain).out == "first (head)\n"
    inner = plain / "inner"
    inner.mkdir()
    assert shell(["alembic", "-c", "../alembic.ini", "heads"], cwd=inner).code != 0
    assert migrator("heads", "-c", "../alembic.ini", cwd=inner).code != 0
    ini.write_text(ini.read_text().replace("= alembic", "= %(here)s/alembic"))
    ran = migrator("upgrade", "-c", "../alembic.ini", cwd=inner)
    assert ran.code == 0, ran.err
    assert ran.err.startswith("plain | ")
    assert (inner / "plain.db").exists()


def test_what_env_py_prints_does_not_reach_stdout(plain: Path, migrator: Migrator) -> None:
    write_env(plain, "print('CHATTER')\nsys.stdout.write('more')")
    for command in (["current"], ["upgrade"], ["history", "-i"]):
        (plain / "plain.db").touch()
        ran = migrator(*command, "--json", "-c", "alembic.ini", cwd=plain)
        assert json.loads(ran.out)["status"] == "success"
        assert "CHATTER" in ran.err


def test_nothing_is_put_on_the_path_that_the_ini_does_not_ask_for(plain: Path, migrator: Migrator) -> None:
    write_env(plain, "print('PATH', sys.path)")
    before = migrator("upgrade", "-c", "alembic.ini", cwd=plain).err
    assert "PATH [" in before
    assert str(plain) not in before.partition("PATH [")[2].partition("]")[0]
    with (plain / "alembic.ini").open("a") as file:
        file.write("prepend_sys_path = %(here)s\n")
    assert f"PATH ['{plain}'" in migrator("upgrade", "-c", "alembic.ini", cwd=plain).err


def test_a_migrator_section_makes_it_an_environment_in_its_own_folders(
    plain: Path, migrator: Migrator
) -> None:
    with (plain / "alembic.ini").open("a") as file:
        file.write("\n[migrator]\nenvironment = staging\nlock_timeout = 1s\n")
    ran = migrator(
        "upgrade", "-c", "alembic.ini", cwd=plain, env={"STAGING_DATABASE_URL": "sqlite:///own.db"}
    )
    assert ran.code == 0, ran.err
    assert ran.err.startswith(
        "staging | alembic.ini | own.db | from STAGING_DATABASE_URL in the process's variables\n"
    )
    assert ran.out.startswith("upgraded staging: base -> first")


def test_a_file_of_a_project_is_the_same_environment_from_any_folder(
    tmp_path: Path, migrator: Migrator
) -> None:
    root = write_project(tmp_path / "a project", "test")
    write_revision(versions(root), "first")
    (root / ".env").write_text("TESTING_DATABASE_URL=sqlite:///here.db\n")
    inner = root / "src"
    inner.mkdir()
    ran = migrator("upgrade", "--config", "../configs/alembic_test.ini", cwd=inner)
    assert ran.code == 0, ran.err
    assert ran.err.startswith(
        "testing | configs/alembic_test.ini | here.db | from TESTING_DATABASE_URL in .env\n"
    )
    assert (root / "here.db").exists()
    assert list(inner.iterdir()) == []


@pytest.mark.parametrize("how", ["ini", "x", "variable"])
def test_a_password_that_only_env_py_knows_is_not_shown(
    plain: Path, migrator: Migrator, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(secrets, "_plain", set())
    monkeypatch.setattr(secrets, "_guarded", set())
    url = "postgresql+psycopg://app:S3cr3tOfTheirs@127.0.0.1:1/shop"
    source = {
        "ini": "context.config.get_main_option('sqlalchemy.url')",
        "x": "context.get_x_argument(as_dictionary=True)['url']",
        "variable": "__import__('os').environ['APPLICATION_URL']",
    }[how]
    ini = plain / "alembic.ini"
    ini.write_text(ini.read_text().replace("sqlite:///plain.db", url if how == "ini" else "unused"))
    write_env(plain, f"print('URL', {source})\nprint('URL', {source}, file=sys.stderr)", source)
    args = ["-x", f"url={url}"] if how == "x" else []
    for options in ([], ["--json"], ["--traceback", "--echo"]):
        process = {"APPLICATION_URL": url} if how == "variable" else {}
        ran = migrator("upgrade", "-c", "alembic.ini", *args, *options, cwd=plain, env=process)
        assert ran.code == 6
        assert ran.err.count("URL postgresql+psycopg://app:***@") == 2
        assert "S3cr3t" not in ran.out + ran.err


def test_echo_shows_the_sql_though_a_stock_env_py_configures_logging(
    tmp_path: Path, migrator: Migrator, shell: Shell
) -> None:
    assert shell(["alembic", "init", "db"], cwd=tmp_path).code == 0
    ini = tmp_path / "alembic.ini"
    ini.write_text(ini.read_text().replace(PLACEHOLDER, "sqlite:///stock.db"))
    up = "op.execute(sa.text('SELECT :word').bindparams(word='a-parameter'))"
    write_revision(tmp_path / "db" / "versions", "first", up="import sqlalchemy as sa\n" + up)

    ran = migrator("upgrade", "--config", "alembic.ini", "--echo", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert "CREATE TABLE alembic_version" in ran.err
    assert "SELECT ?\n-- 1 parameter\n" in ran.err
    assert "a-parameter" not in ran.err

    quiet = migrator("downgrade", "base", "--config", "alembic.ini", cwd=tmp_path)
    assert quiet.code == 0
    assert "alembic_version" not in quiet.err


def test_a_log_record_of_an_exception_names_it_in_its_line(plain: Path, migrator: Migrator) -> None:
    write_env(
        plain, "import logging\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    logging.exception('went on')"
    )

    ran = migrator("upgrade", "--config", "alembic.ini", cwd=plain)

    assert ran.code == 0, ran.err
    assert "error: went on: ZeroDivisionError: division by zero\n" in ran.err


ASYNC_ENV_PY = """
import asyncio
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine
{metadata}

def run(connection):
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()

async def main():
    async with create_async_engine("sqlite+aiosqlite:///plain.db").connect() as connection:
        await connection.run_sync(run)
        await connection.commit()

asyncio.run(main())
"""
METADATA = """
import sqlalchemy
metadata = sqlalchemy.MetaData()
sqlalchemy.Table("books", metadata, sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True))
"""


def write_driver(root: Path, driver: str) -> None:
    """Let env.py of the plain project use a driver, with the model of a table."""
    if driver == "aiosqlite":
        (root / "alembic" / "env.py").write_text(ASYNC_ENV_PY.format(metadata=METADATA))
        return
    write_env(root, METADATA)
    env_py = root / "alembic" / "env.py"
    env_py.write_text(env_py.read_text().replace("target_metadata=None", "target_metadata=metadata"))


@pytest.mark.parametrize("driver", ["pysqlite", "aiosqlite"])
@pytest.mark.parametrize(
    "line", ["current", "check", "history -i", "history -r :current", "log", "show current"]
)
def test_what_only_reads_makes_no_sqlite_file_either(
    plain: Path, migrator: Migrator, line: str, driver: str
) -> None:
    write_driver(plain, driver)
    before = tree(plain)

    ran = migrator(*line.split(), "--config", "alembic.ini", cwd=plain)

    assert (ran.code, ran.out) == (6, ""), ran.err
    assert f"The SQLite database {plain / 'plain.db'} does not exist." in ran.err
    assert "hint: Create it with: migrator upgrade" in ran.err
    assert tree(plain) == before


def test_doctor_says_that_the_file_is_not_there_and_makes_none(plain: Path, migrator: Migrator) -> None:
    ran = migrator("doctor", "--config", "alembic.ini", cwd=plain)

    assert ran.code == 1
    assert "plain.db does not exist" in ran.out
    assert not (plain / "plain.db").exists()


@pytest.mark.parametrize("driver", ["pysqlite", "aiosqlite"])
@pytest.mark.parametrize(("line", "code"), [("generate -m more", 5), ("upgrade --dry-run", 0)])
def test_no_empty_file_is_left_where_nothing_was_written(
    plain: Path, migrator: Migrator, line: str, code: int, driver: str
) -> None:
    write_driver(plain, driver)
    before = tree(plain)

    ran = migrator(*line.split(), "--config", "alembic.ini", cwd=plain)

    assert ran.code == code, ran.err
    assert tree(plain) == before


def test_generate_takes_an_absent_file_for_an_empty_database(plain: Path, migrator: Migrator) -> None:
    write_driver(plain, "pysqlite")
    (plain / "alembic" / "versions" / "first.py").unlink()
    (plain / "alembic" / "script.py.mako").write_text(MAKO.read_text())

    ran = migrator("generate", "-m", "books", "--config", "alembic.ini", cwd=plain)

    assert (ran.code, ran.out.splitlines()[0]) == (0, "add table books"), ran.err
    assert not (plain / "plain.db").exists()


def test_after_a_command_that_only_read_the_file_can_be_made_in_the_same_process(
    plain: Path, migrator: Migrator
) -> None:
    assert migrator("current", "--config", "alembic.ini", cwd=plain).code == 6
    assert migrator("upgrade", "--config", "alembic.ini", cwd=plain).code == 0
    assert migrator("current", "--config", "alembic.ini", cwd=plain).out == "first (head)\n"
