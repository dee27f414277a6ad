"""Which database an environment has: twelve places in a fixed order, and the one used is always named."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Database, Ran
from tests.projects.small import versions, write_project, write_revision

Migrator = Callable[..., Ran]
# Nothing listens on port 1: where a command would have gone is in its banner.
NOWHERE = "postgresql://app@127.0.0.1:1/"
POSTGRES = {"POSTGRES_USER": "app", "POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": "1"}


@dataclass(frozen=True)
class Place:
    """A place that a URL may come from; its database is named after its place in the order."""

    origin: str
    where: str
    variable: str

    def lines(self, database: str) -> dict[str, str]:
        """What is written there."""
        if self.variable == "POSTGRES_DB":
            return {"POSTGRES_DB": database, **POSTGRES}
        return {self.variable: NOWHERE + database}


PLACES = [
    Place(f"{variable} in {name}", where, variable)
    for name, where in (
        ("the process's variables", "process"),
        (".env.testing", ".env.testing"),
        (".env", ".env"),
    )
    for variable in ("TESTING_DATABASE_URL", "DATABASE_URL", "POSTGRES_DB")
] + [Place("sqlalchemy.url in configs/alembic_test.ini", "ini", "sqlalchemy.url")]


@pytest.fixture
def without_url(tmp_path: Path) -> Path:
    """A project of testing and production that names no database."""
    root = write_project(tmp_path / "a project", "test", "online")
    write_revision(versions(root), "first")
    return root


def fill(root: Path, first: int) -> dict[str, str]:
    """Write a URL into each place from `first` on, and give the process's variables."""
    process: dict[str, str] = {}
    for index, place in enumerate(PLACES[first:], start=first):
        lines = place.lines(f"db{index}")
        if place.where == "process":
            process.update(lines)
        elif place.where == "ini":
            ini = root / "configs" / "alembic_test.ini"
            ini.write_text(
                ini.read_text().replace("[migrator]", f"sqlalchemy.url = {NOWHERE}db{index}\n[migrator]")
            )
        else:
            with (root / place.where).open("a") as file:
                file.writelines(f"{name}={value}\n" for name, value in lines.items())
    return process


@pytest.mark.parametrize("first", range(len(PLACES)), ids=[place.origin for place in PLACES])
def test_each_place_goes_before_the_next_and_is_named(
    without_url: Path, migrator: Migrator, first: int
) -> None:
    process = fill(without_url, first)
    ran = migrator("current", cwd=without_url, env=process)
    assert ran.code == 6
    # The banner names the ini once.
    origin = PLACES[first].origin.removesuffix(" in configs/alembic_test.ini")
    banner = f"testing | configs/alembic_test.ini | app@127.0.0.1:1/db{first} | from {origin}"
    assert ran.err.splitlines()[0] == banner
    infos = json.loads(migrator("envs", "--json", cwd=without_url, env=process).out)["data"]["environments"]
    testing = next(info for info in infos if info["name"] == "testing")
    assert (testing["url"], testing["origin"]) == (f"{NOWHERE}db{first}", PLACES[first].origin)


def test_the_option_goes_before_every_place(without_url: Path, migrator: Migrator) -> None:
    process = fill(without_url, 0)
    for args in (["current", "--url", NOWHERE + "given"], ["--url", NOWHERE + "given", "current"]):
        ran = migrator(*args, cwd=without_url, env=process)
        assert ran.err.startswith("testing | configs/alembic_test.ini | app@127.0.0.1:1/given | from --url\n")


def test_the_embedded_database_comes_last(without_url: Path, migrator: Migrator) -> None:
    ini = without_url / "configs" / "alembic_test.ini"
    ini.write_text(ini.read_text() + "database = embedded\n")
    line = migrator("envs", cwd=without_url).out.splitlines()[1].split("\t")
    assert line[3:5] == ["embedded", "database = embedded in configs/alembic_test.ini"]
    process = fill(without_url, len(PLACES) - 1)
    line = migrator("envs", cwd=without_url, env=process).out.splitlines()[1].split("\t")
    assert line[4] == PLACES[-1].origin


