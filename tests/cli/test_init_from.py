"""`init --from`: environments over an Alembic project that is there, which stays as it is."""

from __future__ import annotations

import configparser
import json
import os
import re
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docs.generate.console import steps_of
from docs.generate.paths import DOCS
from migrator.config.environments import read_environment
from tests.conftest import PASSWORD, ROOT, Database, Ran
from tests.projects.authors import MODELS
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


@pytest.mark.slow
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


def test_a_dotenv_file_that_git_would_take_up_is_told(
    tmp_path: Path, migrator: Migrator, shell: Shell
) -> None:
    write_team(tmp_path, "[alembic]\nscript_location = migrations\n")
    told = "note: git does not ignore .env: name .env, .env.* and !.env.example in .gitignore.\n"

    assert told not in migrator("init", "--from", "alembic.ini", "--dry-run", cwd=tmp_path).out
    assert shell(["git", "init", "--quiet"], cwd=tmp_path).code == 0
    assert told in migrator("init", "--from", "alembic.ini", "--dry-run", cwd=tmp_path).out
    (tmp_path / ".gitignore").write_text(".env*\n")
    assert told not in migrator("init", "--from", "alembic.ini", "--dry-run", cwd=tmp_path).out


def test_a_url_whose_driver_is_missing_is_told_by_what_to_write(
    tmp_path: Path, migrator: Migrator, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shell(["alembic", "init", "-t", "async", "db"], cwd=tmp_path).code == 0
    assert migrator("init", "--from", "alembic.ini", cwd=tmp_path).code == 0
    monkeypatch.setitem(sys.modules, "psycopg", None)

    env = {"TESTING_DATABASE_URL": "postgresql+psycopg://app@localhost:1/shop"}
    ran = migrator("upgrade", cwd=tmp_path, env=env)

    assert ran.code == 3
    assert "such as postgresql+asyncpg://" in ran.err


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
    assert (
        "note: sqlalchemy.url of alembic.ini was not copied, since it holds a password: give the" in ran.out
    )
    assert "note: api_token of alembic.ini was not copied, since it may hold a secret: write it" in ran.out
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


def test_an_env_py_without_models_is_named_by_the_next_command_and_by_the_error(
    tmp_path: Path, migrator: Migrator
) -> None:
    env_py = (FOLDER / "stock_sync/migrations/env.py").read_text()
    without = re.sub(r"^target_metadata = .*", "target_metadata = None", env_py, flags=re.MULTILINE)
    ini = "[alembic]\nscript_location = migrations\nprepend_sys_path = .\nsqlalchemy.url = sqlite:///x.db\n"
    write_team(tmp_path, ini + LOGGING, without)
    (tmp_path / "migrations" / "versions" / "r1.py").unlink()
    template = (ROOT / "migrations" / "script.py.mako").read_text()
    (tmp_path / "migrations" / "script.py.mako").write_text(template)

    made = data(migrator("init", "--from", "alembic.ini", "--json", cwd=tmp_path))

    commands = "migrator generate -m initial && migrator upgrade"
    assert made["next"] == f"set target_metadata in migrations/env.py, then: {commands}"
    for where in ([], ["--config", "alembic.ini"]):
        ran = migrator("generate", "-m", "initial", *where, cwd=tmp_path)
        assert ran.code == 3
        assert "error: migrations/env.py names no models: its target_metadata is None." in ran.err
        assert "hint: Set it in migrations/env.py" in ran.err
    # As it says.
    (tmp_path / "migrations" / "env.py").write_text(
        "from models import Base\n"
        + without.replace("target_metadata = None", "target_metadata = Base.metadata")
    )
    for command in commands.split(" && "):
        ran = migrator(*command.split()[1:], cwd=tmp_path)
        assert ran.code == 0, ran.err
    # Beside environments that are there the new one has to be named.
    more = data(migrator("init", "--from", "alembic.ini", "--env", "staging", "--json", cwd=tmp_path))
    assert more["next"].endswith("/DATABASE && migrator upgrade --env staging")
    assert data(migrator("init", "--from", "alembic.ini", "--json", cwd=tmp_path))["next"] == "migrator envs"


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


def test_the_file_s_other_section_of_alembic_is_not_copied(tmp_path: Path, migrator: Migrator) -> None:
    write_team(
        tmp_path,
        "[alembic]\nscript_location = elsewhere\nsqlalchemy.url = sqlite:///other.db\n"
        "[shop]\nscript_location = migrations\nsqlalchemy.url = sqlite:///x.db\n",
    )

    assert migrator("init", "--from", "alembic.ini", "--name", "shop", cwd=tmp_path).code == 0

    # Read strictly: a section that is there twice is an error.
    assert options(tmp_path / "configs" / "alembic_test.ini")["sqlalchemy.url"] == "sqlite:///x.db"


def test_the_section_of_migrator_in_a_pyproject_is_carried_over(tmp_path: Path, migrator: Migrator) -> None:
    write_team(tmp_path, "")
    (tmp_path / "alembic.ini").unlink()
    (tmp_path / "pyproject.toml").write_text(
        '[tool.alembic]\nscript_location = "migrations"\n'
        '[tool.migrator]\nexclude_tables = ["django_*", "audit.*"]\nlint_gate = true\nretries = 7\n'
        'environment = "mine"\n'
    )

    assert migrator("init", "--from", "pyproject.toml", cwd=tmp_path).code == 0

    for name in ("test", "online"):
        environment = read_environment(tmp_path / "configs" / f"alembic_{name}.ini", tmp_path)
        settings = environment.settings
        assert (settings.exclude_tables, settings.lint_gate, settings.retries, settings.environment) == (
            ("django_*", "audit.*"), True, 7, None,
        )  # fmt: skip


@pytest.mark.parametrize("key", ["version_locations", "versions"])
def test_a_version_folder_with_a_space_in_it_stays_one(key: str, tmp_path: Path, migrator: Migrator) -> None:
    write_team(tmp_path, f"[alembic]\nscript_location = migrations\n{key} = %(here)s/my versions\n{LOGGING}")
    (tmp_path / "migrations" / "versions").rename(tmp_path / "my versions")

    made = data(migrator("init", "--from", "alembic.ini", "--json", cwd=tmp_path))

    assert made["environments"][0]["version_folder"] == "my versions"
    plain = migrator("heads", "--config", "alembic.ini", cwd=tmp_path)
    adopted = migrator("heads", cwd=tmp_path)
    assert (adopted.code, adopted.out) == (0, plain.out), adopted.err


def test_folders_of_python_are_split_at_colons_as_alembic_does(tmp_path: Path, migrator: Migrator) -> None:
    (tmp_path / "lib").mkdir()
    write_team(
        tmp_path, f"[alembic]\nscript_location = migrations\nprepend_sys_path = .:lib\n{LOGGING}[migrator]\n"
    )
    (tmp_path / "models.py").rename(tmp_path / "lib" / "models.py")

    assert migrator("init", "--from", "alembic.ini", cwd=tmp_path).code == 0

    said = options(tmp_path / "configs" / "alembic_test.ini")["prepend_sys_path"].split("\n")
    assert [os.path.normpath(part) for part in said] == [str(tmp_path), str(tmp_path / "lib")]
    where = ("--config", "alembic.ini", "--url", "sqlite:///x.db")
    plain = migrator("upgrade", *where, cwd=tmp_path)
    assert plain.code == 0, plain.err


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://db/shop?user=root&password=hunter2secret",
        "postgresql+psycopg://db/shop?p%%61ssword=hunter2secret",
        "postgresql+psycopg://db/shop?pwd=hunter2secret",
        "mssql+pyodbc:///?odbc_connect=SERVER%%3Ddb%%3BPWD%%3Dhunter2secret",
    ],
)
def test_whatever_may_hold_a_secret_is_left_out_and_named(
    url: str, tmp_path: Path, migrator: Migrator
) -> None:
    write_team(
        tmp_path,
        "[DEFAULT]\ndb_pass = hunter2secret\n[alembic]\nscript_location = migrations\n"
        f"sqlalchemy.url = {url}\n"
        "foo_pwd = hunter2secret\napi_key = hunter2secret\nput_together = x%(db_pass)s\nauthor = ada\n"
        "dsn = host=db password=hunter2secret\n[other]\nauth = hunter2secret\n[loggers]\nkeys = root\n"
        "[formatter_plain]\nformat = key=%(message)s\n",
    )

    ran = migrator("init", "--from", "alembic.ini", cwd=tmp_path)

    assert ran.code == 0, ran.err
    for ini in (tmp_path / "configs").iterdir():
        text = ini.read_text()
        assert "hunter2secret" not in text
        assert "%(db_pass)s" not in text
        assert "author = ada\n" in text
        assert "[loggers]\nkeys = root\n" in text
        assert "format = key=%(message)s\n" in text
    assert "hunter2secret" not in ran.out + ran.err
    left_out = "foo_pwd, api_key, dsn, db_pass, auth, put_together"
    assert f"note: {left_out} of alembic.ini was not copied, since it may hold a secret" in ran.out


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
        (["--from", "alembic.ini", "--models", "models"], 2, "--models does not go with migrations/env.py"),
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
        ("[alembic]\nscript_location = migrations\npath_separator = x\n", "", 3, "is not valid: x."),
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


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("tool = 1\n", "has no [tool.alembic] section"),
        ("[tool]\nalembic = 1\n", "has no [tool.alembic] section"),
        ('post_write_hooks = "black"\n', "post_write_hooks in {file} is not a list of tables"),
        ('post_write_hooks = ["black"]\n', "post_write_hooks in {file} is not a list of tables"),
        ('[[tool.alembic.post_write_hooks]]\ntype = "exec"\n', "post_write_hooks in {file} is not a list"),
        ("version_locations = [1]\n", "version_locations in {file} is not a list of paths"),
        ("prepend_sys_path = [1]\n", "prepend_sys_path in {file} is not a list of paths"),
    ],
)
def test_a_pyproject_that_cannot_be_meant_is_an_error_and_writes_nothing(
    toml: str, said: str, tmp_path: Path, migrator: Migrator
) -> None:
    write_team(tmp_path, "")
    (tmp_path / "alembic.ini").unlink()
    file = tmp_path / "pyproject.toml"
    head = "" if toml.startswith(("tool", "[tool]")) else '[tool.alembic]\nscript_location = "migrations"\n'
    file.write_text(head + toml)
    before = tree(tmp_path)

    ran = migrator("init", "--from", "pyproject.toml", cwd=tmp_path)

    assert ran.code == 3, ran.out + ran.err
    assert said.format(file=file) in ran.err
    assert tree(tmp_path) == before


