"""`init --from`: environments over an Alembic project that is there, which stays as it is."""

from __future__ import annotations

import configparser
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PASSWORD, Database, Ran
from tests.projects.foreign.kinds import FOLDER, PLACEHOLDER
from tests.projects.small import revision_text, tree

Migrator = Callable[..., Ran]
Shell = Callable[..., Ran]

FLASK_ENV = """
from flask import current_app
from alembic import context

target_db = current_app.extensions["migrate"].db
context.configure(connection=target_db.engine.connect(), target_metadata=target_db.metadata)
"""
ADVANCED_ENV = """
from alembic import context
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from advanced_alchemy.alembic.commands import AlembicCommandConfig
config: "AlembicCommandConfig" = context.config
context.configure(url=config.db_url, version_table=config.version_table_name)
"""
MODELS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
LOGGING = """\
[loggers]
keys = root
[handlers]
keys =
[formatters]
keys =
[logger_root]
level = WARN
handlers =
"""
CREATE = 'op.execute("CREATE TABLE authors (id INTEGER NOT NULL PRIMARY KEY)")'


def data(ran: Ran) -> dict[str, Any]:
    """Give the data of the JSON document, of a run that went well."""
    assert ran.code == 0, ran.err
    return dict(json.loads(ran.out)["data"])


def options(ini: Path) -> dict[str, str]:
    """Give Alembic's section as Alembic reads it."""
    parser = configparser.ConfigParser({"here": ini.parent.as_posix()})
    parser.read(ini)
    return dict(parser.items("alembic"))


def write_team(root: Path, ini: str, env_py: str = "", folder: str = "migrations") -> None:
    """Write an Alembic project with one revision."""
    (root / folder / "versions").mkdir(parents=True)
    (root / folder / "env.py").write_text(env_py or (FOLDER / "stock_sync/migrations/env.py").read_text())
    (root / folder / "script.py.mako").write_text("# ours\n")
    (root / folder / "versions" / "r1.py").write_text(revision_text("r1", None, CREATE))
    (root / "models.py").write_text(MODELS)
    (root / "alembic.ini").write_text(ini)


def assert_untouched(root: Path, before: dict[str, bytes]) -> None:
    """See that every file of the team is as it was."""
    after = tree(root)
    assert {name: after.get(name) for name in before} == before


@pytest.mark.parametrize("template", ["generic", "async", "pyproject", "pyproject_async"])
def test_a_stock_project_is_upgraded_by_the_printed_command(
    template: str, tmp_path: Path, migrator: Migrator, shell: Shell
) -> None:
    root = tmp_path / "a pröject"
    root.mkdir()
    assert shell(["alembic", "init", "-t", template, "db"], cwd=root).code == 0
    ini = root / "alembic.ini"
    driver = "sqlite+aiosqlite" if "async" in template else "sqlite"
    ini.write_text(ini.read_text().replace(PLACEHOLDER, f"{driver}:///stock.db"))
    (root / "db" / "versions" / "r1.py").write_text(revision_text("r1", None, CREATE))
    before = tree(root)

    file = "pyproject.toml" if "pyproject" in template else "alembic.ini"
    made = data(migrator("init", "--from", file, "--json", cwd=root))

    assert made["adopted"] == file
    assert made["written"] == [".env.example", "configs/alembic_test.ini", "configs/alembic_online.ini"]
    assert {each["version_folder"] for each in made["environments"]} == {"db/versions"}
    assert made["next"] == "migrator upgrade"
    assert_untouched(root, before)
    upgraded = migrator("upgrade", cwd=root)
    assert upgraded.out.startswith("upgraded testing: base -> r1"), upgraded.err
    assert migrator("current", cwd=root).out == shell(["alembic", "-c", file, "current"], cwd=root).out
    plain = shell(["alembic", "-c", "configs/alembic_test.ini", "current"], cwd=root)
    assert (plain.code, plain.out) == (0, "r1 (head)\n"), plain.err


