"""Tables that refer to each other, and constraints without names: made and dropped in an order that works."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.projects.books import AnyDatabase, BooksProject
from tests.projects.growing import Growing
from tests.slow import first_is_fast

if TYPE_CHECKING:
    from tests.conftest import Ran

KEPT = 'sa.Table("kept", metadata, sa.Column("id", sa.Integer, primary_key=True){})\n'
CHAIN = "".join(
    f'sa.Table("t{number}", metadata, sa.Column("id", sa.Integer, sa.ForeignKey("t{number + 1}.id"),'
    f' primary_key=True), sa.Column("n", sa.Integer, index=True))\n'
    for number in range(6)
)
LAST = 'sa.Table("t6", metadata, sa.Column("id", sa.Integer, primary_key=True))\n'
CIRCLE = """
sa.Table("hen", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("from", sa.ForeignKey("egg.id"{})))
sa.Table("egg", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("by", sa.ForeignKey("hen.id")))
"""
LONG = "a_rather_long_name_of_a_table_or_of_a_column_änd_more"


@pytest.mark.slow
def test_tables_go_after_those_that_refer_to_them(growing_on_either: Growing) -> None:
    refers = ', sa.Column("t", sa.Integer, sa.ForeignKey("t3.id", name="kept_t"))'
    growing_on_either.start(KEPT.format(refers) + CHAIN + LAST)

    text = growing_on_either.change(KEPT.format(', sa.Column("t", sa.Integer)'), "--allow-drop")

    dropped = [
        line.split("'")[1] for line in text.split("def downgrade")[0].splitlines() if "drop_table" in line
    ]
    assert dropped == [f"t{number}" for number in range(7)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", first_is_fast(["", ', name="hen_from", use_alter=True', ", use_alter=True"])
)
def test_tables_that_refer_to_each_other_come_and_go_together(
    options: str, growing_on_either: Growing
) -> None:
    growing_on_either.start(KEPT.format("") + CIRCLE.format(options))
    growing_on_either.run("downgrade", "base")
    assert "hen" not in growing_on_either.database.tables()
    growing_on_either.run("upgrade")

    growing_on_either.change(KEPT.format(""), "--allow-drop")


@pytest.mark.slow
def test_what_the_models_give_no_name_has_one_by_which_it_can_go(growing_on_either: Growing) -> None:
    target = 'sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))\n'
    growing_on_either.start(target + KEPT.format(', sa.Column("a", sa.Integer), sa.Column("b", sa.Integer)'))

    text = growing_on_either.change(
        target
        + KEPT.format(
            ', sa.Column("a", sa.Integer, sa.ForeignKey("users.id")), sa.Column("b", sa.Integer),'
            ' sa.Column("c", sa.Integer, unique=True), sa.UniqueConstraint("a", "b")'
        )
    )

    for name in ("kept_a_fkey", "kept_c_key", "kept_a_b_key"):
        assert text.count(f"'{name}'") == 2, text


@pytest.mark.slow
def test_a_long_name_is_cut_to_what_the_database_keeps(
    migrator: Callable[..., Ran], books: BooksProject, on_postgresql: AnyDatabase
) -> None:
    growing = Growing(migrator, books, on_postgresql)
    table = f'sa.Table("{LONG}", metadata, sa.Column("id", sa.Integer, primary_key=True)'
    columns = f', sa.Column("{LONG}_one", sa.Integer), sa.Column("{LONG}_two", sa.Integer)'
    growing.start(table + columns + ")\n")

    growing.change(
        table + columns + f', sa.UniqueConstraint("{LONG}_one"), sa.UniqueConstraint("{LONG}_two"))\n'
    )

    names = growing.database.query(
        "SELECT conname FROM pg_constraint WHERE conrelid::regclass::text ~ '^.a_rather' AND contype = 'u'"
    )
    assert len(set(names)) == 2
