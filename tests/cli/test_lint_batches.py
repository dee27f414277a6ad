"""`lint` of what stands in a `batch_alter_table`: found in a copied table too, and at its own line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Ran
from tests.linting import Lint, findings, line_of, linting
from tests.projects.books import AnyDatabase, BooksProject

AUTHORS = """op.create_table(
    "authors",
    sa.Column("id", sa.Integer),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("born", sa.Date),
    sa.Column("books", sa.BigInteger),
)"""
ALLOW = "# migrator: allow ban-drop-column -- never used"


@pytest.fixture
def lint(books: BooksProject, migrator: Callable[..., Ran], either_database: AnyDatabase) -> Lint:
    """Runs `migrator lint` of a project with a table, on SQLite and on PostgreSQL."""
    on_server = [f"scratch_url = {either_database.url}"] if either_database.backend == "postgresql" else []
    books.settings(migrator=["scratch_keep = 0", *on_server])
    books.revision("r1", None, AUTHORS)
    return linting(books, migrator, either_database.url)


def batch(*lines: str, table: str = "authors", more: str = "") -> str:
    """Give a batch of one table with lines in it."""
    return "\n    ".join((f"with op.batch_alter_table({table!r}{more}) as batch_op:", *lines))


def test_what_a_batch_destroys_is_found_at_the_line_of_its_operation(books: BooksProject, lint: Lint) -> None:
    file = books.revision(
        "r2",
        "r1",
        batch(
            "batch_op.add_column(sa.Column('note', sa.Text))",
            "batch_op.drop_column('born')",
            "batch_op.alter_column('books',\n        type_=sa.SmallInteger())",
            "batch_op.alter_column('name', type_=sa.String(20))",
        ),
    )

    found = findings(lint("r2", "--json", code=1))

    assert sorted((each["line"], each["rule"], each["operation"]) for each in found) == [
        (line_of(file, "'born'"), "ban-drop-column", "batch_op.drop_column"),
        (line_of(file, "'books'"), "narrowing", "batch_op.alter_column"),
        (line_of(file, "'name'"), "narrowing", "batch_op.alter_column"),
    ]


def test_an_excuse_in_a_batch_is_for_its_own_operation(books: BooksProject, lint: Lint) -> None:
    file = books.revision(
        "r2",
        "r1",
        batch(f"batch_op.drop_column('born')  {ALLOW}", "batch_op.drop_column('books')"),
    )

    found = findings(lint("r2", "--json", code=1))

    assert [(each["line"], each["excused_by"]) for each in found] == [
        (line_of(file, "'born'"), "never used"),
        (line_of(file, "'books'"), None),
    ]
    file.write_text(file.read_text().replace("('books')", f"('books')  {ALLOW}"))
    assert "note: " not in lint("r2", code=0).out


def test_a_batch_that_loses_nothing_has_no_finding(books: BooksProject, lint: Lint) -> None:
    wider = (
        "batch_op.add_column(sa.Column('note', sa.Text))",
        "batch_op.alter_column('name', type_=sa.Text())",
    )
    books.revision("r2", "r1", batch(*wider))

    assert findings(lint("r2", "--json", code=0)) == []


def test_a_copied_table_is_as_new_as_it_was(books: BooksProject, lint: Lint) -> None:
    copied = batch("batch_op.drop_column('born')", more=", recreate='always'")
    books.revision("r2", "r1", copied)
    books.revision("r3", "r2", "op.drop_column('authors', 'books')\nop.drop_table('authors')")

    assert findings(lint("base:head", "--json", code=0)) == []
    assert [(each["revision"], each["rule"]) for each in findings(lint("r1:head", "--json", code=1))] == [
        ("r2", "ban-drop-column"),
        ("r3", "ban-drop-column"),
        ("r3", "ban-drop-table"),
    ]


def test_a_table_with_a_name_that_alembic_cuts_is_known_to_be_copied(books: BooksProject, lint: Lint) -> None:
    long = "authors_of_" + "many_" * 8 + "books"
    create = f"op.create_table({long!r}, sa.Column('id', sa.Integer), sa.Column('name', sa.Text))"
    books.revision("r2", "r1", create)
    gone = batch("batch_op.drop_column('name')", table=long, more=", recreate='always'")
    file = books.revision("r3", "r2", gone)

    (found,) = findings(lint("r3", "--json", code=1))

    assert (found["rule"], found["line"]) == ("ban-drop-column", line_of(file, "'name'"))


def test_a_column_that_a_copy_renames_is_renamed_and_not_lost(books: BooksProject, lint: Lint) -> None:
    new = batch("batch_op.alter_column('born', new_column_name='birthday')", more=", recreate='always'")
    books.revision("r2", "r1", new)

    assert [each["rule"] for each in findings(lint("r2", "--json", code=1))] == ["renaming-column"]


def test_what_only_reads_is_not_counted_among_the_statements(books: BooksProject, lint: Lint) -> None:
    books.revision(
        "r2", "r1", "op.get_bind().execute(sa.text('SELECT 1'))\nsa.inspect(op.get_bind()).get_table_names()"
    )

    assert "0 statements of 1 revision" in lint("r2", code=0).out