def test_the_new_files_mean_what_the_team_s_file_means(tmp_path: Path, migrator: Migrator) -> None:
    write_team(
        tmp_path,
        "[DEFAULT]\nplace = %(here)s/somewhere\n"
        "[alembic]\nscript_location = migrations\nprepend_sys_path = .:lib\npath_separator = os\n"
        "version_locations = %(here)s/migrations/versions:plugins/v\n"
        "file_template = %%(rev)s_%%(slug)s\ntimezone = UTC\nour_option = %(place)s\n"
        "sqlalchemy.echo = true\nsqlalchemy.url = sqlite:///team.db\n"
        "[post_write_hooks]\nhooks = own\nown.type = exec\nown.executable = %(here)s/bin/format\n"
        "[loggers]\nkeys = root\n",
    )
    assert migrator("init", "--from", "alembic.ini", cwd=tmp_path).code == 0

    ini = tmp_path / "configs" / "alembic_test.ini"
    said = options(ini)
    real = {
        name: [os.path.normpath(part) for part in said[name].split("\n")]
        for name in ("script_location", "version_locations", "prepend_sys_path", "our_option")
    }
    assert real == {
        "script_location": [str(tmp_path / "migrations")],
        "version_locations": [str(tmp_path / "migrations" / "versions"), str(tmp_path / "plugins" / "v")],
        "prepend_sys_path": [str(tmp_path), str(tmp_path / "lib")],
        "our_option": [str(tmp_path / "somewhere")],
    }
    assert said["path_separator"] == "newline"
    kept = ("file_template", "timezone", "sqlalchemy.echo", "sqlalchemy.url")
    assert [said[name] for name in kept] == ["%(rev)s_%(slug)s", "UTC", "true", "sqlite:///team.db"]
    text = ini.read_text()
    assert "own.executable = %(here)s/../bin/format" in text
    assert "[loggers]\nkeys = root" in text
    # What is protected gets no database by itself.
    assert "sqlalchemy.url" not in options(tmp_path / "configs" / "alembic_online.ini")


def test_hooks_of_a_pyproject_are_carried_over(tmp_path: Path, migrator: Migrator) -> None:
    write_team(tmp_path, "[loggers]\nkeys = root\n")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.alembic]\nscript_location = "%(here)s/migrations"\nprepend_sys_path = ["."]\n'
        'recursive_version_locations = true\nfile_template = "%%(rev)s"\n'
        '[[tool.alembic.post_write_hooks]]\nname = "one"\ntype = "module"\nmodule = "ruff"\n'
    )
    assert migrator("init", "--from", "pyproject.toml", cwd=tmp_path).code == 0

    text = (tmp_path / "configs" / "alembic_test.ini").read_text()
    assert "[post_write_hooks]\nhooks = one\none.type = module\none.module = ruff" in text
    assert "recursive_version_locations = true" in text
    assert "file_template = %%(rev)s\n" in text


def test_a_password_is_neither_copied_nor_printed(
    tmp_path: Path, migrator: Migrator, postgres_database: Database
) -> None:
    url = postgres_database.url.replace("postgresql:", "postgresql+psycopg:")
    token = PASSWORD.partition("%")[0]
    write_team(
        tmp_path,
        "[alembic]\nscript_location = migrations\nprepend_sys_path = .\n"
        f"sqlalchemy.url = postgresql+psycopg://app:Wr0ngS3cret@db/shop\napi_token = {token}\n"
        f"{LOGGING}",
    )

    ran = migrator("init", "--from", "alembic.ini", cwd=tmp_path)

    new = "".join(path.read_text() for path in (tmp_path / "configs").iterdir())
    for text in (new, ran.out, ran.err):
        assert "Wr0ngS3cret" not in text
        assert token not in text
    assert "sqlalchemy.url, api_token of alembic.ini was not copied" in ran.out
    # The printed command, with the real address put in.
    following = ran.out.splitlines()[-1]
    assert following == (
        "next: export TESTING_DATABASE_URL=postgresql+psycopg://USER:PASSWORD@HOST:5432/DATABASE"
        " && migrator upgrade"
    )
    upgraded = migrator("upgrade", cwd=tmp_path, env={"TESTING_DATABASE_URL": url})
    assert upgraded.code == 0, upgraded.err
    assert postgres_database.tables() == ["alembic_version", "authors"]


