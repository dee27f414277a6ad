"""`lint_gate`: an upgrade that would destroy something is refused before anything is done."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Ran
from tests.linting import findings, line_of, linting
from tests.projects.books import AnyDatabase, BooksProject
from tests.projects.small import tree

AUTHORS = """op.create_table(
    "authors",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("born", sa.Date),
)"""


def test_the_gate_refuses_what_nobody_has_excused_and_leaves_the_database(
    books: BooksProject, migrator: Callable[..., Ran], either_database: AnyDatabase
) -> None:
    books.settings(migrator=["lint_gate = true"])
    books.revision("r1", None, AUTHORS)
    assert migrator("upgrade", cwd=books.root, env=either_database.env).code == 0
    file = books.revision("r2", "r1", "op.drop_column('authors', 'born')")
    before = tree(books.versions)

    ran = migrator("upgrade", cwd=books.root, env=either_database.env)

    place = f"migrations/test/versions/{file.name}:{line_of(file, 'drop_column')}"
    assert ran.code == 4
    refusal = f"The upgrade of testing destroys data, which needs consent: {place}: drop column"
    assert f"{refusal} authors.born" in ran.err
    assert "[ban-drop-column]; nothing was done." in ran.err
    assert "# migrator: allow ban-drop-column -- reason" in ran.err
    assert (either_database.version(), tree(books.versions)) == (["r1"], before)

    dry = migrator("upgrade", "--dry-run", cwd=books.root, env=either_database.env)

    assert dry.code == 0
    assert f"note: {refusal}" in dry.out

    file.write_text(
        file.read_text().replace("'born')", "'born')  # migrator: allow ban-drop-column -- never used")
    )

    assert migrator("upgrade", cwd=books.root, env=either_database.env).code == 0
    assert either_database.version() == ["r2"]


def test_the_gate_lets_a_whole_history_make_a_new_database_and_goes_by_the_rules_of_the_ini(
    books: BooksProject, migrator: Callable[..., Ran], on_sqlite: AnyDatabase
) -> None:
    books.settings(migrator=["lint_gate = true"])
    books.revision("r1", None, AUTHORS)
    books.revision("r2", "r1", "op.drop_column('authors', 'born')")
    assert migrator("upgrade", cwd=books.root, env=on_sqlite.env).code == 0
    books.revision("r3", "r2", "op.execute('DELETE FROM authors')")
    refused = migrator("upgrade", cwd=books.root, env=on_sqlite.env)
    assert (refused.code, "[delete-without-where]" in refused.err) == (4, True)
    books.settings(migrator=["lint_gate = true", "lint_ignore = delete-without-where"])

    assert migrator("upgrade", cwd=books.root, env=on_sqlite.env).code == 0


def test_a_destroying_upgrade_goes_ahead_where_there_is_no_gate(
    books: BooksProject, migrator: Callable[..., Ran], on_sqlite: AnyDatabase
) -> None:
    books.revision("r1", None, AUTHORS)
    assert migrator("upgrade", cwd=books.root, env=on_sqlite.env).code == 0
    books.revision("r2", "r1", "op.drop_table('authors')")

    assert migrator("upgrade", cwd=books.root, env=on_sqlite.env).code == 0
    assert on_sqlite.tables() == ["alembic_version"]


@pytest.fixture
def gated(books: BooksProject, migrator: Callable[..., Ran], on_sqlite: AnyDatabase) -> Callable[..., Ran]:
    """Runs a command in a project with a gate, whose database has the table of the first revision."""
    books.settings(migrator=["lint_gate = true"])
    books.revision("r1", None, AUTHORS)

    def run(*arguments: str) -> Ran:
        return migrator(*arguments, cwd=books.root, env=on_sqlite.env)

    assert run("upgrade").code == 0
    return run


SCRATCH = "op.create_table('moved', sa.Column('id', sa.Integer), sa.Column('name', sa.Text))"


def test_what_the_plan_has_made_itself_may_go(books: BooksProject, gated: Callable[..., Ran]) -> None:
    books.revision("r2", "r1", SCRATCH)
    books.revision("r3", "r2", "op.drop_column('moved', 'id')\nop.drop_table('moved')")

    assert (gated("upgrade").code, gated("lint", "r1:head").code) == (0, 0)


@pytest.mark.parametrize(
    "body",
    [
        "op.drop_table('authors')\nop.create_table('authors', sa.Column('id', sa.Integer))",
        "if not sa.inspect(op.get_bind()).has_table('authors'):\n"
        "    op.create_table('authors', sa.Column('id', sa.Integer))\nop.drop_table('authors')",
        f"{SCRATCH}\nop.drop_table('moved')\nop.rename_table('authors', 'moved')\nop.drop_table('moved')",
    ],
    ids=["made afterwards", "made where it is missing", "another of that name"],
)
def test_what_may_hold_rows_is_not_taken_for_new(
    books: BooksProject, gated: Callable[..., Ran], on_sqlite: AnyDatabase, body: str
) -> None:
    books.revision("r2", "r1", body)

    ran = gated("upgrade")

    assert (ran.code, "[ban-drop-table]" in ran.err) == (4, True), ran.err
    assert on_sqlite.version() == ["r1"]


def test_one_excuse_serves_lint_and_gate(books: BooksProject, gated: Callable[..., Ran]) -> None:
    lines = "with op.batch_alter_table('authors') as batch_op:\n    batch_op.drop_column('born')"
    file = books.revision("r2", "r1", lines)
    refused, (found,) = gated("upgrade"), findings(gated("lint", "--json"))
    place = f"{file.name}:{line_of(file, 'drop_column')}"
    assert (refused.code, f"{place}: drop column authors.born [ban-drop-column]" in refused.err) == (4, True)
    assert (f"{found['file']}:{found['line']}".endswith(place), found["rule"]) == (True, "ban-drop-column")

    excuse = "  # migrator: allow ban-drop-column -- never used"
    file.write_text(file.read_text().replace("('born')", f"('born'){excuse}"))

    linted = gated("lint")
    assert (linted.code, "note: " in linted.out) == (0, False), linted.out
    assert gated("upgrade").code == 0


def test_one_rule_is_named_by_lint_and_gate_where_a_truncate_cascades(
    books: BooksProject, migrator: Callable[..., Ran], on_postgresql: AnyDatabase
) -> None:
    books.settings(migrator=["lint_gate = true", f"scratch_url = {on_postgresql.url}", "scratch_keep = 0"])
    books.revision("r1", None, AUTHORS)
    assert migrator("upgrade", cwd=books.root, env=on_postgresql.env).code == 0
    books.revision("r2", "r1", "op.execute('TRUNCATE authors CASCADE')")

    refused = migrator("upgrade", cwd=books.root, env=on_postgresql.env)
    (found,) = findings(linting(books, migrator, on_postgresql.url)("--json", code=1))

    assert found["rule"] == "ban-truncate-cascade"
    assert (refused.code, "TRUNCATE authors CASCADE [ban-truncate-cascade]" in refused.err) == (4, True)
