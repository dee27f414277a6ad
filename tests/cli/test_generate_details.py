"""Defaults, checks, comments, computed and identity columns: found, and written so that both ways work."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.projects.growing import HEAD, Growing

if TYPE_CHECKING:
    pass


def items(*more: str, id_: str = "sa.Integer, primary_key=True", kw: str = "") -> str:
    """Models with one table, and more of its columns and constraints."""
    parts = "".join(f", {each}" for each in more)
    return f'items = sa.Table("items", metadata, sa.Column("id", {id_}){parts}{kw})'


# What a column is before, and after; all of them change in one revision, each in a column of its own.
CHANGING = (
    ("sa.Text", "sa.Text, server_default='none'"),
    ("sa.Text, server_default='a'", 'sa.Text, server_default="it\'s 50% a:b"'),
    ("sa.Integer, server_default='1'", "sa.Integer, server_default=sa.text('2 + 3')"),
    ("sa.DateTime, server_default=sa.func.now()", "sa.DateTime"),
    ("sa.Boolean, server_default=sa.false()", "sa.Boolean, server_default=sa.true()"),
    ("sa.Text, comment='one'", 'sa.Text, comment="two\'s"'),
    ("sa.Text", "sa.Text, comment='one'"),
    ("sa.Integer, nullable=False", "sa.Integer, sa.Identity(), nullable=False"),
    ("sa.Integer, sa.Identity(always=True)", "sa.Integer, sa.Identity(start=5)"),
    ("sa.Integer, sa.Identity()", "sa.Integer, nullable=False"),
    ("postgresql.JSONB", "postgresql.JSONB, server_default='{\"a\": [1]}'"),
)


def test_columns_that_change_and_back(growing: Growing) -> None:
    before, after = (
        items(*(f'sa.Column("x{number}", {pair[side]})' for number, pair in enumerate(CHANGING)))
        for side in (0, 1)
    )
    growing.start(before)

    for models in (after, before):
        text = growing.change(models)
        changed = set(re.findall(r"'items', '(x\d+)'", text.split("def downgrade")[0]))
        assert changed == {f"x{number}" for number in range(len(CHANGING))}, text


@pytest.mark.slow
def test_a_computed_column_comes_and_goes(growing: Growing) -> None:
    growing.start(items('sa.Column("x", sa.Integer)'))
    growing.database.query("INSERT INTO items (x) VALUES (4)")
    computed = items(
        'sa.Column("x", sa.Integer)', 'sa.Column("y", sa.Integer, sa.Computed("x * 2", persisted=True))'
    )

    growing.change(computed)
    assert growing.database.query("SELECT y FROM items") == [(8,)]
    growing.change(items('sa.Column("x", sa.Integer)'), "--allow-drop")


@pytest.mark.slow
def test_an_identity_as_primary_key(growing: Growing) -> None:
    growing.start(items(id_="sa.BigInteger, sa.Identity(always=True), primary_key=True"))

    growing.change(items(id_="sa.BigInteger, sa.Identity(always=False, increment=2), primary_key=True"))


@pytest.mark.slow
def test_comments_of_tables(growing: Growing) -> None:
    growing.start(items())

    growing.change(items(kw=", comment='first'"))
    growing.change(items(kw=', comment="second\'s"'))
    growing.change(items())


@pytest.mark.slow
def test_named_checks_come_and_go(growing: Growing) -> None:
    column = 'sa.Column("x", sa.Integer)'
    growing.start(items(column))
    odd = "x > 0 AND 'a:b' <> 'it''s 50%' AND x::text <> ':x'"

    text = growing.change(items(column, f'sa.CheckConstraint({odd!r}, name="ck_odd")'))
    assert "create_check_constraint('ck_odd'" in text.replace('"', "'")
    growing.change(items(column, 'sa.CheckConstraint("x > 1", name="ck_x")'))
    growing.change(items(column))


@pytest.mark.slow
def test_a_check_goes_with_its_column_and_follows_a_renamed_one(growing: Growing) -> None:
    def check(name: str) -> str:
        return f'sa.CheckConstraint("{name} > 0", name="ck_x")'

    growing.start(items('sa.Column("x", sa.Integer)', check("x")))

    renamed = growing.change(items('sa.Column("y", sa.Integer)', check("y")), "--rename", "items.x=y")
    assert "ck_x" not in renamed
    growing.change(items('sa.Column("z", sa.Integer)'), "--rename", "items.y=z")
    growing.change(items('sa.Column("z", sa.Integer)', check("z")))
    growing.change(items(), "--allow-drop")


@pytest.mark.slow
def test_checks_that_the_server_or_a_convention_names_are_no_difference(growing: Growing) -> None:
    growing.start(
        items(
            'sa.Column("x", sa.Integer)',
            'sa.Column("b", sa.Boolean(create_constraint=True, name="ck_b"))',
            'sa.Column("e", sa.Enum("a", "b", name="e", native_enum=False, create_constraint=True))',
            'sa.CheckConstraint("x > 0")',
        )
    )
    growing.books.models(
        HEAD.replace(
            "MetaData()", 'MetaData(naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s"})'
        )
        + items('sa.Column("x", sa.Integer)', 'sa.CheckConstraint("x > 1", name="more")')
    )
    growing.run("generate", "-m", "x", "--allow-drop")
    growing.run("upgrade")
    growing.agree()
    assert "ck_items_more" in str(growing.database.query("SELECT conname FROM pg_constraint"))


@pytest.mark.slow
def test_a_serial_key_is_no_difference_and_a_table_in_a_schema_is_compared(growing: Growing) -> None:
    growing.database.query("CREATE SCHEMA shop")
    growing.books.env_py.write_text(
        "from migrator.env import run_migrations\n\nrun_migrations(include_schemas=True)\n"
    )
    kw = ', schema="shop"'
    growing.start(items('sa.Column("x", sa.Integer)', kw=kw))

    growing.change(items('sa.Column("y", sa.Integer)', kw=kw), "--rename", "shop.items.x=y")
    check = 'sa.CheckConstraint("y > 0", name="ck")'
    growing.change(
        items('sa.Column("y", sa.Integer)', check, 'sa.Column("e", sa.Enum("a", name="e"))', kw=kw)
    )
    growing.change(
        items('sa.Column("y", sa.Integer)', check, kw=kw).replace('"items"', '"things"'),
        "--rename-table",
        "shop.items=shop.things",
        "--allow-drop",
    )


def test_check_says_with_v_what_it_does_not_compare(growing: Growing) -> None:
    growing.start(items())

    lines = growing.run("check", "-v").out.splitlines()

    assert lines[0] == "models and database agree"
    assert lines[-1].startswith("not compared: views, triggers, functions, sequences, ")
    assert "text of CHECK constraints" in lines[-1]
    said = json.loads(growing.run("check", "--json").out)["data"]["not_compared"]
    assert f"not compared: {', '.join(said)}" == lines[-1]