@pytest.mark.parametrize(
    ("env_py", "tool", "call", "table"),
    [
        (FLASK_ENV, "Flask-Migrate", "run_migrations()", "alembic_version"),
        (ADVANCED_ENV, "advanced-alchemy", 'version_table="alembic_versions"', "alembic_versions"),
    ],
)
def test_an_env_py_that_cannot_run_alone_gets_one_of_ours_beside_it(
    env_py: str, tool: str, call: str, table: str, tmp_path: Path, migrator: Migrator
) -> None:
    write_team(tmp_path, "[alembic]\nscript_location = migrations\n", env_py)
    before = tree(tmp_path)

    ran = migrator("init", "--from", "alembic.ini", "--database", "sqlite", "--json", cwd=tmp_path)

    made = data(ran)
    assert made["models"] == ["models"]
    assert f"runs under {tool} only: migrator runs configs/env/env.py instead" in made["notes"][0]
    assert call in (tmp_path / "configs" / "env" / "env.py").read_text()
    assert (tmp_path / "configs" / "env" / "script.py.mako").read_text() == "# ours\n"
    assert_untouched(tmp_path, before)
    upgraded = migrator("upgrade", cwd=tmp_path)
    assert upgraded.code == 0, upgraded.err
    with sqlite3.connect(tmp_path / "testing.db") as connection:
        assert connection.execute(f"SELECT version_num FROM {table}").fetchall() == [("r1",)]
    assert migrator("check", cwd=tmp_path).code == 0


def test_a_file_of_flask_migrate_lies_in_the_folder_that_it_does_not_name(
    tmp_path: Path, migrator: Migrator
) -> None:
    write_team(tmp_path, "")
    (tmp_path / "alembic.ini").rename(tmp_path / "migrations" / "alembic.ini")
    (tmp_path / "migrations" / "alembic.ini").write_text("[alembic]\nsqlalchemy.url = sqlite:///db.db\n")

    made = data(migrator("init", "--from", "migrations/alembic.ini", "--json", cwd=tmp_path))

    assert {each["version_folder"] for each in made["environments"]} == {"migrations/versions"}
    said = options(tmp_path / "configs" / "alembic_test.ini")
    assert os.path.normpath(said["script_location"]) == str(tmp_path / "migrations")
    # The URL's file lies where it lay for whoever ran Alembic there.
    assert said["sqlalchemy.url"] == "sqlite:///migrations/db.db"


@pytest.mark.parametrize(
    ("project", "said"),
    [
        ("own_variable", "takes the database's URL from elsewhere than sqlalchemy.url"),
        ("transaction_per_migration", "has its own way with transactions, which is kept: transaction = env"),
        ("stock_sync", "calls fileConfig(), which disables the loggers that exist already"),
    ],
)
def test_it_says_what_the_env_py_does_that_nobody_sees(
    project: str, said: str, tmp_path: Path, migrator: Migrator
) -> None:
    for path in (FOLDER / project).rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            target = tmp_path / path.relative_to(FOLDER / project)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())

    made = data(migrator("init", "--from", "alembic.ini", "--json", cwd=tmp_path))

    [note] = [each for each in made["notes"] if said in each]
    assert note.startswith("migrations/env.py, line")
    keeps = "transaction = env" in (tmp_path / "configs" / "alembic_test.ini").read_text()
    assert keeps == (project == "transaction_per_migration")


def test_without_a_revision_the_next_command_writes_one(tmp_path: Path, migrator: Migrator) -> None:
    write_team(tmp_path, "[alembic]\nscript_location = migrations\nsqlalchemy.url = sqlite:///x.db\n")
    (tmp_path / "migrations" / "versions" / "r1.py").rename(
        tmp_path / "migrations" / "versions" / "__init__.py"
    )

    made = data(migrator("init", "--from", "alembic.ini", "--json", cwd=tmp_path))

    assert made["next"] == "migrator generate -m initial && migrator upgrade"


