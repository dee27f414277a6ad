"""`verify`: what revisions leave behind when they are taken back, on real scratch databases."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import PASSWORD, Database, Ran
from tests.projects.books import BooksProject
from tests.projects.small import revision_text
from tests.slow import slow

CREATE = """op.create_table(
    "authors",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
)"""
DROP = "op.drop_table('authors')"
INDEX = "op.create_index('ix', 'authors', ['name'])"
NO_INDEX = "op.drop_index('ix', 'authors')"
UNIQUE = "op.create_index('one_name', 'authors', ['name'], unique=True)"
NOT_UNIQUE = "op.drop_index('one_name', 'authors')"
ROWS = (
    "INSERT INTO authors VALUES (1, 'Ann; or -- Anna'); INSERT INTO authors VALUES (2, 'Ann; or -- Anna');\n"
    "-- no more; really\n"
)
SQLITE = "sqlite+aiosqlite:///nowhere/books.db"
Verify = Callable[..., Ran]


@pytest.fixture(params=["postgresql", slow("sqlite")])
def verify(
    request: pytest.FixtureRequest,
    books: BooksProject,
    migrator: Callable[..., Ran],
    postgres_database: Database,
) -> Verify:
    """Runs `migrator verify`, once on PostgreSQL and once on SQLite."""
    return _verify(str(request.param), books, migrator, postgres_database)


@pytest.fixture
def on_server(books: BooksProject, migrator: Callable[..., Ran], postgres_database: Database) -> Verify:
    """Runs `migrator verify` on PostgreSQL."""
    return _verify("postgresql", books, migrator, postgres_database)


def _verify(backend: str, books: BooksProject, migrator: Callable[..., Ran], database: Database) -> Verify:
    url = SQLITE
    if backend == "postgresql":
        scratch_url = database.url.replace("postgresql:", "postgresql+asyncpg:")
        books.settings(migrator=[f"scratch_url = {scratch_url}", "scratch_keep = 0"])
        url = f"postgresql+asyncpg://nobody:{quote(PASSWORD, safe='')}@127.0.0.1:1/nowhere"

    def run(*arguments: str, code: int) -> Ran:
        ran = migrator("verify", *arguments, cwd=books.root, env={"TESTING_DATABASE_URL": url})
        assert ran.code == code, ran.out + ran.err
        return ran

    return run


def found(ran: Ran) -> dict[str, Any]:
    """Give the data of the JSON document."""
    return dict(json.loads(ran.out)["data"])


def test_a_type_that_comes_with_its_table_is_made_again_after_it_was_dropped(
    books: BooksProject, on_server: Verify
) -> None:
    create = (
        "op.create_table('moods', sa.Column('id', sa.Integer, primary_key=True),"
        " sa.Column('mood', sa.Enum('glad', 'sad', name='mood')))"
    )
    table = create.replace("op.create_table('moods',", "moods = sa.Table('moods', metadata,")
    books.models(f"import sqlalchemy as sa\n\nmetadata = sa.MetaData()\n{table}\n")
    books.revision("r1", None, create, "op.drop_table('moods')\nop.execute('DROP TYPE mood')")

    ran = on_server("--json", code=0)

    assert found(ran)["failed"] == []
    assert found(ran)["unlike"] == []


def test_a_history_that_takes_back_all_it_does_is_in_order(books: BooksProject, verify: Verify) -> None:
    books.revision("r1", None, CREATE, DROP)
    books.revision("r2", "r1", INDEX, NO_INDEX)
    books.revision("r3", "r2", NO_INDEX, INDEX)

    ran = verify(code=0)

    assert ran.out.splitlines() == [
        "3 revisions verified: up, down and up",
        "models and the end of the history agree",
    ]
    assert "verify 2/3  r2" in ran.err


@pytest.mark.slow
def test_a_type_that_a_downgrade_leaves_is_named_and_the_rest_goes_on(
    books: BooksProject, on_server: Verify
) -> None:
    books.revision("r1", None, CREATE, DROP)
    mood = "op.add_column('authors', sa.Column('mood', mood))"
    books.revision(
        "r2",
        "r1",
        f"mood = sa.Enum('good', 'bad', name='mood')\nmood.create(op.get_bind())\n{mood}",
        "op.drop_column('authors', 'mood')",
    )
    books.revision("r3", "r2", "op.drop_column('authors', 'mood')\nop.execute('DROP TYPE mood')", "pass")
    books.revision("r4", "r3", INDEX, "pass")
    books.revision("r5", "r4", NO_INDEX, INDEX)

    ran = on_server(code=1)

    file = "migrations/test/versions/{}_by_hand.py"
    assert ran.out.splitlines() == [
        f"the downgrade of r2 in {file.format('r2')} leaves behind enum mood",
        f"the downgrade of r3 in {file.format('r3')} does not bring back column authors.mood",
        f"the downgrade of r3 in {file.format('r3')} does not bring back enum mood",
        f"the downgrade of r4 in {file.format('r4')} leaves behind index ix on authors",
        "2 revisions verified: up, down and up",
        "models and the end of the history agree",
    ]


@pytest.mark.slow
def test_an_index_that_a_downgrade_forgets_is_named(books: BooksProject, verify: Verify) -> None:
    books.revision("r1", None, CREATE, DROP)
    books.revision("r2", "r1", INDEX)
    books.revision("r3", "r2", NO_INDEX)

    data = found(verify("--json", code=1))

    assert [(each["revision"], each["phase"]) for each in data["unlike"]] == [
        ("r2", "downgrade"),
        ("r3", "downgrade"),
    ]
    forgotten, missing = (each["differences"] for each in data["unlike"])
    assert [(each["kind"], each["name"], each["left"]) for each in forgotten] == [
        ("index", "ix on authors", None)
    ]
    assert [(each["kind"], each["name"], each["right"]) for each in missing] == [
        ("index", "ix on authors", None)
    ]
    assert (data["revisions"], data["compared"], data["changes"]) == (["r1"], True, [])


@pytest.mark.slow
def test_revisions_that_are_not_to_be_taken_back_are_listed_and_no_failure(
    books: BooksProject, verify: Verify
) -> None:
    books.revision("r1", None, CREATE, DROP)
    books.revision("r2", "r1", "pass", '"""No way back."""\nraise NotImplementedError("no")')
    marked = books.revision("r3", "r2", "op.execute('CREATE TABLE extra (id int)')")
    marked.write_text("# migrator: irreversible\n" + marked.read_text())
    without = books.revision("r4", "r3", "op.execute('DROP TABLE extra')")
    without.write_text(without.read_text().partition("def downgrade")[0])
    books.revision("r5", "r4", "pass", "if True:\n    raise NotImplementedError")
    books.revision("r6", "r5", "pass")

    data = found(verify("--json", code=0))

    assert {each["revision"]: each["reason"] for each in data["irreversible"]} == {
        "r2": "downgrade() raises NotImplementedError",
        "r3": "# migrator: irreversible",
        "r4": "no downgrade()",
        "r5": "downgrade() raises NotImplementedError",
    }
    assert (data["revisions"], data["unlike"], data["failed"]) == (["r1", "r6"], [], [])


def test_a_downgrade_that_fails_is_named_with_its_statement_and_the_next_ones_go_on(
    books: BooksProject, verify: Verify
) -> None:
    books.revision("r1", None, CREATE, DROP)
    books.revision("r2", "r1", "pass", "op.execute('DROP TABLE nothing_here')")
    books.revision("r3", "r2", "pass")

    ran = verify(code=1)

    assert "failed: downgrade of r2 in migrations/test/versions/r2_by_hand.py" in ran.out
    assert "(statement: DROP TABLE nothing_here)" in ran.out
    assert "2 revisions verified: up, down and up" in ran.out
    assert "models and the end of the history agree" in ran.out


def test_an_upgrade_that_fails_ends_it_and_says_what_was_not_verified(
    books: BooksProject, verify: Verify
) -> None:
    books.revision("r1", None, CREATE, DROP)
    books.revision("r2", "r1", "raise ValueError('on purpose')")
    books.revision("r3", "r2")
    books.revision("r4", "r3")

    ran = verify(code=1)

    assert "failed: upgrade of r2 in" in ran.out
    assert "on purpose" in ran.out
    assert "not verified: r3, r4" in ran.out
    assert "models not compared: the history does not run to its end" in ran.out


def test_an_upgrade_that_runs_only_once_is_named(books: BooksProject, verify: Verify) -> None:
    books.revision("r1", None, CREATE, DROP)
    flag = "globals()['ran'] = globals().get('ran', 0) + 1"
    books.revision("r2", "r1", f"{flag}\nif ran == 2:\n    raise ValueError('once')")
    books.revision("r3", "r2")

    data = found(verify("--json", code=1))

    assert [(each["revision"], each["phase"]) for each in data["failed"]] == [("r2", "second upgrade")]
    assert (data["revisions"], data["not_verified"]) == (["r1", "r3"], [])


def test_an_upgrade_that_makes_something_else_the_second_time_is_named(
    books: BooksProject, verify: Verify
) -> None:
    books.revision("r1", None, CREATE, DROP)
    flag = "globals()['ran'] = globals().get('ran', 0) + 1"
    books.revision(
        "r2",
        "r1",
        f"{flag}\nif ran == 1:\n    {INDEX}\nelse:\n    {UNIQUE}",
        "op.execute('DROP INDEX IF EXISTS ix')",
    )
    books.revision("r3", "r2", NO_INDEX, INDEX)

    ran = verify(code=1)

    named = "the second upgrade of r2 in migrations/test/versions/r2_by_hand.py"
    assert ran.out.splitlines() == [
        f"{named} does not make index ix on authors, as the first one did",
        f"{named} makes index one_name on authors, which the first one did not",
        "2 revisions verified: up, down and up",
        "models and the end of the history agree",
    ]


def test_models_that_the_history_does_not_lead_to_are_a_finding(books: BooksProject, verify: Verify) -> None:
    books.revision("r1", None, CREATE.replace("50", "40"), DROP)

    ran = verify(code=1)

    assert "models: alter column authors.name" in ran.out
    assert "1 revision verified" in ran.out


@pytest.mark.slow
def test_from_leaves_out_what_is_before_it(books: BooksProject, verify: Verify) -> None:
    books.revision("r1", None, CREATE, "pass")
    books.revision("r2", "r1", "pass")

    assert found(verify("--json", "--from", "r1", code=0))["revisions"] == ["r2"]
    assert found(verify("--json", code=1))["unlike"][0]["differences"][0]["name"] == "authors"
    assert "nosuch" in verify("--from", "nosuch", code=5).err


def test_both_sides_of_a_branch_and_their_merge_are_taken_back(books: BooksProject, verify: Verify) -> None:
    books.revision("r1", None, CREATE, DROP)
    books.revision("left", "r1", INDEX)
    books.revision("right", "r1", "pass")
    books.revision("both", ("left", "right"), NO_INDEX, INDEX)

    data = found(verify("--json", code=1))

    assert sorted(data["revisions"]) == ["both", "r1", "right"]
    assert [each["revision"] for each in data["unlike"]] == ["left"]


@pytest.mark.slow
def test_rows_of_a_seed_make_a_data_migration_fail(
    books: BooksProject, verify: Verify, tmp_path: Path
) -> None:
    books.revision("r1", None, CREATE, DROP)
    books.revision("r2", "r1", "pass")
    books.revision("r3", "r2", UNIQUE, NOT_UNIQUE)
    books.revision("r4", "r3", NOT_UNIQUE, UNIQUE)
    assert verify(code=0).out.startswith("4 revisions verified")

    (tmp_path / "rows.sql").write_text(ROWS)
    ran = verify("--seed", f"{tmp_path / 'rows.sql'}@r1", code=1)
    assert "failed: upgrade of r3" in ran.out
    assert "not verified: r4" in ran.out

    (books.root / "tests").mkdir()
    (books.root / "tests" / "seed.sql").write_text(ROWS)
    assert "-- migrator: at REVISION" in verify(code=3).err
    (books.root / "tests" / "seed.sql").write_text(f"-- migrator: at r2\n{ROWS}")
    assert "with rows of tests/seed.sql at r2" in verify(code=1).out
    (books.root / "tests" / "seed.sql").write_text("-- migrator: at r1\nINSERT INTO nothing VALUES (1);")
    assert "tests/seed.sql cannot be loaded at revision r1" in verify(code=3).err
    assert "--seed" in verify("--seed", "tests/seed.sql", code=2).err
    assert "base is none" in verify("--seed", "tests/seed.sql@base", code=5).err
    assert "nosuch" in verify("--seed", "tests/seed.sql@nosuch", code=5).err
    assert "nosuch.sql" in verify("--seed", "nosuch.sql@r1", code=3).err


def test_a_statement_of_both_directions_meets_another_shape_of_its_table(
    books: BooksProject, on_server: Verify
) -> None:
    look = "op.get_bind().execute(sa.text('SELECT * FROM authors')).all()"
    books.revision("r1", None, CREATE, DROP)
    books.revision(
        "r2",
        "r1",
        f"{look}\nop.execute('ALTER TABLE authors ADD COLUMN extra int')",
        f"{look}\nop.execute('ALTER TABLE authors DROP COLUMN extra')",
    )
    books.revision(
        "r3",
        "r2",
        "op.execute('ALTER TABLE authors DROP COLUMN extra')",
        "op.execute('ALTER TABLE authors ADD COLUMN extra int')",
    )

    assert found(on_server("--json", code=0))["revisions"] == ["r1", "r2", "r3"]


def test_no_scratch_database_is_left_and_no_password_shown(
    books: BooksProject, on_server: Verify, postgres_database: Database
) -> None:
    books.revision("r1", None, CREATE, "pass")

    ran = on_server(code=1)

    names = [str(row[0]) for row in postgres_database.query("SELECT datname FROM pg_database")]
    assert [name for name in names if f"_{os.getpid()}_" in name] == []
    assert PASSWORD not in ran.out + ran.err


@pytest.mark.slow
def test_what_commits_by_itself_and_what_is_excluded_is_verified_in_one_run(
    books: BooksProject, on_server: Verify, postgres_database: Database
) -> None:
    scratch_url = postgres_database.url.replace("postgresql:", "postgresql+psycopg:")
    books.settings(migrator=[f"scratch_url = {scratch_url}", "transaction = run", "exclude_tables = other_*"])
    by_itself = "with op.get_context().autocommit_block():\n    "
    books.revision("r1", None, CREATE, DROP)
    books.revision("r2", "r1", by_itself + INDEX, by_itself + NO_INDEX)
    books.revision("r3", "r2", NO_INDEX, INDEX)
    books.revision("r4", "r3", "op.execute('CREATE TABLE other_one (id int)')", "raise NotImplementedError")
    books.revision("r5", "r4", "op.execute('CREATE INDEX ON other_one (id)')")
    books.revision(
        "r6", "r5", "op.execute(\"CREATE TYPE mood AS ENUM ('good')\")", "op.execute('DROP TYPE mood')"
    )
    books.revision("r7", "r6", "op.execute(\"ALTER TYPE mood ADD VALUE 'bad'\")", "pass")
    books.revision("r8", "r7", "op.execute('DROP TYPE mood')", "raise NotImplementedError")

    data = found(on_server("--json", code=1))

    assert data["revisions"] == ["r1", "r2", "r3", "r5", "r6"]
    assert [(each["revision"], each["differences"][0]["name"]) for each in data["unlike"]] == [("r7", "mood")]


def test_each_step_has_a_transaction_of_its_own_whatever_a_run_has(
    books: BooksProject, on_server: Verify, postgres_database: Database
) -> None:
    scratch_url = postgres_database.url.replace("postgresql:", "postgresql+asyncpg:")
    books.settings(migrator=[f"scratch_url = {scratch_url}", "transaction = run"])
    books.revision(
        "r1",
        None,
        f"{CREATE}\nop.execute(\"CREATE TYPE mood AS ENUM ('good')\")",
        "raise NotImplementedError",
    )
    books.revision("r2", "r1", "with op.get_context().autocommit_block():\n    op.execute('SELECT 1')")
    books.revision("r3", "r2", "op.execute(\"ALTER TYPE mood ADD VALUE 'bad'\")", "raise NotImplementedError")
    books.revision("r4", "r3", "op.execute(\"SELECT CAST('bad' AS mood)\")")
    books.revision("r5", "r4", "op.execute('DROP TYPE mood')", "raise NotImplementedError")

    assert found(on_server("--json", code=0))["revisions"] == ["r2", "r4"]


@pytest.mark.slow
def test_revisions_that_depend_on_one_another_are_taken_back(books: BooksProject, verify: Verify) -> None:
    books.revision("r1", None, CREATE, DROP)
    books.revision("a1", None, "pass", branch_labels=("side",))
    books.revision("a2", "a1", INDEX, NO_INDEX, depends_on="r1")
    books.revision("r2", "r1", UNIQUE, "pass", depends_on="a1")
    books.revision("r3", "r2", NOT_UNIQUE, UNIQUE, depends_on="a2")
    books.revision("a3", "a2", NO_INDEX, INDEX, depends_on="r2")

    data = found(verify("--json", code=1))

    assert sorted(data["revisions"]) == ["a1", "a2", "a3", "r1", "r3"]
    assert [each["revision"] for each in data["unlike"]] == ["r2"]
    assert data["compared"] is True


@pytest.mark.slow
def test_a_role_that_only_a_downgrade_names_is_made_on_a_server_of_our_own(
    books: BooksProject, migrator: Callable[..., Ran]
) -> None:
    grant = "op.execute('GRANT SELECT ON authors TO {}')"
    books.revision("r1", None, CREATE, DROP)
    books.revision("r2", "r1", "pass", grant.format("reader"))
    books.revision("r3", "r2", grant.format("writer"), grant.format("keeper"))
    nowhere = {"TESTING_DATABASE_URL": "postgresql+asyncpg://u:p@127.0.0.1:1/nowhere"}

    ran = migrator("verify", "--json", cwd=books.root, env=nowhere)

    assert ran.code == 0, ran.out + ran.err
    assert found(ran)["revisions"] == ["r1", "r2", "r3"]


@pytest.mark.slow
def test_a_plain_alembic_project_is_verified_without_an_edit_of_its_env_py(
    tmp_path: Path, shell: Callable[..., Ran], migrator: Callable[..., Ran], postgres_database: Database
) -> None:
    assert shell(["alembic", "init", "-t", "async", "plain"], cwd=tmp_path).code == 0
    ini, env_py = tmp_path / "alembic.ini", tmp_path / "plain" / "env.py"
    nowhere = "sqlalchemy.url = postgresql+asyncpg://u:p@127.0.0.1:1/nowhere"
    scratch_url = postgres_database.url.replace("postgresql:", "postgresql+asyncpg:")
    said = re.sub(r"sqlalchemy.url = .*", nowhere, ini.read_text())
    ini.write_text(f"{said}\n[migrator]\nscratch_url = {scratch_url}\n")
    configured = "target_metadata=target_metadata"
    env_py.write_text(env_py.read_text().replace(configured, f"{configured}, version_table='versions'"))
    folder = tmp_path / "plain" / "versions"
    create = "op.execute('CREATE TABLE {} (id int)')"
    (folder / "r1.py").write_text(revision_text("r1", None, create.format("a"), "op.drop_table('a')"))
    (folder / "r2.py").write_text(revision_text("r2", "r1", create.format("b"), "pass"))

    ran = migrator("verify", "--config", "alembic.ini", cwd=tmp_path)

    assert ran.code == 1, ran.out + ran.err
    assert ran.out.splitlines() == [
        "the downgrade of r2 in plain/versions/r2.py leaves behind table b",
        "1 revision verified: up, down and up",
        "models not compared: none are named",
    ]


def test_without_a_scratch_server_nothing_is_verified(
    books: BooksProject, migrator: Callable[..., Ran]
) -> None:
    ran = migrator("verify", "--url", "mariadb+asyncmy://u:p@127.0.0.1:1/nowhere", cwd=books.root)

    assert ran.code == 3, ran.out + ran.err
    assert "scratch_url" in ran.err
