"""`squash`, and its old spelling `reset-versions --restamp`: one revision of many, on real databases."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Database, Ran
from tests.projects.books import AnyDatabase, BooksProject, docstring
from tests.projects.small import tree

AUTHORS = """op.create_table(
    "authors",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
)"""
NO_AUTHORS = "op.drop_table('authors')"
BOOKS = """op.create_table(
    "books",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("author_id", sa.Integer, sa.ForeignKey("authors.id")),
)
op.create_index("ix_author", "books", ["author_id"])"""
VIEW = "op.execute('CREATE VIEW named AS SELECT name FROM authors')"
# What autogenerate sees not at all, or not whole.
RICH = r"""
CREATE SCHEMA billing;
CREATE SEQUENCE numbers START 5;
CREATE DOMAIN address AS text CHECK (VALUE LIKE '%@%');
CREATE FUNCTION billing.next_number(kind text) RETURNS text LANGUAGE sql AS $$
  SELECT '100%: ' || kind  -- as it is: 'two  blanks', a \ and a :colon
$$;
CREATE TYPE mood AS ENUM ('sad', 'it''s');
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    total numeric(10, 2) NOT NULL DEFAULT 0 CHECK (total >= 0),
    number text DEFAULT billing.next_number('low'), mood mood, contact address,
    twice numeric GENERATED ALWAYS AS (total * 2) STORED, friend bigint REFERENCES orders
);
CREATE TABLE billing.invoices (
    id serial PRIMARY KEY, order_id bigint UNIQUE REFERENCES orders ON DELETE CASCADE
);
ALTER TABLE orders ADD COLUMN invoice integer REFERENCES billing.invoices;
CREATE INDEX ix_lower ON orders (lower(number) text_pattern_ops DESC) INCLUDE (total) WHERE total > 5;
CREATE STATISTICS st ON total, number FROM orders;
CREATE VIEW z_dear AS SELECT id, total FROM orders WHERE total > 100;
CREATE MATERIALIZED VIEW m_counted AS SELECT count(*) AS n FROM z_dear;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$
begin
  return new;