def test_another_section_and_other_environments(tmp_path: Path, migrator: Migrator) -> None:
    write_team(
        tmp_path,
        "[shop]\nscript_location = migrations\nprepend_sys_path = .\nsqlalchemy.url = sqlite:///x.db\n"
        f"{LOGGING}",
    )

    made = data(
        migrator("init", "--from", "alembic.ini", "--name", "shop", "-e", "qa", "--json", cwd=tmp_path)
    )

    assert [each["name"] for each in made["environments"]] == ["qa"]
    text = (tmp_path / "configs" / "alembic_qa.ini").read_text()
    assert "[alembic]\nscript_location" in text
    assert "default = true" in text
    assert migrator("upgrade", cwd=tmp_path).code == 0


def test_another_environment_is_added_later(tmp_path: Path, migrator: Migrator) -> None:
    write_team(tmp_path, "[alembic]\nscript_location = migrations\nsqlalchemy.url = sqlite:///x.db\n")
    assert migrator("init", "--from", "alembic.ini", cwd=tmp_path).code == 0
    before = tree(tmp_path)

    made = data(migrator("init", "--from", "alembic.ini", "--env", "staging", "--json", cwd=tmp_path))

    assert made["written"] == ["configs/alembic_staging.ini"]
    assert "sqlalchemy.url" not in (tmp_path / "configs" / "alembic_staging.ini").read_text()
    assert_untouched(tmp_path, before)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--from", "nothing.ini"], 3, "nothing.ini does not exist"),
        (["--from", "migrations"], 3, "is a folder, not a configuration file"),
        (["--from", "models.py"], 3, "is not a valid ini file"),
        (["--from", "alembic.ini", "--database", "embedded"], 2, "does not go with an env.py that makes"),
        (["--from", "alembic.ini", "--template", "x"], 2, "--template does not go with --from"),
        (["--from", "alembic.ini", "--separate"], 2, "--separate does not go with --from"),
        (["--from", "alembic.ini", "--name", "other"], 3, "has no [other] section"),
        (["--from", "alembic.ini", "--env", "a b"], 2, "is not a name"),
    ],
)
def test_what_cannot_be_adopted_is_an_error_and_writes_nothing(
    arguments: list[str], code: int, said: str, tmp_path: Path, migrator: Migrator
) -> None:
    write_team(tmp_path, "[alembic]\nscript_location = migrations\n")
    before = tree(tmp_path)

    ran = migrator("init", *arguments, cwd=tmp_path)

    assert ran.code == code, ran.out + ran.err
    assert said in ran.err
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("ini", "env_py", "code", "said"),
    [
        ("[alembic]\n", "", 3, "has no script_location, and there is no env.py beside it"),
        ("[alembic]\nscript_location = nowhere\n", "", 3, "nowhere/env.py cannot be read"),
        ("[alembic]\nscript_location = nosuchpackage:db\n", "", 3, "names the package nosuchpackage"),
        ("[alembic]\nscript_location = migrations\n", "def (\n", 3, "env.py, line 1, is not valid Python"),
        ("[alembic]\nscript_location = migrations\npath_separator = x\n", "", 3, "path_separator is not"),
        (
            "[alembic]\nscript_location = migrations\n[one]\nsqlalchemy.url = sqlite:///1.db\n",
            "",
            4,
            "migrator upgrade --config alembic.ini",
        ),
    ],
)
def test_a_configuration_that_cannot_be_read_is_an_error_and_writes_nothing(
    ini: str, env_py: str, code: int, said: str, tmp_path: Path, migrator: Migrator
) -> None:
    write_team(tmp_path, ini + ("prepend_sys_path = .\n" if "path_sep" in ini else ""), env_py)
    before = tree(tmp_path)

    ran = migrator("init", "--from", "alembic.ini", cwd=tmp_path)

    assert ran.code == code, ran.out + ran.err
    assert said in ran.err
    assert tree(tmp_path) == before
