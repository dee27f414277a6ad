"""`lint` on a real MariaDB: what destroys is found without squawk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.projects.books import BooksProject, make_project

if TYPE_CHECKING:
    from tests.conftest import Ran
    from tests.mariadb import MariaDatabase

pytestmark = pytest.mark.slow

BOOKS = """op.create_table(
    "books",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.String(50), nullable=False),
    sa.Column("pages", sa.BigInteger),
    sa.Column("note", sa.Text),
)"""


@pytest.fixture
def books_on_mariadb(tmp_path: Path, mariadb_database: MariaDatabase) -> BooksProject:
    """A project with a table, whose scratch databases are made by the database's user."""
    at = mariadb_database
    at.query(f"GRANT ALL ON `migrator\\_scratch\\_%`.* TO '{at.user}'@'127.0.0.1'")
    project = make_project(tmp_path / "a project")
    project.settings(migrator=[f"scratch_url = {at.url()}"])
    project.revision("r1", None, BOOKS)
    return project


@pytest.mark.parametrize("batch", [False, True], ids=["op", "batch"])
def test_what_destroys_is_found_with_the_types_before(
    books_on_mariadb: BooksProject, migrator: Callable[..., Ran], mariadb_database: MariaDatabase, batch: bool
) -> None:
    table = "" if batch else "'books', "
    lines = [
        f"on.drop_column({table}'note')",
        f"on.alter_column({table}'title', type_=sa.String(20), existing_nullable=False)",
        f"on.alter_column({table}'pages', existing_type=sa.BigInteger(), nullable=False)",
    ]
    head = "with op.batch_alter_table('books') as on:" if batch else "on = op\nif True:"
    file = books_on_mariadb.revision("r2", "r1", "\n    ".join((head, *lines)))
    books_on_mariadb.revision("r3", "r2", "op.drop_table('books')")

    ran = migrator(
        "lint", "r2", "r3", "--json", cwd=books_on_mariadb.root, env={"DATABASE_URL": mariadb_database.url()}
    )

    assert ran.code == 1, ran.out + ran.err
    found = json.loads(ran.out)["data"]["findings"]
    written = file.read_text().splitlines()
    assert [(each["rule"], each["operation"]) for each in found] == [
        ("ban-drop-column", "on.drop_column"),
        ("narrowing", "on.alter_column"),
        ("ban-drop-table", "op.drop_table"),
    ]
    assert "'note'" in written[found[0]["line"] - 1]
    assert "'title'" in written[found[1]["line"] - 1]
    assert mariadb_database.tables() == []
    assert mariadb_database.query("SHOW DATABASES LIKE 'migrator\\_scratch\\_%'") == []
