"""What destroys data needs consent: an upgrade of a protected environment, a downgrade that deletes rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.linting import line_of
from tests.projects.books import AnyDatabase, BooksProject
from tests.projects.small import tree
from tests.terminal import at_terminal

AUTHORS = """op.create_table(
    "authors",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("born", sa.Date),
)
op.execute("INSERT INTO authors (id, name) VALUES (1, 'Ann')")"""
Migrator = Callable[..., Ran]


@pytest.fixture
def project(books: BooksProject, migrator: Migrator) -> Callable[[AnyDatabase, str], Path]:
    """Writes a protected project whose database has a table with a row, and a pending revision."""

    def write(database: AnyDatabase, body: str) -> Path:
        books.settings(migrator=["protected = true"])
        books.revision("r1", None, AUTHORS)
        assert migrator("upgrade", cwd=books.root, env=database.env).code == 0
        return books.revision("r2", "r1", body)

    return write


SHOWN_BY_THE_TEXT = {
    "drop table": ("op.drop_table('authors')", "ban-drop-table"),
    "drop column": ("op.drop_column('authors', 'born')", "ban-drop-column"),
    "batch": (
        "with op.batch_alter_table('authors') as batch_op:\n    batch_op.drop_column('born')",
        "ban-drop-column",
    ),
    "sql": ("op.execute('ALTER TABLE authors DROP COLUMN born')", "ban-drop-column"),
    "a constant": ("sql = 'DROP TABLE ' 'authors'\nop.execute(sa.text(sql))", "ban-drop-table"),
    "another connection": ("op.get_bind().execute(sa.text('DELETE FROM authors'))", "delete-without-where"),
    "a loop": ("for name in ('authors',):\n    op.drop_table(name)", "ban-drop-table"),
    "narrowing": (
        "with op.batch_alter_table('authors') as batch_op:\n"
        "    batch_op.alter_column('name', existing_type=sa.String(50), type_=sa.String(length=5))",
        "narrowing",
    ),
    "narrowing, the old type not said": (
        "with op.batch_alter_table('authors') as batch_op:\n"
        "    batch_op.alter_column('name', type_=sa.String(5))",
        "narrowing",
    ),
}


@pytest.mark.parametrize(("body", "rule"), SHOWN_BY_THE_TEXT.values(), ids=SHOWN_BY_THE_TEXT)
def test_a_protected_environment_refuses_a_loss_that_nobody_has_agreed_to(
    project: Callable[[AnyDatabase, str], Path],
    books: BooksProject,
    migrator: Migrator,
    on_sqlite: AnyDatabase,
    body: str,
    rule: str,
) -> None:
    file = project(on_sqlite, body)
    before = tree(books.versions)

    for options in ((), ("--yes",), ("--no-input",)):
        ran = migrator("upgrade", *options, cwd=books.root, env=on_sqlite.env)

        assert (ran.code, ran.out) == (4, ""), ran.err
        assert "The upgrade of testing destroys data, which needs consent: " in ran.err
        assert f"migrations/test/versions/{file.name}:" in ran.err
        assert f"[{rule}]; nothing was done." in ran.err
        assert f"# migrator: allow {rule} -- reason; or run: migrator upgrade --confirm testing" in ran.err
    assert on_sqlite.version() == ["r1"]
    assert on_sqlite.query("SELECT name FROM authors") == [("Ann",)]
    assert tree(books.versions) == before


@pytest.mark.parametrize("column", ["'name', type_=sa.String(5)", "'id', type_=sa.SmallInteger()"])
def test_a_type_that_is_narrower_than_the_database_has_it_is_a_loss(
    project: Callable[[AnyDatabase, str], Path],
    books: BooksProject,
    migrator: Migrator,
    on_postgresql: AnyDatabase,
    column: str,
) -> None:
    project(on_postgresql, f"op.alter_column('authors', {column})")

    ran = migrator("upgrade", cwd=books.root, env=on_postgresql.env)

    assert (ran.code, "[narrowing]" in ran.err) == (4, True), ran.err
    assert on_postgresql.version() == ["r1"]


def test_a_reason_in_the_file_and_the_name_of_the_environment_are_consent(
    project: Callable[[AnyDatabase, str], Path],
    books: BooksProject,
    migrator: Migrator,
    on_sqlite: AnyDatabase,
) -> None:
    file = project(on_sqlite, "op.drop_column('authors', 'born')")
    line = line_of(file, "drop_column")

    def run(*arguments: str) -> Ran:
        return migrator(*arguments, cwd=books.root, env=on_sqlite.env)

    for wrong in ("test", "production", "yes"):
        ran = run("upgrade", "--confirm", wrong)
        assert (ran.code, f"The confirmation {wrong} is not the name" in ran.err) == (4, True)
    dry = run("upgrade", "--dry-run")
    assert dry.code == 0
    assert "destroys: drop column authors.born" in dry.out
    assert f"which needs consent: migrations/test/versions/{file.name}:{line}: drop column" in dry.out

    said = run("upgrade", "--confirm", "testing")

    assert (said.code, "r2 destroys: drop column authors.born" in said.err) == (0, True), said.err
    file = books.revision("r3", "r2", "op.drop_table('authors')  # migrator: allow ban-drop-table -- unused")
    excused = run("upgrade")
    assert (excused.code, "r3 destroys: drop table authors" in excused.err) == (0, True), excused.err


def test_the_reason_of_a_downgrade_is_no_consent_to_an_upgrade(
    project: Callable[[AnyDatabase, str], Path],
    books: BooksProject,
    migrator: Migrator,
    on_sqlite: AnyDatabase,
) -> None:
    file = project(on_sqlite, "op.execute(' '.join(['DROP', 'TABLE', 'authors']))")
    reason = "op.drop_table('authors')  # migrator: allow ban-drop-table -- it was new"
    before, _def, _after = file.read_text().partition("def downgrade():")
    file.write_text(f"{before}def downgrade():\n    {reason}\n")

    ran = migrator("upgrade", cwd=books.root, env=on_sqlite.env)

    assert (ran.code, on_sqlite.version()) == (4, ["r1"]), ran.err


def test_what_an_env_py_with_one_connection_reaches_is_judged_too(
    project: Callable[[AnyDatabase, str], Path],
    books: BooksProject,
    migrator: Migrator,
    on_postgresql: AnyDatabase,
) -> None:
    project(on_postgresql, "op.alter_column('authors', 'name', type_=sa.String(5))")
    books.env_py.write_text(
        "import sqlalchemy as sa\nfrom alembic import context\n"
        f"engine = sa.create_engine({on_postgresql.sync_url!r}, poolclass=sa.pool.StaticPool)\n"
        "with engine.connect() as connection:\n"
        "    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )

    ran = migrator("upgrade", cwd=books.root, env=on_postgresql.env)

    assert (ran.code, "[narrowing]" in ran.err) == (4, True), ran.err


def test_lint_gate_turns_the_rule_off_where_it_is_said_to(
    project: Callable[[AnyDatabase, str], Path],
    books: BooksProject,
    migrator: Migrator,
    on_sqlite: AnyDatabase,
) -> None:
    project(on_sqlite, "op.drop_table('authors')")
    books.settings(migrator=["protected = true", "lint_gate = false"])

    ran = migrator("upgrade", cwd=books.root, env=on_sqlite.env)

    assert (ran.code, "r2 destroys: drop table authors" in ran.err) == (0, True), ran.err


HIDDEN = {
    "computed": ("op.execute(' '.join(['DROP', 'TABLE', 'authors']))", "ban-drop-table"),
    "an expression": ("op.execute(sa.table('authors').delete())", "delete-without-where"),
    "metadata": (
        "metadata = sa.MetaData()\nmetadata.reflect(op.get_bind(), only=['authors'])\n"
        "metadata.drop_all(op.get_bind())",
        "ban-drop-table",
    ),
    "a helper": ("getattr(op, 'drop_table')('authors')", "ban-drop-table"),
}


@pytest.mark.parametrize(("body", "rule"), HIDDEN.values(), ids=HIDDEN)
def test_what_only_shows_when_it_runs_is_stopped_there_and_rolled_back(
    project: Callable[[AnyDatabase, str], Path],
    books: BooksProject,
    migrator: Migrator,
    either_database: AnyDatabase,
    body: str,
    rule: str,
) -> None:
    file = project(either_database, f"op.create_table('new', sa.Column('id', sa.Integer))\n{body}")

    ran = migrator("upgrade", cwd=books.root, env=either_database.env)

    assert ran.code == 4, ran.err
    assert "it destroys data without consent: D" in ran.err
    assert f"[{rule}]" in ran.err
    assert file.name in ran.err
    assert either_database.version() == ["r1"]
    assert either_database.query("SELECT name FROM authors") == [("Ann",)]
    assert "new" not in either_database.tables()

    assert migrator("upgrade", "--confirm", "testing", cwd=books.root, env=either_database.env).code == 0


NO_LOSS = {
    "the copy of a batch": (
        "with op.batch_alter_table('authors', recreate='always') as batch_op:\n"
        "    batch_op.add_column(sa.Column('died', sa.Date))"
    ),
    "a wider type": (
        "with op.batch_alter_table('authors') as batch_op:\n"
        "    batch_op.alter_column('name', existing_type=sa.String(50), type_=sa.Text())"
    ),
    "made by the same plan": (
        "op.create_table('t', sa.Column('id', sa.Integer))\nop.execute(' '.join(['DROP', 'TABLE', 't']))"
    ),
    "some rows": "op.execute('DELETE FROM authors WHERE id = 7')",
}


@pytest.mark.parametrize("body", NO_LOSS.values(), ids=NO_LOSS)
def test_what_loses_nothing_needs_no_consent(
    project: Callable[[AnyDatabase, str], Path],
    books: BooksProject,
    migrator: Migrator,
    either_database: AnyDatabase,
    body: str,
) -> None:
    project(either_database, body)

    ran = migrator("upgrade", cwd=books.root, env=either_database.env)

    assert ran.code == 0, ran.err


def test_a_type_that_takes_its_columns_along_is_a_loss(
    project: Callable[[AnyDatabase, str], Path],
    books: BooksProject,
    migrator: Migrator,
    on_postgresql: AnyDatabase,
) -> None:
    sql = "op.execute('ALTER TYPE mood RENAME TO mood_old; DROP TYPE mood_old CASCADE')"
    project(on_postgresql, sql)
    on_postgresql.query("CREATE TYPE mood AS ENUM ('a')")
    on_postgresql.query("ALTER TABLE authors ADD COLUMN mood mood")

    ran = migrator("upgrade", cwd=books.root, env=on_postgresql.env)

    assert (ran.code, "[ban-drop-type]" in ran.err) == (4, True), ran.err


def test_a_type_that_another_of_its_name_replaces_is_no_loss(
    project: Callable[[AnyDatabase, str], Path],
    books: BooksProject,
    migrator: Migrator,
    on_postgresql: AnyDatabase,
) -> None:
    project(
        on_postgresql,
        "op.execute(\"CREATE TYPE mood AS ENUM ('a')\")\n"
        "op.execute('ALTER TYPE mood RENAME TO mood_old')\n"
        "op.execute(\"CREATE TYPE mood AS ENUM ('a', 'b')\")\n"
        "op.execute('DROP TYPE mood_old')",
    )

    ran = migrator("upgrade", cwd=books.root, env=on_postgresql.env)

    assert (ran.code, "destroys" in ran.err) == (0, False), ran.err


@pytest.mark.parametrize(("typed", "code"), [("testing\n", 0), ("y\n", 4)])
def test_at_a_terminal_the_name_is_asked_for(
    project: Callable[[AnyDatabase, str], Path],
    books: BooksProject,
    on_sqlite: AnyDatabase,
    typed: str,
    code: int,
) -> None:
    project(on_sqlite, "op.drop_table('authors')")

    shown = at_terminal(["migrator", "upgrade"], books.root, on_sqlite.env, answer=("type testing: ", typed))

    assert "destroys: drop table authors" in shown.text
    assert (shown.code, "r2" in on_sqlite.version()) == (code, code == 0), shown.text


BACK = "op.drop_table('authors')"


@pytest.mark.parametrize("rows", [True, False])
def test_a_downgrade_that_loses_rows_needs_yes_outside_a_terminal(
    books: BooksProject, migrator: Migrator, either_database: AnyDatabase, rows: bool
) -> None:
    # The embedded PostgreSQL is meant only where no variable says otherwise.
    books.settings(migrator=["database = embedded"])
    books.revision("r1", None, AUTHORS, BACK)
    assert migrator("upgrade", cwd=books.root, env=either_database.env).code == 0
    if not rows:
        either_database.query("DELETE FROM authors")

    ran = migrator("downgrade", "base", cwd=books.root, env=either_database.env)

    if rows:
        wrong = migrator("downgrade", "base", "--confirm", "test", cwd=books.root, env=either_database.env)
        assert (wrong.code, "The confirmation test is not the name" in wrong.err) == (4, True)
        assert (ran.code, ran.out) == (4, ""), ran.err
        assert "The downgrade of testing deletes rows, which needs consent: " in ran.err
        assert "drop table authors [ban-drop-table]; nothing was done." in ran.err
        assert "If you want that: migrator downgrade base --yes --env testing" in ran.err
        assert either_database.version() == ["r1"]
        consent = ["--yes"] if either_database.backend == "sqlite" else ["--confirm", "testing"]
        ran = migrator("downgrade", "base", *consent, cwd=books.root, env=either_database.env)
    assert ran.code == 0, ran.err
    assert "authors" not in either_database.tables()


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 4)])
def test_at_a_terminal_a_downgrade_that_loses_rows_is_asked_about(
    books: BooksProject, migrator: Migrator, on_sqlite: AnyDatabase, typed: str, code: int
) -> None:
    books.settings()
    books.revision("r1", None, AUTHORS, BACK)
    assert migrator("upgrade", cwd=books.root, env=on_sqlite.env).code == 0

    shown = at_terminal(
        ["migrator", "downgrade"], books.root, on_sqlite.env, answer=("deletes rows. Downgrade", typed)
    )

    assert "destroys: drop table authors" in shown.text
    assert (shown.code, "authors" not in on_sqlite.tables()) == (code, code == 0), shown.text
