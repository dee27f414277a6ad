"""Which functions of version files do nothing but call Alembic's operations."""

from __future__ import annotations

from textwrap import indent

import pytest

from migrator.revisions.plain_function import only_operations

HEAD = """
import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql
import helpers
"""
PLAIN = [
    "pass",
    '"""Say something."""',
    'op.execute("CREATE TABLE a (id int)")',
    'op.execute(sa.text("UPDATE a SET id = 1"))',
    'op.create_table("a", sa.Column("id", sa.Integer(), nullable=False), sa.PrimaryKeyConstraint("id"))',
    'op.add_column("a", sa.Column("b", Text, server_default=sa.func.now()), schema="s")',
    'op.add_column("a", sa.Column("b", postgresql.ARRAY(sa.Text()), comment="a" "b"))',
    'op.create_index(op.f("i"), "a", ["b", sa.text("lower(c)")], unique=True, postgresql_where=sa.text("d"))',
    'op.drop_column("a", "b")\nop.drop_table("a")',
    'op.execute("-- " + "x")\nop.alter_column("a", "b", existing_type=sa.String(length=-1))',
]
OTHER = [
    "op.get_bind()",
    'op.get_bind().exec_driver_sql("SELECT 1")',
    'op.execute(helpers.sql("a"))',
    'op.execute(f"CREATE TABLE a_{helpers.n} (id int)")',
    'op.execute(open("a.sql").read())',
    'for name in ("a", "b"):\n    op.drop_table(name)',
    'if True:\n    op.drop_table("a")',
    'try:\n    op.drop_table("a")\nexcept Exception:\n    pass',
    'with op.batch_alter_table("a") as batch:\n    batch.drop_column("b")',
    'with op.get_context().autocommit_block():\n    op.execute("VACUUM")',
    'op.bulk_insert(sa.table("a"), [{"id": 1}])',
    "op.run_async(helpers.work)",
    'x = op.drop_table("a")',
    'helpers.log("a")',
    'op.drop_table(*("a",))',
    'op.drop_table("a", **helpers.options)',
    'print("a")',
    'op.execute(sa.text("SELECT :a").bindparams(a=1))',
    "return None",
    "import os",
    "raise NotImplementedError",
]


def module(body: str, head: str = HEAD) -> str:
    """Give a version file whose upgrade() has this body."""
    return f"{head}\n\ndef upgrade() -> None:\n{indent(body, '    ')}\n"


@pytest.mark.parametrize("body", PLAIN)
def test_lists_of_operations_are_plain(body: str) -> None:
    assert only_operations(module(body), "upgrade")


@pytest.mark.parametrize("body", OTHER)
def test_anything_else_is_not(body: str) -> None:
    assert not only_operations(module(body), "upgrade")
    assert not only_operations(module(f'op.drop_table("first")\n{body}'), "upgrade")


@pytest.mark.parametrize(
    "more",
    [
        "op = helpers.wrapped(op)",
        "op.drop_table = helpers.wrapped(op.drop_table)",
        "from helpers import op",
        "if helpers.wrap:\n    from helpers import other as op",
        "from helpers import *",
        "class sa:\n    pass",
        "def other(op):\n    pass",
        "def upgrade():\n    pass",
        "not python (",
    ],
)
def test_names_that_mean_something_else_are_not_trusted(more: str) -> None:
    assert not only_operations(module('op.drop_table("a")') + "\n" + more, "upgrade")


def test_a_decorated_an_async_and_a_missing_function_are_not_plain() -> None:
    body = module('op.drop_table("a")')

    assert not only_operations(body.replace("def upgrade", "@helpers.twice\ndef upgrade"), "upgrade")
    assert not only_operations(body.replace("def upgrade", "async def upgrade"), "upgrade")
    assert not only_operations(body, "downgrade")
    assert not only_operations(module('op.drop_table("a")', "from helpers import op, sa"), "upgrade")
