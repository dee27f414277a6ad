"""`migrator reset-versions`: a history started over for a new, empty database."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import Database, Ran
from tests.projects.small import tree, versions, write_project, write_revision

Migrator = Callable[..., Ran]
URL = "sqlite:///data.db"
SHOP = """
from sqlalchemy import Column, ForeignKey, Index, Integer, MetaData, String, Table

metadata = MetaData()
users = Table("users", metadata, Column("id", Integer, primary_key=True), Column("email", String(50)))
orders = Table(
    "orders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Index("ix_orders_user_id", "user_id"),
)
django = Table("django_session", metadata, Column("id", Integer, primary_key=True))
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with models of three tables, one excluded, and two old revisions."""
    settings = "models = shop:metadata\nexclude_tables = django_*"
    root = write_project(tmp_path / "a project", settings=settings)
    (root / "shop.py").write_text(SHOP)
    write_revision(versions(root), "aaa1", None, "op.execute('create table users (id integer)')")
    write_revision(versions(root), "bbb2", "aaa1")
    return root


def archives(root: Path) -> list[Path]:
    folder = versions(root).parent / "archive"
    return sorted(folder.iterdir()) if folder.exists() else []


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "__pycache__")


def refused(ran: Ran, code: int, *said: str) -> None:
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert "Traceback" not in ran.err
    assert [words for words in said if words not in ran.err] == [], ran.err


@pytest.mark.slow
def test_the_old_files_are_archived_and_one_revision_creates_everything(
    shop: Path, migrator: Migrator, postgres_database: Database
) -> None:
    old = tree(versions(shop))
    before = datetime.now(UTC) - timedelta(seconds=1)

    new_one = ("-m", "start over", "--rev-id", "c0ffee", "--upgrade")
    ran = migrator("reset-versions", *new_one, "--url", postgres_database.url, cwd=shop)

    assert ran.code == 0, ran.err
    (archive,) = archives(shop)
    assert tree(archive) == old
    time = datetime.strptime(archive.name, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert before <= time <= datetime.now(UTC)
    (new,) = files(versions(shop))
    assert new == "c0ffee_start_over.py"
    assert "django_session" not in (versions(shop) / new).read_text()
    assert postgres_database.tables() == ["alembic_version", "orders", "users"]
    assert postgres_database.query("select version_num from alembic_version") == [("c0ffee",)]
    assert migrator("check", "--url", postgres_database.url, cwd=shop).code == 0
    assert migrator("downgrade", "base", "--url", postgres_database.url, cwd=shop).code == 0
    assert postgres_database.tables() == ["alembic_version"]


def test_it_says_what_was_archived_written_and_applied(shop: Path, migrator: Migrator) -> None:
    ran = migrator("reset-versions", "--upgrade", "--rev-id", "c0ffee", "--url", URL, cwd=shop)

    archive = f"migrations/test/archive/{archives(shop)[0].name}"
    assert ran.out.splitlines()[:-1] == [
        "archived migrations/test/versions/aaa1.py",
        "archived migrations/test/versions/bbb2.py",
        f"moved them to {archive}",
        "wrote migrations/test/versions/c0ffee_initial.py (creates users, orders)",
    ]
    assert re.fullmatch(r"upgraded testing: base -> c0ffee \(1 revision, .*\)", ran.out.splitlines()[-1])


def test_the_json_holds_the_same_facts(shop: Path, migrator: Migrator) -> None:
    ran = migrator("reset-versions", "--upgrade", "--rev-id", "c0ffee", "--json", "--url", URL, cwd=shop)

    data = json.loads(ran.out)["data"]
    assert data["archived"] == ["migrations/test/versions/aaa1.py", "migrations/test/versions/bbb2.py"]
    assert data["archive"] == f"migrations/test/archive/{archives(shop)[0].name}"
    assert data["written"]["path"] == "migrations/test/versions/c0ffee_initial.py"
    assert data["written"]["down_revisions"] == []
    assert data["tables"] == ["users", "orders"]
    assert data["upgraded"]["after"] == ["c0ffee"]


def test_without_upgrade_the_database_is_left_empty(
    shop: Path, migrator: Migrator, postgres_database: Database
) -> None:
    assert migrator("reset-versions", "--url", postgres_database.url, cwd=shop).code == 0

    assert postgres_database.tables() == []
    assert len(files(versions(shop))) == 1


def test_a_database_with_a_revision_is_refused_by_that_revision(
    shop: Path, migrator: Migrator, postgres_database: Database
) -> None:
    assert migrator("upgrade", "aaa1", "--url", postgres_database.url, cwd=shop).code == 0
    before = tree(shop)

    for more in ([], ["--upgrade"], ["--dry-run"]):
        ran = migrator("reset-versions", *more, "--url", postgres_database.url, cwd=shop)
        refused(ran, 4, "The database of testing is at aaa1", "its history", "nothing was changed")
    assert tree(shop) == before
    assert postgres_database.query("select version_num from alembic_version") == [("aaa1",)]


def test_a_database_at_a_revision_without_a_file_is_refused_too(shop: Path, migrator: Migrator) -> None:
    assert migrator("upgrade", "--url", URL, cwd=shop).code == 0
    (versions(shop) / "bbb2.py").unlink()
    before = tree(shop)

    refused(migrator("reset-versions", "--url", URL, cwd=shop), 4, "is at bbb2")

    assert tree(shop) == before


def test_files_only_looks_at_no_database(shop: Path, migrator: Migrator) -> None:
    nowhere = "postgresql://someone@127.0.0.1:1/nothing"

    ran = migrator("reset-versions", "--files-only", "--url", nowhere, cwd=shop)

    assert ran.code == 0, ran.err
    assert "someone" not in ran.err
    assert len(archives(shop)) == len(files(versions(shop))) == 1


def test_without_files_only_a_database_that_cannot_be_asked_stops_it(shop: Path, migrator: Migrator) -> None:
    before = tree(shop)

    ran = migrator("reset-versions", "--url", "postgresql://someone@127.0.0.1:1/nothing", cwd=shop)

    refused(ran, 6, "someone@127.0.0.1:1/nothing")
    assert tree(shop) == before


def test_a_dry_run_shows_what_would_happen_and_changes_nothing(
    shop: Path, migrator: Migrator, postgres_database: Database
) -> None:
    before = tree(shop)

    how = ("--dry-run", "--upgrade", "--rev-id", "c0ffee")
    ran = migrator("reset-versions", *how, "--url", postgres_database.url, cwd=shop)

    assert ran.code == 0
    assert re.fullmatch(
        "would archive migrations/test/versions/aaa1.py\n"
        "would archive migrations/test/versions/bbb2.py\n"
        r"would move them to migrations/test/archive/\d{8}T\d{6}Z"
        "\nwould write migrations/test/versions/c0ffee_initial.py \\(creates users, orders\\)\n"
        "would upgrade testing to c0ffee\n",
        ran.out,
    ), ran.out
    assert tree(shop) == before
    assert archives(shop) == []
    assert postgres_database.tables() == []


def test_a_dry_run_does_not_make_an_sqlite_file(shop: Path, migrator: Migrator) -> None:
    before = tree(shop)

    assert migrator("reset-versions", "--dry-run", "--url", URL, cwd=shop).code == 0

    assert tree(shop) == before


BROKEN = {
    "a syntax error": "revision = 'ccc3'\ndown_revision = (\n",
    "a missing down revision": "revision = 'ccc3'\ndown_revision = 'not_there'\n",
    "a duplicate id": "revision = 'bbb2'\ndown_revision = 'aaa1'\n",
    "a file without revision": "x = 1\n",
    "an import that fails": "import no_such_module\n",
    "a second head": "revision = 'ccc3'\ndown_revision = 'aaa1'\n",
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_old_files_are_no_obstacle(fault: str, shop: Path, migrator: Migrator) -> None:
    (versions(shop) / "zzz.py").write_text(BROKEN[fault])

    ran = migrator("reset-versions", "--upgrade", "--url", URL, cwd=shop)

    assert ran.code == 0, ran.err
    assert files(archives(shop)[0]) == ["aaa1.py", "bbb2.py", "zzz.py"]
    assert migrator("current", "--check-heads", "--url", URL, cwd=shop).code == 0


def test_twice_in_a_second_makes_two_archives(shop: Path, migrator: Migrator) -> None:
    for _ in range(3):
        assert migrator("reset-versions", "--files-only", cwd=shop, env={"DATABASE_URL": URL}).code == 0

    assert len(archives(shop)) == 3


def test_a_folder_that_another_environment_shares_is_refused(shop: Path, migrator: Migrator) -> None:
    ini = (shop / "configs" / "alembic_test.ini").read_text()
    (shop / "configs" / "alembic_stage.ini").write_text(ini)
    before = tree(shop)

    ran = migrator("reset-versions", "--url", URL, cwd=shop)

    refused(ran, 4, "migrations/test/versions is also the history of stage", "nothing was changed")
    assert tree(shop) == before


def test_an_environment_without_revisions_has_nothing_to_start_over(shop: Path, migrator: Migrator) -> None:
    for path in versions(shop).glob("*.py"):
        path.unlink()

    refused(migrator("reset-versions", "--url", URL, cwd=shop), 5, "no revisions", "migrator generate -m")

    assert archives(shop) == []


def test_files_only_demands_no_database_at_all(shop: Path, migrator: Migrator) -> None:
    ran = migrator("reset-versions", "--files-only", cwd=shop)

    assert ran.code == 0, ran.err
    (new,) = versions(shop).glob("*.py")
    assert "op.create_table('users'" in new.read_text()
    assert migrator("reset-versions", cwd=shop).code == 3


def test_files_only_writes_for_the_kind_of_database_that_is_named(shop: Path, migrator: Migrator) -> None:
    variables = {"TESTING_DATABASE_URL": "no url"}

    refused(migrator("reset-versions", "--files-only", cwd=shop, env=variables), 3, "TESTING_DATABASE_URL")

    assert archives(shop) == []


@pytest.mark.parametrize("second", ["migrations/test/more", "elsewhere/versions"])
def test_every_version_folder_is_archived_beside_itself(second: str, shop: Path, migrator: Migrator) -> None:
    ini = shop / "configs" / "alembic_test.ini"
    text = ini.read_text()
    (shop / second).mkdir(parents=True)
    write_revision(shop / second, "ccc3", "bbb2")
    ini.write_text(text.replace("test/versions\n", f"test/versions\n  %(here)s/../{second}\n"))

    ran = migrator("reset-versions", "--upgrade", "--rev-id", "c0ffee", "--url", URL, cwd=shop)

    assert ran.code == 0, ran.err
    (first_archive,) = archives(shop)
    (second_archive,) = ((shop / second).parent / "archive").iterdir()
    assert files(first_archive / "versions") == ["aaa1.py", "bbb2.py"]
    assert files(second_archive / Path(second).name) == ["ccc3.py"]
    places = dict.fromkeys(path.relative_to(shop).as_posix() for path in (first_archive, second_archive))
    assert f"moved them to {', '.join(places)}\n" in ran.out
    assert (files(versions(shop)), files(shop / second)) == (["c0ffee_initial.py"], [])
