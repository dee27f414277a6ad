"""Which tables and types version files make, read from their text."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrator.revisions.created_tables import created_tables, types_mentioned


def write(folder: Path, text: str) -> list[Path]:
    """Write one version file."""
    path = folder / "r1.py"
    path.write_text(text, encoding="utf-8")
    return [path]


@pytest.mark.parametrize(
    ("text", "table", "schema"),
    [
        ("op.create_table('one', sa.Column('id'))", "one", None),
        ("op.create_table(table_name='one')", "one", None),
        ("op.create_table('one', schema='shop')", "one", "shop"),
        ("op.rename_table('zero', 'one')", "one", None),
        ("op.execute('CREATE TABLE one (id int)')", "one", None),
        ("op.execute('create unlogged table if not exists shop.\"one\" (id int)')", "one", "shop"),
        ("op.execute('ALTER TABLE zero RENAME TO one')", "one", None),
        ("for name in ('one', 'two'):\n    op.create_table(name)", "one", None),
        ("Base.metadata.create_all(op.get_bind())", "one", None),
    ],
)
def test_a_table_that_a_file_makes_is_known(
    tmp_path: Path, text: str, table: str, schema: str | None
) -> None:
    assert created_tables(write(tmp_path, text)).has(table, schema)


@pytest.mark.parametrize(
    "text",
    [
        "op.drop_table('one')",
        "op.add_column('one', sa.Column('x'))",
        "op.create_table('one_more')",
        "op.execute('CREATE TABLE one_more (id int)')",
        "this is no Python: CREATE",
    ],
)
def test_a_table_that_a_file_only_names_is_not(tmp_path: Path, text: str) -> None:
    assert not created_tables(write(tmp_path, text)).has("one", None)


def test_a_type_is_mentioned_by_its_name_in_python_or_in_sql(tmp_path: Path) -> None:
    files = write(
        tmp_path, "sa.Enum('a', name='mood')\nop.execute('CREATE TYPE shop.feeling AS ENUM ()')\nstatus = 1\n"
    )

    assert types_mentioned(files, ["mood", "feeling", "status", "moo"]) == {"mood", "feeling"}
