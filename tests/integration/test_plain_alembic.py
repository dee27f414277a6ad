"""Plain `alembic` on the same project: the same database, the same folders, the same answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.config import Config

from tests.projects.books import AnyDatabase, make_project
from tests.slow import first_is_fast

if TYPE_CHECKING:
    from tests.conftest import Database, Ran

Migrator = Callable[..., "Ran"]
Shell = Callable[..., "Ran"]

TEST = ("alembic", "-c", "configs/alembic_test.ini")
ONLINE = ("alembic", "-c", "configs/alembic_online.ini")
SCHEMA = """
    select table_name, column_name, data_type, column_default, is_nullable, character_maximum_length
    from information_schema.columns where table_schema = 'public'
    union all
    select tablename, indexname, indexdef, null, null, null from pg_indexes where schemaname = 'public'
    union all
    select conrelid::regclass::text, conname, pg_get_constraintdef(oid), null, null, null
    from pg_constraint where connamespace = 'public'::regnamespace
    order by 1, 2, 3
"""


@pytest.mark.slow
def test_heads_and_history_agree_in_both_environments(
    shell: Shell, migrator: Migrator, checkout: Path
) -> None:
    for alembic, env, line in ((TEST, "testing", "heads"), (ONLINE, "production", "history")):
        plain = shell([*alembic, line], cwd=checkout)
        assert plain.code == 0, plain.err
        assert migrator("--env", env, line, cwd=checkout).out == plain.out


def test_upgrade_makes_the_same_schema_and_current_and_check_agree(
    shell: Shell, migrator: Migrator, checkout: Path, new_database: Callable[[], Database]
) -> None:
    by_alembic, by_migrator = new_database(), new_database()
    env = {"TESTING_DATABASE_URL": by_alembic.url}

    upgraded = shell([*TEST, "upgrade", "head"], cwd=checkout, env=env)
    assert upgraded.code == 0, upgraded.err
    assert by_alembic.password not in upgraded.out + upgraded.err
    assert migrator("upgrade", "--url", by_migrator.url, cwd=checkout).code == 0

    assert by_alembic.query(SCHEMA) == by_migrator.query(SCHEMA)
    assert migrator("check", cwd=checkout, env=env).code == 0
    plain = shell([*TEST, "current"], cwd=checkout, env=env)
    assert migrator("current", cwd=checkout, env=env).out == plain.out != ""


@pytest.mark.slow
def test_each_goes_on_where_the_other_left_off(
    shell: Shell, migrator: Migrator, checkout: Path, postgres_database: Database
) -> None:
    url = postgres_database.url.replace("postgresql:", "postgresql+psycopg:")
    env = {"PRODUCTION_DATABASE_URL": url}
    assert migrator("upgrade", "+2", "--env", "production", cwd=checkout, env=env).code == 0

    assert shell([*ONLINE, "upgrade", "head"], cwd=checkout, env=env).code == 0

    back = migrator("downgrade", "base", "-e", "online", "--confirm", "production", cwd=checkout, env=env)
    assert back.code == 0, back.err
    assert postgres_database.tables() == ["alembic_version"]


@pytest.mark.slow
def test_autogenerate_finds_the_same_and_lands_in_the_same_folder(
    shell: Shell, migrator: Migrator, checkout: Path, postgres_database: Database
) -> None:
    env = {"TESTING_DATABASE_URL": postgres_database.url}
    ini = checkout / "configs" / "alembic_test.ini"
    ini.write_text(ini.read_text() + "exclude_tables = django_*\n")
    postgres_database.query("CREATE TABLE django_session (session_key text primary key)")
    assert migrator("upgrade", cwd=checkout, env=env).code == 0
    folder = checkout / "migrations" / "test" / "versions"
    before = {path.name for path in folder.glob("*.py")}
    other = sorted((checkout / "migrations" / "online" / "versions").glob("*.py"))

    # Started in a sub-folder with the file's own path: the folders in the ini do not depend on where one is.
    arguments = ["revision", "--autogenerate", "-m", "by alembic", "--rev-id", "plain"]
    plain = shell(
        ["alembic", "-c", "../configs/alembic_test.ini", *arguments], cwd=checkout / "examples", env=env
    )

    assert plain.code == 0, plain.err
    assert {path.name for path in folder.glob("*.py")} - before == {"plain_by_alembic.py"}
    assert sorted((checkout / "migrations" / "online" / "versions").glob("*.py")) == other
    text = (folder / "plain_by_alembic.py").read_text()
    assert "django_session" not in text
    assert "op." not in text.partition("def upgrade")[2]
    assert migrator("upgrade", cwd=checkout, env=env).code == 0
    assert postgres_database.query("SELECT version_num FROM alembic_version") == [("plain",)]


def test_they_agree_on_sqlite_too(migrator: Migrator, tmp_path: Path) -> None:
    books = make_project(tmp_path / "a project of books")
    file = books.root / "books.db"
    database = AnyDatabase(f"sqlite+aiosqlite:///{file}", f"sqlite:///{file}")
    assert migrator("generate", "-m", "add authors", cwd=books.root, env=database.env).code == 0

    command.upgrade(Config(str(books.ini), attributes={"url": database.url}), "head")

    assert database.tables() == ["alembic_version", "authors"]
    assert migrator("current", "--check-heads", cwd=books.root, env=database.env).code == 0
    assert migrator("check", cwd=books.root, env=database.env).code == 0


def test_a_failing_revision_leaves_nothing_behind_under_plain_alembic(tmp_path: Path) -> None:
    books = make_project(tmp_path / "a project of books")
    books.tables("authors", "shelves")
    books.revision("r2", "r1", "op.execute('CREATE TABLE half_way (id INTEGER)')\n1 / 0")
    database = AnyDatabase(f"sqlite:///{books.root}/books.db", f"sqlite:///{books.root}/books.db")

    with pytest.raises(ZeroDivisionError):
        command.upgrade(Config(str(books.ini), attributes={"url": database.url}), "head")

    assert database.version() == ["r1"]
    assert database.tables() == ["alembic_version", "authors"]


@pytest.mark.slow
def test_current_and_heads_agree_where_a_revision_depends_on_another_branch(
    shell: Shell, migrator: Migrator, tmp_path: Path
) -> None:
    books = make_project(tmp_path / "a project of books")
    books.revision("a1", None)
    books.revision("b1", None)
    books.revision("b2", "b1", depends_on="a1")
    env = {"TESTING_DATABASE_URL": f"sqlite:///{books.root}/books.db"}
    assert migrator("upgrade", "heads", cwd=books.root, env=env).code == 0

    for line in ("current", "heads"):
        plain = shell([*TEST, line], cwd=books.root, env=env)
        assert plain.code == 0, plain.err
        ours = migrator(line, cwd=books.root, env=env).out.splitlines()
        assert sorted(ours) == sorted(plain.out.splitlines()) == ["a1 (effective head)", "b2 (head)"]


TOML = """
[tool.alembic]
script_location = "%(here)s/migrations"
version_locations = ["%(here)s/migrations/test/versions"]
prepend_sys_path = ["%(here)s"]
{url}
[tool.migrator]
models = ["{package}"]
"""


@pytest.mark.parametrize("place", first_is_fast(["file", "attributes", "main option"]))
def test_plain_alembic_takes_a_pyproject_alone(shell: Shell, tmp_path: Path, place: str) -> None:
    books = make_project(tmp_path / "a project of books")
    books.tables("authors")
    books.ini.unlink()
    database = AnyDatabase(f"sqlite:///{books.root}/books.db", f"sqlite:///{books.root}/books.db")
    said = f'"sqlalchemy.url" = "{database.url}"' if place == "file" else ""
    toml = books.root / "pyproject.toml"
    toml.write_text(TOML.format(url=said, package=books.package))

    if place == "file":
        ran = shell(["alembic", "-c", "pyproject.toml", "upgrade", "head"], cwd=books.root)
        assert ran.code == 0, ran.err
    else:
        # As Alembic's command line makes it: it names an alembic.ini, whether there is one or not.
        config = Config(str(books.root / "alembic.ini"), toml_file=str(toml))
        if place == "attributes":
            config.attributes["url"] = database.url
        else:
            config.set_main_option("sqlalchemy.url", database.url)
        command.upgrade(config, "head")

    assert database.version() == ["r1"]
