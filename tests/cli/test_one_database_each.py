"""Two environments never reach one database by mistake; where they may, or where nobody said so, they do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.projects.small import versions, write_project, write_revision

Migrator = Callable[..., Ran]
URL = "postgresql://app@127.0.0.1:1/shop"


@pytest.fixture
def two_environments(tmp_path: Path) -> Path:
    """A project of testing and production, one revision each."""
    root = write_project(tmp_path / "a project", "test", "online")
    for suffix in ("test", "online"):
        write_revision(versions(root, suffix), f"of_{suffix}")
    return root


def add(root: Path, suffix: str, text: str) -> None:
    ini = root / "configs" / f"alembic_{suffix}.ini"
    ini.write_text(ini.read_text().replace("[migrator]", text) if "url" in text else ini.read_text() + text)


OWN = [
    ("in variables of their own", {"TESTING_DATABASE_URL": URL, "PRODUCTION_DATABASE_URL": URL}, {}),
    (
        "written differently",
        {
            "TESTING_DATABASE_URL": "postgresql+asyncpg://app@LOCALHOST:1/shop",
            "PRODUCTION_DATABASE_URL": "postgresql+psycopg://admin:pw@127.0.0.1:1/shop?sslmode=disable",
        },
        {},
    ),
    (
        "in files of their own",
        {},
        {".env.testing": f"DATABASE_URL={URL}", ".env.production": f"DATABASE_URL={URL}"},
    ),
    ("in .env", {}, {".env": f"TESTING_DATABASE_URL={URL}\nPRODUCTION_DATABASE_URL={URL}"}),
    (
        "in different places",
        {"TESTING_DATABASE_URL": URL},
        {".env.production": "POSTGRES_DB=shop\nPOSTGRES_HOST=127.0.0.1\nPOSTGRES_PORT=1"},
    ),
]


@pytest.mark.parametrize(("process", "files"), [each[1:] for each in OWN], ids=[each[0] for each in OWN])
def test_two_environments_whose_own_sources_name_one_database_are_refused(
    two_environments: Path, migrator: Migrator, process: dict[str, str], files: dict[str, str]
) -> None:
    for name, text in files.items():
        (two_environments / name).write_text(text + "\n")
    for chosen, other in (("testing", "production"), ("production", "testing")):
        ran = migrator("upgrade", "--env", chosen, cwd=two_environments, env=process)
        assert ran.code == 3
        assert f"The environments {chosen} (" in ran.err
        assert f" and {other} (" in ran.err
        assert "name the same database" in ran.err
        assert "shares_database_with" in ran.err


def test_two_inis_that_name_one_database_are_refused(two_environments: Path, migrator: Migrator) -> None:
    for suffix in ("test", "online"):
        add(two_environments, suffix, "sqlalchemy.url = sqlite:///shop.db\n\n[migrator]")
    ran = migrator("upgrade", cwd=two_environments)
    assert ran.code == 3
    assert "sqlalchemy.url in configs/alembic_online.ini" in ran.err
    assert not (two_environments / "shop.db").exists()


@pytest.mark.parametrize(
    ("suffix", "names"), [("test", "production"), ("online", "test"), ("test", "staging, prod")]
)
def test_shares_database_with_in_either_ini_allows_it(
    two_environments: Path, migrator: Migrator, suffix: str, names: str
) -> None:
    process = {"TESTING_DATABASE_URL": "sqlite:///s.db", "PRODUCTION_DATABASE_URL": "sqlite:///./s.db"}
    assert migrator("current", cwd=two_environments, env=process).code == 3
    add(two_environments, suffix, f"shares_database_with = {names}\n")
    ran = migrator("upgrade", cwd=two_environments, env=process)
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    ("name", "text"),
    [(".env", "DATABASE_URL=sqlite:///c.db"), (".env.testing", "DATABASE_URL=sqlite:///c.db")],
)
def test_a_shared_source_belongs_to_the_chosen_environment_alone(
    two_environments: Path, migrator: Migrator, name: str, text: str
) -> None:
    (two_environments / name).write_text(text + "\n")
    container = {"DATABASE_URL": "sqlite:///c.db"}
    assert migrator("upgrade", cwd=two_environments, env=container).code == 0
    (two_environments / "c.db").unlink()
    assert migrator("upgrade", "--env", "production", cwd=two_environments, env=container).code == 0
    assert (
        migrator("current", "--env", "production", cwd=two_environments, env=container).out
        == "of_online (head)\n"
    )


def test_different_databases_on_one_server_are_fine(two_environments: Path, migrator: Migrator) -> None:
    process = {"TESTING_DATABASE_URL": URL, "PRODUCTION_DATABASE_URL": URL + "_live"}
    assert migrator("current", cwd=two_environments, env=process).code == 6
    process["PRODUCTION_DATABASE_URL"] = URL.replace(":1/", ":2/")
    assert migrator("current", cwd=two_environments, env=process).code == 6


def test_another_environments_broken_url_does_not_stop_the_chosen_one(
    two_environments: Path, migrator: Migrator
) -> None:
    process = {"TESTING_DATABASE_URL": "sqlite:///t.db", "PRODUCTION_DATABASE_URL": "nonsense"}
    assert migrator("upgrade", cwd=two_environments, env=process).code == 0


def test_the_rule_holds_for_a_file_of_the_project_under_config(
    two_environments: Path, migrator: Migrator
) -> None:
    process = {"TESTING_DATABASE_URL": URL, "PRODUCTION_DATABASE_URL": URL}
    ran = migrator("current", "--config", "configs/alembic_test.ini", cwd=two_environments, env=process)
    assert ran.code == 3
    assert "name the same database" in ran.err


@pytest.mark.slow
def test_the_rule_holds_under_plain_alembic(two_environments: Path, shell: Callable[..., Ran]) -> None:
    process = {"TESTING_DATABASE_URL": URL, "PRODUCTION_DATABASE_URL": URL}
    ran = shell(
        ["alembic", "-c", "configs/alembic_test.ini", "upgrade", "head"], cwd=two_environments, env=process
    )
    assert ran.code != 0
    assert "name the same database" in ran.err + ran.out
