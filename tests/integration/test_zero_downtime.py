"""What docs/how-to/zero-downtime.md recommends runs, in its order, and `lint` has nothing against it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import indent

import pytest

from docs.generate.console import blocks
from docs.generate.paths import DOCS
from migrator.database.embedded.shared_use import remove_server
from tests.conftest import Database, Ran
from tests.projects.small import versions, write_project

PAGE = (DOCS / "how-to" / "zero-downtime.md").read_text(encoding="utf-8")
RECIPES = [block.text for block in blocks(PAGE) if block.kind == "python"]
BEFORE = """\
op.execute("CREATE TABLE users (id integer PRIMARY KEY, full_name text)")
op.execute("CREATE TABLE orders (id integer PRIMARY KEY, user_id integer)")
op.execute("INSERT INTO users VALUES (1, 'Ada Lovelace'), (2, 'Grace Hopper'), (3, NULL)")
"""


@pytest.fixture
def recipes(tmp_path: Path) -> Iterator[Path]:
    """A project with a revision for the tables of the page, and one for each of its recipes."""
    root = write_project(tmp_path / "shop", "test")
    for number, recipe in enumerate([BEFORE, *RECIPES]):
        _write_revision(versions(root), number, recipe)
    yield root
    remove_server(root)


def _write_revision(folder: Path, number: int, recipe: str) -> None:
    body = recipe if "def upgrade" in recipe else f"def upgrade() -> None:\n{indent(recipe, '    ')}"
    down = f"down_revision = {f'r{number - 1:03}' if number else None!r}"
    head = [
        "import sqlalchemy as sa",
        "from alembic import op",
        "",
        f"revision = 'r{number:03}'",
        down,
        "",
        "",
    ]
    (folder / f"r{number:03}.py").write_text("\n".join([*head, body]), encoding="utf-8")


def test_every_recipe_runs_on_a_table_with_rows(
    recipes: Path, postgres_database: Database, migrator: Callable[..., Ran]
) -> None:
    ran = migrator("upgrade", "--url", postgres_database.url, cwd=recipes)

    assert ran.code == 0, ran.err
    assert len(RECIPES) >= 9
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'users' ORDER BY 1"
    assert [row[0] for row in postgres_database.query(columns)] == ["full_name", "id", "visits"]


@pytest.mark.slow
def test_lint_finds_no_error_in_the_recipes(
    recipes: Path, postgres_database: Database, migrator: Callable[..., Ran]
) -> None:
    ran = migrator("lint", "r000:head", "--url", postgres_database.url, cwd=recipes)

    assert re.search(r"\b0 errors\b", ran.out), ran.out
    assert ran.code == 0