def test_parts_have_defaults_and_belong_to_one_place(without_url: Path, migrator: Migrator) -> None:
    (without_url / ".env").write_text("POSTGRES_USER=other\nPOSTGRES_PASSWORD=unused\n")
    infos = json.loads(migrator("envs", "--json", cwd=without_url, env={"POSTGRES_DB": "shop"}).out)["data"][
        "environments"
    ]
    assert infos[1]["url"] == "postgresql://postgres@localhost:5432/shop"


def test_an_environment_has_a_variable_of_its_own(without_url: Path, migrator: Migrator) -> None:
    (without_url / "configs" / "alembic_eu-west.ini").write_text(
        (without_url / "configs" / "alembic_test.ini").read_text()
    )
    process = {"PRODUCTION_DATABASE_URL": NOWHERE + "p", "EU_WEST_DATABASE_URL": NOWHERE + "eu"}
    assert (
        "1/p | from PRODUCTION_DATABASE_URL"
        in migrator("current", "-e", "prod", cwd=without_url, env=process).err
    )
    assert (
        "1/eu | from EU_WEST_DATABASE_URL"
        in migrator("current", "-e", "eu-west", cwd=without_url, env=process).err
    )
    (without_url / ".env.eu-west").write_text(f"DATABASE_URL={NOWHERE}file\n")
    assert (
        "1/file | from DATABASE_URL in .env.eu-west"
        in migrator("current", "-e", "eu-west", cwd=without_url).err
    )


def test_env_files_do_not_change_the_variables_of_the_process(without_url: Path, migrator: Migrator) -> None:
    fill(without_url, 3)
    (without_url / ".env").write_text(
        (without_url / ".env").read_text() + "ALEMBIC_ENV=testing\nSOMETHING=else\n"
    )
    env_py = without_url / "migrations" / "env.py"
    env_py.write_text("import os\nprint('SEEN', sorted(os.environ))\n" + env_py.read_text())
    before = dict(os.environ)
    ran = migrator("upgrade", "--url", "sqlite:///x.db", cwd=without_url)
    assert ran.code == 0, ran.err
    assert dict(os.environ) == before
    seen = next(line for line in ran.err.splitlines() if line.startswith("SEEN"))
    for name in ("TESTING_DATABASE_URL", "DATABASE_URL", "POSTGRES_DB", "ALEMBIC_ENV", "SOMETHING"):
        assert f"'{name}'" not in seen


def test_no_url_is_an_error_that_lists_every_place(without_url: Path, migrator: Migrator) -> None:
    ran = migrator("upgrade", cwd=without_url)
    assert ran.code == 3
    assert "There is no database URL for the environment testing." in ran.err
    for place in ("--url", "the process's variables", ".env.testing", ".env ", "configs/alembic_test.ini"):
        assert place in ran.err
    for name in (
        "TESTING_DATABASE_URL",
        "DATABASE_URL",
        "POSTGRES_DB",
        "sqlalchemy.url",
        "database = embedded",
    ):
        assert name in ran.err
    assert not list(without_url.rglob("*.db"))


def test_no_url_of_one_environment_does_not_fall_back_to_the_other(
    without_url: Path, migrator: Migrator
) -> None:
    ran = migrator(
        "upgrade", "--env", "production", cwd=without_url, env={"TESTING_DATABASE_URL": "sqlite:///t.db"}
    )
    assert ran.code == 3
    assert "There is no database URL for the environment production." in ran.err
    assert "PRODUCTION_DATABASE_URL" in ran.err
    assert not list(without_url.rglob("*.db"))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"DATABASE_URL": "nonsense"},
            "The database URL from DATABASE_URL in the process's variables cannot be read",
        ),
        ({"DATABASE_URL": "postgresql://a:b@c:port/d"}, "cannot be read"),
        ({"DATABASE_URL": "://"}, "cannot be read"),
        (
            {"POSTGRES_DB": "x", "POSTGRES_PORT": "543x"},
            "POSTGRES_PORT in the process's variables is not a port number",
        ),
        ({"POSTGRES_HOST": "db"}, "has POSTGRES_HOST without POSTGRES_DB"),
        (
            {"DATABASE_URL": "postgresql+nope://h/d"},
            "The driver postgresql+nope in the database URL from DATABASE_URL",
        ),
        ({"DATABASE_URL": "oracel://h/d"}, "The driver oracel in the database URL from DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://h:1/d?nope=1"}, "does not take a parameter of the database URL"),
    ],
)
@pytest.mark.parametrize("command", [["upgrade"], ["current", "--json"]])
def test_a_url_that_makes_no_sense_is_a_configuration_error(
    without_url: Path, migrator: Migrator, variables: Mapping[str, str], said: str, command: list[str]
) -> None:
    ran = migrator(*command, cwd=without_url, env=variables)
    assert ran.code == 3
    assert said in ran.err
    assert "hint: " in ran.err


