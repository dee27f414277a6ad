"""Passwords of any characters work, and no output shows one, whole or encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg import sql

from tests.conftest import PASSWORD, Database, Ran
from tests.projects.small import versions, write_project, write_revision

Migrator = Callable[..., Ran]
# In a URL, what stands before its last @ may be written as it is, except %.
RAW = "S3cr3t@/:#? pw"
# The part of both passwords that no encoding changes.
PART = "S3cr3t"
pytestmark = pytest.mark.usefixtures("no_secrets_known")
TELLS_ALL = """
import logging, os
from alembic import context

url = context.config.get_main_option("sqlalchemy.url")
print("printed", url, repr(url), url.replace("%", "%%"), os.environ["DATABASE_URL"])
logging.getLogger("alembic").warning("logged %s", url)
"""
COMMANDS = [
    ["envs"],
    ["upgrade", "--sql"],
    ["upgrade"],
    ["current", "-v"],
    ["history", "-i"],
    ["show", "current"],
    ["check"],
    ["ensure-version"],
    ["generate", "--empty", "-m", "more"],
    ["downgrade", "base"],
    ["stamp", "head"],
    ["reset-versions", "--dry-run"],
    ["run", "--", "true"],
    ["merge", "heads", "-m", "x"],
    ["heads"],
    ["branches"],
]


@pytest.fixture
def login(postgres_database: Database) -> Iterator[Callable[[str], Database]]:
    """Makes a role with the password that is given, which owns the database."""
    role = f"role_{postgres_database.name}"

    def make(password: str) -> Database:
        with postgres_database.connect() as connection:
            for statement in ("CREATE ROLE {} LOGIN PASSWORD {}", "ALTER DATABASE {} OWNER TO {}"):
                second = sql.Literal(password) if "ROLE" in statement else sql.Identifier(role)
                first = role if "ROLE" in statement else postgres_database.name
                connection.execute(sql.SQL(statement).format(sql.Identifier(first), second))
        return replace(postgres_database, user=role, password=password)

    yield make
    postgres_database.query(f"REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.fixture
def telling(tmp_path: Path) -> Path:
    """A project with one revision, whose env.py tells all it knows."""
    root = write_project(tmp_path / "a project", "test", "online")
    for suffix in ("test", "online"):
        write_revision(versions(root, suffix), "first", up='op.execute("CREATE TABLE books (id int)")')
    return root


def url(at: Database, *, driver: str = "postgresql", password: str | None = None) -> str:
    written = quote(at.password, safe="") if password is None else password
    return f"{driver}://{at.user}:{written}@{at.host}:{at.port}/{at.name}"


def parts(at: Database, quotes: str = "") -> dict[str, str]:
    return {
        "POSTGRES_DB": at.name,
        "POSTGRES_USER": at.user,
        "POSTGRES_PASSWORD": f"{quotes}{at.password}{quotes}",
        "POSTGRES_HOST": at.host,
        "POSTGRES_PORT": str(at.port),
    }


def upgrades(migrator: Migrator, root: Path, *args: str, **process: str) -> None:
    ran = migrator("upgrade", *args, cwd=root, env=process)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("upgraded testing: base -> first")
    assert PART not in ran.out + ran.err


def test_the_server_checks_passwords(
    telling: Path, migrator: Migrator, login: Callable[[str], Database]
) -> None:
    at = login(PASSWORD)
    assert migrator("upgrade", cwd=telling, env={**parts(at), "POSTGRES_PASSWORD": "S3cr3t"}).code == 6


def test_a_password_of_any_characters_works_in_postgres_password(
    telling: Path, migrator: Migrator, login: Callable[[str], Database]
) -> None:
    upgrades(migrator, telling, **parts(login(PASSWORD)))


def test_a_password_of_any_characters_works_in_an_env_file(
    telling: Path, migrator: Migrator, login: Callable[[str], Database]
) -> None:
    lines = [f"{name}={value}\n" for name, value in parts(login(PASSWORD), quotes="'").items()]
    (telling / ".env").write_text("".join(lines))
    upgrades(migrator, telling)


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg"])
def test_a_password_of_any_characters_works_in_a_url_in_percent_encoding(
    telling: Path, migrator: Migrator, login: Callable[[str], Database], driver: str
) -> None:
    upgrades(migrator, telling, DATABASE_URL=url(login(PASSWORD), driver=driver))


def test_an_encoded_url_works_in_an_env_file_and_in_the_option(
    telling: Path, migrator: Migrator, login: Callable[[str], Database]
) -> None:
    at = login(PASSWORD)
    (telling / ".env").write_text(f'TESTING_DATABASE_URL="{url(at)}"\n')
    upgrades(migrator, telling)
    ran = migrator("current", "--url", url(at), cwd=telling)
    assert (ran.code, ran.out) == (0, "first (head)\n")


def test_an_encoded_url_works_in_the_ini_with_doubled_percent_signs(
    telling: Path, migrator: Migrator, login: Callable[[str], Database]
) -> None:
    ini = telling / "configs" / "alembic_test.ini"
    said = url(login(PASSWORD)).replace("%", "%%")
    ini.write_text(ini.read_text().replace("[migrator]", f"sqlalchemy.url = {said}\n\n[migrator]"))
    upgrades(migrator, telling)


def test_a_bare_at_sign_in_a_url_is_understood(
    telling: Path, migrator: Migrator, login: Callable[[str], Database]
) -> None:
    at = login(RAW)
    upgrades(migrator, telling, DATABASE_URL=url(at, password=RAW))


@pytest.mark.slow
def test_no_command_shows_the_password_of_a_database_that_works(
    telling: Path, migrator: Migrator, login: Callable[[str], Database]
) -> None:
    process = {"DATABASE_URL": url(login(PASSWORD))}
    env_py = telling / "migrations" / "env.py"
    env_py.write_text(TELLS_ALL + env_py.read_text())
    everything = ""
    for command in COMMANDS:
        options = ["--echo", "--traceback", *(["--json"] if command[0] != "run" else [])]
        for ran in (
            migrator(*command, cwd=telling, env=process),
            migrator(*options, *command, cwd=telling, env=process),
        ):
            assert ran.code < 6, (command, ran.err)
            assert PART not in ran.out + ran.err, command
            everything += ran.err
    assert "printed postgresql" in everything
    assert "logged postgresql" in everything


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("postgresql://app:{}@127.0.0.1:1/shop", 6),
        ("postgresql+psycopg://app:{}@127.0.0.1:1/shop", 6),
        ("postgresql://app@127.0.0.1:1/shop?password={}", 6),
        ("postgresql://app:{}@127.0.0.1:1/shop?nope=1", 3),
        ("postgresql+nope://app:{}@127.0.0.1:1/shop", 3),
        ("postgresql+psycopg2://app:{}@127.0.0.1:1/shop", 3),
        ("postgresql://app:{}@127.0.0.1:port/shop", 3),
        ("postgresql:/app:{}@127.0.0.1/shop", 3),
    ],
)
def test_no_command_shows_the_password_of_a_url_that_fails(
    telling: Path, migrator: Migrator, place: str, code: int
) -> None:
    process = {"DATABASE_URL": place.format(quote(PASSWORD, safe=""))}
    for command in (["upgrade"], ["current"], ["history", "-i"], ["envs"]):
        for options in (["--traceback", "--echo"], ["--json"]):
            ran = migrator(*options, *command, cwd=telling, env=process)
            assert ran.code == (0 if command == ["envs"] else code), (command, ran.err)
            assert PART not in ran.out + ran.err


def test_a_url_given_twice_is_not_repeated(telling: Path, migrator: Migrator) -> None:
    first, second = (f"postgresql://app:{PART}{each}@h/d" for each in (1, 2))
    ran = migrator("--url", first, "upgrade", "--url", second, "--json", "--traceback", cwd=telling)
    assert ran.code == 2
    assert "--url is given twice" in ran.err
    assert PART not in ran.out + ran.err


def test_a_url_among_the_arguments_of_a_usage_error_is_not_repeated(
    telling: Path, migrator: Migrator
) -> None:
    ran = migrator("upgrade", "--json", f"--ulr=postgresql://app:{PART}xyz@h/d", cwd=telling)
    assert ran.code == 2
    assert PART not in ran.out + ran.err


@pytest.mark.parametrize("options", [[], ["--json"], ["--traceback", "--echo"]])
def test_a_revision_that_fails_with_the_url_in_its_message_does_not_show_the_password(
    telling: Path, migrator: Migrator, login: Callable[[str], Database], options: list[str]
) -> None:
    body = "raise RuntimeError(op.get_bind().engine.url.render_as_string(hide_password=False))"
    write_revision(versions(telling), "second", "first", up=body)
    ran = migrator("upgrade", *options, cwd=telling, env={"DATABASE_URL": url(login(PASSWORD))})
    assert ran.code == 7
    assert "***" in ran.out + ran.err
    assert PART not in ran.out + ran.err


def test_a_short_password_is_hidden_where_a_password_stands_and_nowhere_else(
    telling: Path, migrator: Migrator, login: Callable[[str], Database]
) -> None:
    at = login("app")
    body = "raise RuntimeError(op.get_bind().engine.url.render_as_string(hide_password=False) + ' in my app')"
    write_revision(versions(telling), "second", "first", up=body)
    ran = migrator("upgrade", cwd=telling, env=parts(at))
    assert ran.code == 7
    assert ":***@" in ran.err
    assert "in my app" in ran.err
