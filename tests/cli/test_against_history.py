"""`generate` and `check` against the history: replayed on a scratch database, and no other one is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migrator.database.embedded.shared_use import remove_server
from tests.projects.small import revision_text, tree, versions, write_project

if TYPE_CHECKING:
    from tests.conftest import Database, Ran

Migrator = Callable[..., "Ran"]
MODELS = """\
from sqlalchemy import MetaData, Table, Column, Integer, String

metadata = MetaData()
Table("authors", metadata, Column("id", Integer, primary_key=True), Column("name", String(80)))
"""
CREATE = 'op.execute("CREATE TABLE authors (id serial PRIMARY KEY, name varchar(80))")'
# Nobody listens there: whoever connects to the environment's own database fails.
CLOSED = {"TESTING_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/nowhere"}


@pytest.fixture
def agreeing(tmp_path: Path, postgres_database: Database) -> Iterator[Path]:
    """A project whose models and history agree, with its scratch databases on the server of this run."""
    settings = f"models = shop_models:metadata\nagainst = history\n{on_the_server(postgres_database)}"
    root = write_project(tmp_path / "a project", settings=settings)
    (root / "shop_models.py").write_text(MODELS)
    (versions(root) / "r1.py").write_text(revision_text("r1", None, CREATE, 'op.drop_table("authors")'))
    yield root
    remove_server(root)


def on_the_server(database: Database) -> str:
    """Return the settings that put scratch databases on the server of a database."""
    return f"scratch_url = {database.url}\nscratch_keep = 0\n"


def add_column(root: Path) -> None:
    """Let the models have a column that the history lacks."""
    text = MODELS.replace("String(80)))", 'String(80)), Column("born", Integer))')
    (root / "shop_models.py").write_text(text)


def test_models_that_equal_the_history_are_found_to_without_the_database(
    migrator: Migrator, agreeing: Path, postgres_database: Database
) -> None:
    ini = agreeing / "configs" / "alembic_test.ini"
    ini.write_text(ini.read_text().replace(on_the_server(postgres_database), ""))

    ran = migrator("check", "--json", cwd=agreeing, env=CLOSED)

    answer = json.loads(ran.out)
    assert ran.code == 0, ran.err
    assert answer["data"]["against"] == "history"
    assert answer["data"]["changes"] == []


def test_what_the_models_have_and_the_history_lacks_is_the_answer_no(
    migrator: Migrator, agreeing: Path
) -> None:
    add_column(agreeing)

    ran = migrator("check", cwd=agreeing, env=CLOSED)

    assert ran.code == 1
    assert ran.out.splitlines() == ["add column authors.born"]


def test_a_revision_is_written_although_the_database_is_down_and_others_are_pending(
    migrator: Migrator, agreeing: Path
) -> None:
    add_column(agreeing)

    first = migrator("generate", "-m", "add born", cwd=agreeing, env=CLOSED)
    second = migrator("generate", "-m", "again", cwd=agreeing, env=CLOSED)

    assert first.code == 0, first.err
    assert "add column authors.born" in first.out
    assert "from its history" in first.err
    assert second.out.splitlines() == ["nothing changed: no revision was written"]


def test_the_option_goes_before_the_key(migrator: Migrator, agreeing: Path) -> None:
    ran = migrator("check", "--against", "database", cwd=agreeing, env=CLOSED)

    assert ran.code == 6
    assert "127.0.0.1:1" in ran.err


def test_without_the_key_the_database_is_compared_with(migrator: Migrator, agreeing: Path) -> None:
    ini = agreeing / "configs" / "alembic_test.ini"
    ini.write_text(ini.read_text().replace("against = history\n", ""))

    assert migrator("check", cwd=agreeing, env=CLOSED).code == 6
    assert migrator("check", "--against", "history", cwd=agreeing, env=CLOSED).code == 0


def test_an_unknown_word_is_a_usage_error(migrator: Migrator, agreeing: Path) -> None:
    ran = migrator("generate", "-m", "x", "--against", "thin air", cwd=agreeing, env=CLOSED)

    assert ran.code == 2
    assert "--against thin air is not known." in ran.err


def test_two_heads_are_a_part_of_the_answer(migrator: Migrator, agreeing: Path) -> None:
    for name in ("left", "right"):
        (versions(agreeing) / f"{name}.py").write_text(revision_text(name, "r1"))

    ran = migrator("check", "--json", cwd=agreeing, env=CLOSED)

    data = json.loads(ran.out)["data"]
    assert ran.code == 1
    assert len(data["problems"]) == 1
    assert "left.py" in data["problems"][0]
    assert "right.py" in data["problems"][0]
    assert data["changes"] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def upgrade(:\n", "syntax error"),
        (revision_text("r1", None), "more than one file"),
        (revision_text("r2", "r1", 'op.execute("DROP TABLE nowhere")'), 'table "nowhere" does not exist'),
        (revision_text("r" * 33, "r1"), "33 characters"),
    ],
    ids=["broken", "duplicate", "failing", "long id"],
)
def test_a_file_that_does_not_load_or_run_is_the_answer_no(
    text: str, said: str, migrator: Migrator, agreeing: Path
) -> None:
    (versions(agreeing) / "other.py").write_text(text)

    ran = migrator("check", cwd=agreeing, env=CLOSED)

    assert ran.code == 1, ran.err
    assert ran.out.startswith("wrong: ")
    assert said in ran.out


def test_the_first_revision_of_an_environment_needs_no_folder(migrator: Migrator, agreeing: Path) -> None:
    (versions(agreeing) / "r1.py").unlink()
    versions(agreeing).rmdir()

    ran = migrator("generate", "-m", "initial", cwd=agreeing, env=CLOSED)

    assert ran.code == 0, ran.err
    assert len(list(versions(agreeing).glob("*_initial.py"))) == 1


def test_a_drop_is_refused_and_writes_nothing(migrator: Migrator, agreeing: Path) -> None:
    (agreeing / "shop_models.py").write_text(MODELS.replace(', Column("name", String(80))', ""))
    before = tree(versions(agreeing))

    ran = migrator("generate", "-m", "drop", cwd=agreeing, env=CLOSED)

    assert ran.code == 4
    assert "authors.name" in ran.err
    assert tree(versions(agreeing)) == before


def test_an_sqlite_environment_has_its_scratch_in_a_file(
    migrator: Migrator, agreeing: Path, tmp_path: Path, postgres_database: Database
) -> None:
    ini = agreeing / "configs" / "alembic_test.ini"
    ini.write_text(ini.read_text().replace(on_the_server(postgres_database), ""))
    file = tmp_path / "real.db"
    create = CREATE.replace("serial", "integer NOT NULL")
    (versions(agreeing) / "r1.py").write_text(revision_text("r1", None, create))

    ran = migrator("check", cwd=agreeing, env={"TESTING_DATABASE_URL": f"sqlite:///{file}"})

    assert ran.code == 0, ran.out + ran.err
    assert not file.exists()