@pytest.mark.parametrize("url", ["nonsense", "postgresql+nope://h/d"])
def test_envs_shows_a_url_that_makes_no_sense_beside_the_others(
    without_url: Path, migrator: Migrator, url: str
) -> None:
    process = {"TESTING_DATABASE_URL": url, "PRODUCTION_DATABASE_URL": NOWHERE + "fine"}
    ran = migrator("envs", cwd=without_url, env=process)
    assert ran.code == 0
    production, testing = ran.out.splitlines()
    assert NOWHERE + "fine" in production
    assert "error: The d" in testing


def test_sql_of_an_unknown_driver_is_the_same_error(without_url: Path, migrator: Migrator) -> None:
    ran = migrator("upgrade", "--sql", "--url", "postgresql+nope://h/d", cwd=without_url)
    assert (ran.code, ran.out) == (3, "")
    assert "The driver postgresql+nope in the database URL from --url is not known." in ran.err


@pytest.mark.parametrize(
    ("url", "package", "install"),
    [
        ("sqlite+aiosqlite:///x.db", "aiosqlite", "pip install 'migrator[sqlite]'"),
        ("postgresql+psycopg2://h/d", "psycopg2", "pip install psycopg2"),
        ("postgresql+psycopg://h/d", "psycopg", "pip install psycopg"),
    ],
)
def test_a_driver_that_is_not_installed_is_an_error_with_the_command_that_installs_it(
    without_url: Path,
    migrator: Migrator,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    package: str,
    install: str,
) -> None:
    # What Python does for a module that is not there.
    monkeypatch.setitem(sys.modules, package, None)
    ran = migrator("upgrade", cwd=without_url, env={"DATABASE_URL": url})
    assert ran.code == 3
    assert install in ran.err
    assert not (without_url / "x.db").exists()


def test_the_command_reaches_the_database_that_the_banner_names(
    without_url: Path, migrator: Migrator, postgres_database: Database
) -> None:
    at = postgres_database
    (without_url / ".env").write_text(
        f"POSTGRES_DB={at.name}\nPOSTGRES_PASSWORD={at.password}\nPOSTGRES_HOST={at.host}\nPOSTGRES_PORT={at.port}\n"
    )
    ran = migrator("upgrade", cwd=without_url)
    assert ran.code == 0, ran.err
    address = f"postgres@{at.host}:{at.port}/{at.name}"
    banner = f"testing | configs/alembic_test.ini | {address} | from POSTGRES_DB in .env"
    assert ran.err.splitlines()[0] == banner
    assert at.query("SELECT version_num FROM alembic_version") == [("first",)]
    assert migrator("current", "--json", cwd=without_url).err.splitlines()[0] == banner
    assert migrator("current", "-q", cwd=without_url).err == ""


def test_commands_that_read_files_only_announce_no_database(without_url: Path, migrator: Migrator) -> None:
    for command in ("heads", "history", "branches", "show", "envs"):
        assert migrator(command, cwd=without_url, env={"DATABASE_URL": NOWHERE + "x"}).err == ""


def test_envs_shows_the_option_for_the_chosen_environment(without_url: Path, migrator: Migrator) -> None:
    ran = migrator("envs", "--json", "--url", NOWHERE + "given", cwd=without_url, env=fill(without_url, 0))

    infos = json.loads(ran.out)["data"]["environments"]
    given = {info["name"]: info["url"] for info in infos if info["origin"] == "--url"}
    assert given == {"testing": NOWHERE + "given"}
