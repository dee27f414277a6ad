"""A fault of migrator's own code is said to be one, and is blamed on no file of the project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migrator.database.round_trips import one_trip
from migrator.operations.run import connection_guard
from tests.projects.small import revision_text, versions, write_project, write_revision

if TYPE_CHECKING:
    from tests.conftest import Database, Ran

Migrator = Callable[..., "Ran"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with two revisions."""
    root = write_project(tmp_path / "project")
    write_revision(versions(root), "r1", None, 'op.execute("CREATE TABLE a (id int)")')
    write_revision(versions(root), "r2", "r1", 'op.execute("CREATE TABLE b (id int)")')
    return root


@pytest.fixture
def env(postgres_database: Database) -> dict[str, str]:
    """The variable that names the database."""
    return {"TESTING_DATABASE_URL": postgres_database.url.replace("postgresql:", "postgresql+asyncpg:")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "name", "broken"),
    [
        # In the middle of a statement of the version file, in one of Alembic's own, and around the function.
        (one_trip, "_WITHOUT_ROWS", None),
        (one_trip, "_VERSION_ROW", None),
        (one_trip, "ends_by_itself", "not a function"),
        (connection_guard, "keep_written", None),
    ],
    ids=["statement", "version row", "call", "guard"],
)
def test_a_fault_of_migrator_during_a_revision_is_70_and_takes_it_back(
    module: object,
    name: str,
    broken: object,
    migrator: Migrator,
    root: Path,
    env: dict[str, str],
    postgres_database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert migrator("upgrade", "r1", cwd=root, env=env).code == 0
    with monkeypatch.context() as patch:
        patch.setattr(module, name, broken)
        ran = migrator("upgrade", cwd=root, env=env)
        (root / "configs" / "alembic_test.ini").open("a").write("round_trips = plain\n")
        plain = migrator("upgrade", "--dry-run", cwd=root, env=env)

    assert ran.code == 70, ran.err
    assert "A fault of migrator itself: " in ran.err
    assert "--traceback" in ran.err
    assert "Correct" not in ran.err
    assert "r2.py" not in ran.err + ran.out
    assert ("round_trips = plain" in ran.err) == (module is one_trip)
    assert plain.code == 0
    assert postgres_database.tables() == ["a", "alembic_version"]
    assert postgres_database.query("SELECT version_num FROM alembic_version") == [("r1",)]


def test_the_plain_way_goes_past_a_fault_of_the_fast_one(
    migrator: Migrator, root: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "configs" / "alembic_test.ini").open("a").write("round_trips = plain\n")
    monkeypatch.setattr(one_trip, "_WITHOUT_ROWS", None)

    ran = migrator("upgrade", cwd=root, env=env)

    assert ran.code == 0, ran.err


BODIES = {
    "of its own": "None.nothing",
    "a wrong argument": "op.add_column('a', 5)",
    "a wrong statement": "op.execute(5)",
    "a library that it calls": "import json; json.loads(5)",
    "a parameter of a wrong type": (
        "import sqlalchemy as sa; "
        "op.get_bind().execute(sa.text('SELECT CAST(:a AS int)').bindparams(sa.bindparam('a', 5j)))"
    ),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_mistake_in_a_version_file_is_its_own(
    body: str, migrator: Migrator, root: Path, env: dict[str, str]
) -> None:
    write_revision(versions(root), "r2", "r1", body)

    ran = migrator("upgrade", cwd=root, env=env)

    assert ran.code == 7, ran.err
    assert "r2.py, line 12" in ran.err


def test_a_function_that_cannot_be_called_is_a_mistake_of_its_version_file(
    migrator: Migrator, root: Path, env: dict[str, str]
) -> None:
    text = revision_text("r2", "r1").replace("def upgrade():", "def upgrade(database):")
    (versions(root) / "r2.py").write_text(text)

    ran = migrator("upgrade", cwd=root, env=env)

    assert ran.code == 7
    assert "Correct migrations/test/versions/r2.py" in ran.err


ENV_PY = {
    "of its own": "None.nothing",
    "a filter of no use": "run_migrations(models, include_object=lambda obj: True)",
    "no filter at all": "run_migrations(models, include_object=5)",
    "too much": "run_migrations(None, 5)",
}


@pytest.mark.parametrize("line", ENV_PY.values(), ids=ENV_PY)
def test_a_mistake_in_env_py_is_its_own(
    line: str, migrator: Migrator, root: Path, env: dict[str, str]
) -> None:
    assert migrator("upgrade", cwd=root, env=env).code == 0
    models = "models = MetaData(); Table('a', models, Column('id', Integer))"
    imports = "from sqlalchemy import *; from migrator.env import run_migrations"
    (root / "migrations" / "env.py").write_text(f"{imports}\n{models}\n{line}\n")

    ran = migrator("check", cwd=root, env=env)

    assert ran.code == 3, ran.err
    assert "migrations/env.py, line 3, failed:" in ran.err


def test_a_fault_of_migrator_before_any_revision_is_not_blamed_on_env_py(
    migrator: Migrator, root: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrator.bridge.env_py.env_connections.SessionOptions", None)

    ran = migrator("current", cwd=root, env=env)

    assert ran.code == 70, ran.err
    assert "A fault of migrator itself: TypeError: 'NoneType' object is not callable" in ran.err
    assert "env.py" not in ran.err


def test_a_fault_of_migrator_while_sql_is_written_is_not_blamed_on_env_py(
    migrator: Migrator, root: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrator.bridge.env_py.env_connections.context", None)

    ran = migrator("upgrade", "--sql", cwd=root, env=env)

    assert ran.code == 70, ran.err
    assert "A fault of migrator itself: AttributeError" in ran.err