def test_an_env_py_that_calls_migrator_takes_models_and_a_database_of_migrator_s(
    tmp_path: Path, migrator: Migrator
) -> None:
    ours = "from migrator.env import run_migrations\n\nrun_migrations()\n"
    write_team(tmp_path, "[alembic]\nscript_location = migrations\nprepend_sys_path = .\n", ours)

    made = ("init", "--from", "alembic.ini", "--models", "models", "--database", "sqlite")
    assert data(migrator(*made, "--json", cwd=tmp_path))["models"] == ["models"]

    assert migrator("upgrade", cwd=tmp_path).code == 0
    assert (tmp_path / "testing.db").is_file()
    assert migrator("check", cwd=tmp_path).code == 0


FLASK_APP = """
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()


class Author(db.Model):
    id = db.Column(db.Integer, primary_key=True)
"""


def test_the_page_shows_what_is_printed(tmp_path: Path, migrator: Migrator) -> None:
    stock, flask = tmp_path / "stock", tmp_path / "flask"
    url = "sqlalchemy.url = postgresql+asyncpg://app:Wr0ngS3cret@db/shop\n"
    write_team(stock, f"[alembic]\nscript_location = alembic\n{url}", folder="alembic")
    write_team(flask, "", FLASK_ENV)
    (flask / "models.py").unlink()
    (flask / "app.py").write_text(FLASK_APP)
    (flask / "alembic.ini").unlink()
    (flask / "migrations" / "alembic.ini").write_text("[alembic]\n")

    shown = steps_of((DOCS / "how-to" / "adopt.md").read_text())

    assert len(shown) == 2
    for root, step in zip((stock, flask), shown, strict=True):
        assert migrator(*step.command.split()[1:], cwd=root).out.splitlines() == step.output.splitlines()