end
$$;
CREATE TRIGGER stamped BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
COMMENT ON VIEW z_dear IS E'two\nlines, 100% \\ it''s';
COMMENT ON TABLE orders IS 'of shops';
COMMENT ON COLUMN orders.mood IS 'a mood';
"""
Migrator = Callable[..., Ran]


def execute(script: str) -> str:
    """Give the body of a function that runs a script, statement by statement."""
    statements = [each.strip() for each in re.split(r";\n(?!end)", script.strip() + "\n") if each.strip()]
    return "\n".join(
        f"op.get_bind().exec_driver_sql({each.removesuffix(';').replace('%', '%%')!r})" for each in statements
    )


def data(ran: Ran) -> dict[str, Any]:
    """Give the data of the JSON document."""
    return dict(json.loads(ran.out)["data"])


def runner(migrator: Migrator, books: BooksProject, database: AnyDatabase) -> Callable[..., Ran]:
    """Give what runs a command on a database, which must end with a code."""
    if database.backend == "postgresql":
        books.settings(migrator=[f"scratch_url = {database.url}", "scratch_keep = 0"])

    def run(*arguments: str, code: int = 0) -> Ran:
        ran = migrator(*arguments, cwd=books.root, env=database.env)
        assert ran.code == code, ran.out + ran.err
        return ran

    return run


@pytest.fixture
def on_either(migrator: Migrator, books: BooksProject, either_database: AnyDatabase) -> Callable[..., Ran]:
    """Runs a command on PostgreSQL, and on SQLite."""
    return runner(migrator, books, either_database)


@pytest.fixture
def on_server(migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase) -> Callable[..., Ran]:
    """Runs a command on PostgreSQL."""
    return runner(migrator, books, on_postgresql)


@pytest.fixture
def three(books: BooksProject) -> BooksProject:
    """A project of three revisions: tables, an index, a view and a trigger."""
    books.revision("r1", None, AUTHORS, NO_AUTHORS)
    books.revision("r2", "r1", f"{BOOKS}\n{VIEW}", "op.execute('DROP VIEW named')\nop.drop_table('books')")
    books.revision(
        "r3", "r2", "op.create_index('ix_name', 'authors', ['name'])", "op.drop_index('ix_name', 'authors')"
    )
    return books


def test_the_older_part_becomes_one_revision_under_the_last_ones_id(
    three: BooksProject, on_either: Callable[..., Ran], either_database: AnyDatabase
) -> None:
    on_either("upgrade")

    ran = on_either("squash", "--to", "r2")

    lines = ran.out.splitlines()
    assert re.fullmatch(r"moved 2 revisions to migrations/test/archive/\d{8}T\d{6}Z: r1, r2", lines[0])
    assert lines[1] == (
        "wrote migrations/test/versions/r2_squash_of_2_revisions_up_to_r2.py (creates authors, books)"
    )
    assert lines[2] == "the schemas are equal; no database has to be changed, as r2 keeps its id"
    assert three.files() == ["r2_squash_of_2_revisions_up_to_r2.py", "r3_by_hand.py"]
    assert sorted(path.name for path in next((three.versions.parent / "archive").iterdir()).iterdir()) == [
        "r1_by_hand.py",
        "r2_by_hand.py",
    ]
    assert "Squashes: r1, r2" in docstring(three.versions / three.files()[0])
    assert on_either("upgrade").out == "testing is already at head (r3): nothing to do\n"
    assert "edited" not in on_either("check", "--against", "database", code=1).out
    assert data(on_either("status", "--json"))["environments"][0]["edited"] == []
    assert either_database.version() == ["r3"]


@pytest.mark.slow
def test_a_real_edit_of_a_squashed_file_is_still_an_edit(
    three: BooksProject, on_either: Callable[..., Ran]
) -> None:
    on_either("upgrade")
    (three.versions / "r2_by_hand.py").write_text(
        (three.versions / "r2_by_hand.py").read_text().replace("ix_author", "ix_other")
    )

    on_either("squash", "--to", "r2")

    assert "edited after it was applied: r2" in on_either("check", "--against", "database", code=1).out


@pytest.mark.slow
def test_a_dry_run_proves_all_and_changes_nothing(three: BooksProject, on_either: Callable[..., Ran]) -> None:
    on_either("upgrade")
    before = tree(three.root / "migrations")

    ran = on_either("squash", "--to", "r3", "--dry-run")

    assert ran.out.startswith("would move 3 revisions to migrations/test/archive/")
    assert tree(three.root / "migrations") == before


@pytest.mark.slow
def test_what_autogenerate_cannot_see_is_carried_over_and_pg_dump_finds_no_difference(
    books: BooksProject,
    migrator: Migrator,
    on_server: Callable[..., Ran],
    on_postgresql: AnyDatabase,
    new_database: Callable[[], Database],
    dump: Callable[[str], str],
) -> None:
    halves = RICH.split("CREATE INDEX")
    books.revision("r1", None, execute(halves[0]), "pass")
    books.revision("r2", "r1", execute("CREATE INDEX" + halves[1]), "pass")
    books.revision(
        "r3", "r2", "op.execute('CREATE TABLE later (id integer)')", "op.execute('DROP TABLE later')"
    )
    on_server("upgrade")

    on_server("squash", "--to", "r2")

    anew = new_database().url.replace("postgresql:", "postgresql+asyncpg:")
    ran = migrator("upgrade", cwd=books.root, env={"TESTING_DATABASE_URL": anew})
    assert ran.code == 0, ran.err
    assert sorted(dump(anew).splitlines()) == sorted(dump(on_postgresql.url).splitlines())
    text = next(books.versions.glob("r2_*")).read_text()
    assert re.search(
        r"^ +['\"]CREATE OR REPLACE FUNCTION billing.next_number\(kind text\)\\n", text, re.MULTILINE
    )


@pytest.mark.slow
def test_what_cannot_be_written_is_refused_by_its_name(
    books: BooksProject, on_server: Callable[..., Ran]
) -> None:
    parts = (
        "CREATE TABLE events (at date PRIMARY KEY) PARTITION BY RANGE (at);\n"
        "CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');"
    )
    books.revision("r1", None, execute(parts), "op.execute('DROP TABLE events')")
    books.revision("r2", "r1")
    on_server("upgrade")
    before = tree(books.root / "migrations")

    ran = on_server("squash", "--to", "r2", code=4)

    assert "The history of testing was not changed: " in ran.err
    assert "events_2024" in ran.err
    assert tree(books.root / "migrations") == before


@pytest.mark.slow
def test_rows_of_old_revisions_are_not_lost_in_silence(
    three: BooksProject, on_either: Callable[..., Ran]
) -> None:
    three.revision(
        "r4",
        "r3",
        "op.execute(\"INSERT INTO authors VALUES (1, 'Ann')\")",
        "op.execute('DELETE FROM authors')",
    )
    on_either("upgrade")
    before = tree(three.root / "migrations")

    ran = on_either("squash", "--to", "r4", code=4)

    assert (
        "put rows into tables, which one new revision would not: authors (1); nothing was changed." in ran.err
    )
    assert tree(three.root / "migrations") == before
    assert "moved 4 revisions" in on_either("squash", "--to", "r4", "--without-rows").out


@pytest.mark.slow
def test_tables_that_need_each_other_in_a_circle_are_made(
    books: BooksProject, on_server: Callable[..., Ran]
) -> None:
    books.revision(
        "r1",
        None,
        "op.execute('CREATE TABLE a (id int PRIMARY KEY)')\n"
        "op.execute('CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a)')\n"
        "op.execute('ALTER TABLE a ADD COLUMN b int CONSTRAINT to_b REFERENCES b')",
        "op.execute('ALTER TABLE a DROP COLUMN b')\nop.drop_table('b')\nop.drop_table('a')",
    )
    books.revision("r2", "r1")
    on_server("upgrade")

    assert "moved 2 revisions" in on_server("squash", "--to", "r2").out


def test_a_revision_that_stands_on_an_inner_one_is_named(
    three: BooksProject, on_either: Callable[..., Ran]
) -> None:
    three.revision("side", "r1")
    on_either("upgrade", "heads")
    before = tree(three.root / "migrations")

    ran = on_either("squash", "--to", "r2", code=5)

    assert "side comes after r1, which would be squashed, and not after r2; nothing was changed." in ran.err
    assert tree(three.root / "migrations") == before


@pytest.mark.slow
def test_a_database_below_it_and_one_that_cannot_be_asked_stop_it(
    three: BooksProject, migrator: Migrator, on_sqlite: AnyDatabase
) -> None:
    run = runner(migrator, three, on_sqlite)
    run("upgrade", "r1")
    below = run("squash", "--to", "r2", code=4)
    elsewhere = {"TESTING_DATABASE_URL": "postgresql+asyncpg://nobody@127.0.0.1:1/nowhere"}
    unknown = migrator("squash", "--to", "r2", cwd=three.root, env=elsewhere)

    assert "is at r1, and has not applied r2; nothing was changed." in below.err
    assert "migrator upgrade r2 --env testing" in below.err
    assert (unknown.code, "--applied" in unknown.err) == (4, True)
    assert "moved 2 revisions" in run("squash", "--to", "r2", "--applied").out


@pytest.mark.slow
def test_a_merged_history_is_squashed_from_its_merge_down(
    three: BooksProject, on_either: Callable[..., Ran]
) -> None:
    three.revision(
        "side", "r1", "op.execute('CREATE TABLE side (id integer)')", "op.execute('DROP TABLE side')"
    )
    three.revision("met", ("r3", "side"))
    on_either("upgrade")

    assert "moved 5 revisions" in on_either("squash", "--to", "met").out
    assert on_either("heads").out == "met (head)\n"


@pytest.mark.parametrize(
    ("to", "code", "said"),
    [("nothing", 5, "No such revision or branch 'nothing'"), ("base", 5, "base is not one revision")],
)
def test_what_is_no_revision_is_5(
    three: BooksProject, migrator: Migrator, on_sqlite: AnyDatabase, to: str, code: int, said: str
) -> None:
    assert said in runner(migrator, three, on_sqlite)("squash", "--to", to, code=code).err


def test_the_first_revision_is_squashed_already(
    three: BooksProject, migrator: Migrator, on_sqlite: AnyDatabase
) -> None:
    ran = runner(migrator, three, on_sqlite)("squash", "--to", "r1")

    assert ran.out == "nothing to squash: it is the first revision\n"


def test_with_a_new_id_one_revision_takes_the_place_of_all_and_the_database_follows(
    three: BooksProject, on_either: Callable[..., Ran], either_database: AnyDatabase
) -> None:
    on_either("upgrade")
    tables = either_database.tables()

    ran = on_either("squash", "--to", "head", "--new-id", "--rev-id", "fresh", "-m", "all of it")

    lines = ran.out.splitlines()
    assert re.fullmatch(r"moved 3 revisions to migrations/test/archive/\d{8}T\d{6}Z: r1, r2, r3", lines[0])
    assert lines[1:] == [
        "wrote migrations/test/versions/fresh_all_of_it.py (creates authors, books)",
        "stamped testing: r3 -> fresh",
    ]
    assert (either_database.version(), either_database.tables()) == (["fresh"], tables)
    assert three.files() == ["fresh_all_of_it.py"]
    assert "database and its history agree" in on_either("check", "--against", "database", code=1).out
    newest = data(on_either("log", "--limit", "1", "--json"))["entries"][0]
    assert (newest["direction"], newest["revision"]) == ("stamp", "fresh")


@pytest.mark.slow
def test_the_old_spelling_does_the_same_and_says_so(
    three: BooksProject, migrator: Migrator, on_sqlite: AnyDatabase
) -> None:
    run = runner(migrator, three, on_sqlite)
    run("upgrade")
    before = tree(three.root / "migrations")
    dry = run("reset-versions", "--restamp", "--rev-id", "fresh", "--dry-run").out
    assert tree(three.root / "migrations") == before

    ran = run("reset-versions", "--restamp", "--rev-id", "fresh", "--json")

    assert "would stamp testing with fresh" in dry
    assert "use: migrator squash --to head --new-id" in ran.err
    found = data(ran)
    assert found["archived"] == [f"migrations/test/versions/r{number}_by_hand.py" for number in (1, 2, 3)]
    assert found["written"]["path"] == "migrations/test/versions/fresh_initial.py"
    assert found["restamps"] is True
    assert (found["stamped"]["after"], on_sqlite.version()) == (["fresh"], ["fresh"])


def test_only_a_whole_history_gets_a_new_id(three: BooksProject, on_either: Callable[..., Ran]) -> None:
    on_either("upgrade")
    before = tree(three.root / "migrations")

    ran = on_either("squash", "--to", "r2", "--new-id", code=5)

    assert "There are revisions besides those up to r2, and only a whole history gets a new id" in ran.err
    assert tree(three.root / "migrations") == before


def test_a_folder_that_another_environment_uses_gets_no_new_id(
    three: BooksProject, migrator: Migrator, on_sqlite: AnyDatabase
) -> None:
    run = runner(migrator, three, on_sqlite)
    run("upgrade")
    ini = three.root / "configs" / "alembic_test.ini"
    (three.root / "configs" / "alembic_stage.ini").write_text(ini.read_text())

    ran = run("squash", "--to", "head", "--new-id", code=4)

    assert "is also the history of stage; nothing was changed." in ran.err
    assert "leave --new-id out" in ran.err


def test_a_new_id_for_a_database_that_is_behind_or_new_is_5(
    three: BooksProject, on_either: Callable[..., Ran]
) -> None:
    before = tree(three.root / "migrations")
    on_either("ensure-version")
    new = on_either("squash", "--to", "head", "--new-id", code=5)
    on_either("upgrade", "r1")

    behind = on_either("squash", "--to", "head", "--new-id", code=5)

    assert "has no revision, so that nothing is to be stamped; nothing was changed." in new.err
    assert "is at r1, and not at the newest revision; nothing was changed." in behind.err
    assert tree(three.root / "migrations") == before


@pytest.mark.slow
def test_a_stamp_that_fails_puts_every_file_back(
    three: BooksProject, on_server: Callable[..., Ran], on_postgresql: AnyDatabase
) -> None:
    on_server("upgrade")
    on_postgresql.query(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ begin raise exception 'not now'; end $$"
    )
    on_postgresql.query(
        "CREATE TRIGGER no BEFORE INSERT ON alembic_version FOR EACH ROW EXECUTE FUNCTION no()"
    )
    before = tree(three.root / "migrations")

    ran = on_server("squash", "--to", "head", "--new-id", code=7)

    assert "not now" in ran.err
    assert "Every version file is back where it was." in ran.err
    assert (tree(three.root / "migrations"), on_postgresql.version()) == (before, ["r3"])


def test_a_new_id_in_a_protected_environment_is_confirmed(
    three: BooksProject, migrator: Migrator, on_sqlite: AnyDatabase
) -> None:
    run = runner(migrator, three, on_sqlite)
    three.settings(migrator=["protected = true"])
    run("upgrade", "--yes")
    before = tree(three.root / "migrations")

    assert "--confirm testing" in run("squash", "--to", "head", "--new-id", code=4).err
    assert tree(three.root / "migrations") == before
    run("squash", "--to", "head", "--new-id", "--confirm", "testing", "--rev-id", "fresh")
    assert on_sqlite.version() == ["fresh"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reset-versions", "--restamp", "--upgrade"], "--restamp"),
        (["reset-versions", "--restamp", "--files-only"], "--restamp"),
        (["reset-versions", "--without-rows"], "--restamp"),
        (["reset-versions", "--fresh"], "--restamp"),
        (["squash", "--to", "head", "--new-id", "--applied"], "--applied"),
        (["squash", "--to", "r2", "--rev-id", "fresh"], "--new-id"),
    ],
    ids=str,
)
def test_options_that_do_not_go_together_are_2(
    three: BooksProject, migrator: Migrator, arguments: list[str], said: str
) -> None:
    ran = migrator(*arguments, cwd=three.root)

    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


@pytest.mark.slow
def test_what_a_plain_project_has_is_squashed_too(
    three: BooksProject, migrator: Migrator, on_sqlite: AnyDatabase
) -> None:
    plain = three.root / "plain.ini"
    plain.write_text(
        "[alembic]\nscript_location = %(here)s/migrations\npath_separator = newline\n"
        f"version_locations = %(here)s/migrations/test/versions\nsqlalchemy.url = {on_sqlite.url}\n"
    )
    where = ["--config", str(plain)]
    assert migrator("upgrade", *where, cwd=three.root).code == 0

    ran = migrator("squash", "--to", "r3", *where, cwd=three.root)

    assert (ran.code, ran.out.startswith("moved 3 revisions")) == (0, True), ran.err
    assert migrator("upgrade", *where, cwd=three.root).code == 0


BEYOND_THE_CATALOGUE = """
CREATE TABLE t (id integer PRIMARY KEY);
GRANT SELECT ON t TO PUBLIC;
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$;
REVOKE ALL ON FUNCTION f() FROM PUBLIC;
CREATE PUBLICATION p FOR TABLE t;
CREATE FUNCTION same(integer, integer) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
CREATE OPERATOR === (leftarg = integer, rightarg = integer, function = same);
CREATE TEXT SEARCH CONFIGURATION words (COPY = english);
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE ft (a integer) SERVER s;
CREATE VIEW v AS SELECT id FROM t;
ALTER VIEW v ALTER COLUMN id SET DEFAULT 3;
"""


@pytest.mark.slow
def test_what_the_catalogue_leaves_out_is_named_and_not_lost(
    books: BooksProject, on_server: Callable[..., Ran]
) -> None:
    books.revision("r1", None, execute(BEYOND_THE_CATALOGUE), "pass")
    books.revision("r2", "r1")
    on_server("upgrade")
    before = tree(books.root / "migrations")

    said = on_server("squash", "--to", "r2", code=4).err

    for name in (
        "grants on table t",
        "grants on function f()",
        "publication p",
        "operator ===(integer,integer)",
        "text search configuration words",
        "server s",
        "default value for column id of view v",
    ):
        assert f"{name}: only in the old history" in said
    assert tree(books.root / "migrations") == before


@pytest.mark.slow
def test_names_that_need_quotes_are_squashed(books: BooksProject, on_either: Callable[..., Ran]) -> None:
    name = "Ta.b%l:e's"
    books.revision(
        "r1", None, f'op.create_table("{name}", sa.Column("Id", sa.Integer))', f'op.drop_table("{name}")'
    )
    books.revision("r2", "r1")
    on_either("upgrade")

    assert "moved 2 revisions" in on_either("squash", "--to", "r2").out


@pytest.mark.slow
def test_a_database_that_was_below_a_squash_is_not_told_to_stamp(
    three: BooksProject, migrator: Migrator, on_sqlite: AnyDatabase
) -> None:
    run = runner(migrator, three, on_sqlite)
    run("upgrade", "r1")
    run("squash", "--to", "r2", "--applied")
    run("squash", "--to", "r3", "--applied")

    said = run("upgrade", code=5).err

    assert "Revision r1 was squashed into r3 (migrations/test/versions/r3_squash_of_2" in said
    assert "`migrator upgrade r2`" in said
    assert "stamp --purge" not in said


@pytest.mark.slow
def test_a_type_that_sqlalchemy_does_not_know_is_named_with_its_column(
    books: BooksProject, on_server: Callable[..., Ran]
) -> None:
    books.revision("r1", None, "op.execute('CREATE TABLE t (x xml)')", "op.drop_table('t')")
    books.revision("r2", "r1")
    on_server("upgrade")
    before = tree(books.root / "migrations")

    said = on_server("squash", "--to", "r2", code=4).err

    assert "does not know the type of t.x" in said
    assert tree(books.root / "migrations") == before
