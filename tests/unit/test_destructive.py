"""What a revision destroys, told from its text."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest

from migrator.revisions.destructive import destructive, tables_made

HEAD = "from alembic import op\nimport sqlalchemy as sa\n\n"


def found(tmp_path: Path, body: str) -> list[str]:
    return [each.what for each in destructive(write(tmp_path, body))]


def write(tmp_path: Path, body: str) -> Path:
    path = tmp_path / "a.py"
    path.write_text(
        f"{HEAD}def upgrade():\n{indent(body, '    ')}\n\n\ndef downgrade():\n    op.drop_table('d')\n"
    )
    return path


def batch(body: str, arguments: str = "'t'") -> str:
    return f"with op.batch_alter_table({arguments}) as batch_op:\n{indent(body, '    ')}"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("op.drop_table('t')", "drop table t"),
        ("op.drop_table('t', schema='s', if_exists=True)", "drop table s.t"),
        ("op.drop_table(table_name='t', schema=None)", "drop table t"),
        ("op.drop_table(name, schema=schema())", "drop table ?.?"),
        ("op.drop_column('t', 'c')", "drop column t.c"),
        ("op.drop_column('t', 'c', schema='s')", "drop column s.t.c"),
        ("op.drop_column(table_name='t', column_name='c')", "drop column t.c"),
        ("op.drop_column('t', c)", "drop column t.?"),
        ("op.drop_column(*both)", "drop column ?.?"),
        ("op.alter_column('t', 'c', existing_type=sa.Text(), type_=sa.Integer())", "change type of t.c"),
        ("op.alter_column('t', column_name='c', type_=sa.Integer(), schema='s')", "change type of s.t.c"),
        (batch("batch_op.drop_column('c')"), "drop column t.c"),
        (batch("batch_op.drop_column(column_name='c')"), "drop column t.c"),
        (batch("batch_op.alter_column('c', type_=sa.Integer())"), "change type of t.c"),
        (batch("batch_op.drop_column('c')", "'t', schema='s'"), "drop column s.t.c"),
        (batch("batch_op.drop_column('c')", "'t', 's'"), "drop column s.t.c"),
        (batch("batch_op.drop_column('c')", "name"), "drop column ?.c"),
        ("helper.drop_column('c')", "drop column ?.c"),
        ("if x:\n    for t in ts:\n        op.drop_table(t)", "drop table ?"),
        ("def inner():\n    op.drop_table('t')\ninner()", "drop table t"),
    ],
)
def test_operations_that_destroy_are_named(tmp_path: Path, body: str, what: str) -> None:
    assert found(tmp_path, body) == [what]


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("DROP TABLE t", ["DROP TABLE t"]),
        ('drop  table\n if exists s.t, "U v" cascade', ['DROP TABLE s.t, "U v"']),
        ("DROP SCHEMA IF EXISTS s CASCADE", ["DROP SCHEMA s"]),
        ("DROP TYPE mood", ["DROP TYPE mood"]),
        ("DROP DATABASE `d`", ["DROP DATABASE `d`"]),
        ("ALTER TABLE t DROP COLUMN IF EXISTS c, DROP COLUMN d", ["DROP COLUMN c", "DROP COLUMN d"]),
        ("TRUNCATE t", ["TRUNCATE t"]),
        ("truncate table only s.t, u restart identity", ["TRUNCATE s.t, u"]),
        ("DELETE FROM t", ["DELETE FROM t"]),
        ("DELETE FROM ONLY t USING u RETURNING *", ["DELETE FROM t"]),
        ("DELETE FROM t; UPDATE u SET a = 1 WHERE b", ["DELETE FROM t"]),
        ("DELETE FROM t -- WHERE id = 1", ["DELETE FROM t"]),
        ("TRUNCATE b; DROP TABLE a; DELETE FROM c", ["TRUNCATE b", "DROP TABLE a", "DELETE FROM c"]),
        ("DO $$ BEGIN TRUNCATE t; DROP TYPE y; END $$", ["TRUNCATE t", "DROP TYPE y"]),
        ("DROP TABLE %s", ["DROP TABLE ?"]),
    ],
)
def test_statements_that_destroy_are_named(tmp_path: Path, sql: str, what: list[str]) -> None:
    assert found(tmp_path, f"op.execute({sql!r})") == what


@pytest.mark.parametrize(
    "call",
    [
        "op.execute(sa.text('DROP TYPE mood'))",
        "op.execute(text('DROP TYPE mood').bindparams(x=1))",
        "op.execute(sqltext='DROP ' 'TYPE mood')",
        "op.execute('DROP ' + 'TYPE ' + 'mood')",
        "op.execute(dedent('''\n  DROP TYPE mood\n'''))",
        "op.get_bind().execute(sa.text('DROP TYPE mood'))",
        "op.get_bind().exec_driver_sql('DROP TYPE mood')",
        "with op.get_context().autocommit_block():\n    op.execute('DROP TYPE mood')",
    ],
)
def test_a_statement_is_found_however_it_is_handed_over(tmp_path: Path, call: str) -> None:
    assert found(tmp_path, call) == ["DROP TYPE mood"]


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("f'DROP TABLE {schema}.t'", "DROP TABLE ?.t"),
        ("f'DROP TABLE old_{name}'", "DROP TABLE old_?"),
        ("'DROP TABLE ' + name", "DROP TABLE ?"),
        ("'DROP TABLE %s' % name", "DROP TABLE ?"),
        ("'DROP TABLE {}'.format(name)", "DROP TABLE ?"),
    ],
)
def test_the_computed_part_of_a_statement_is_a_question_mark(tmp_path: Path, written: str, what: str) -> None:
    assert found(tmp_path, f"op.execute({written})") == [what]


@pytest.mark.parametrize(
    "body",
    [
        "op.create_table('t', sa.Column('drop_table', sa.Text()))",
        "op.add_column('t', sa.Column('c', sa.Text()))",
        "op.drop_index('i', table_name='t')",
        "op.drop_constraint('c', 't', type_='unique')",
        "op.rename_table('t', 'u')",
        "op.alter_column('t', 'c', nullable=False, new_column_name='d')",
        "op.alter_column('t', 'c', type_=None)",
        batch("batch_op.add_column(sa.Column('c', sa.Text()))\nbatch_op.drop_index('i')"),
        "op.execute(statement)",
        "op.execute()",
        "print('DROP TABLE t')",
    ],
)
def test_operations_that_keep_everything_are_not_named(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, body) == []


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t WHERE id = 1",
        "delete from s.t\nusing u\nwhere u.id = t.id",
        "DROP INDEX i",
        "ALTER TABLE t DROP CONSTRAINT c",
        "-- DROP TABLE t\nSELECT 1 /* TRUNCATE u; */",
        "COMMENT ON TABLE t IS 'DROP TABLE t; it''s DELETE FROM t'",
        r"INSERT INTO t VALUES (E'it\'s; DROP TABLE t')",
        "CREATE TRIGGER x AFTER TRUNCATE ON t EXECUTE FUNCTION f()",
        "GRANT DELETE, TRUNCATE ON t TO r",
        "SELECT truncate(1.5, 1)",
        "CREATE OR REPLACE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $b$ BEGIN DELETE FROM t; END $b$",
        "CREATE TABLE t (u int REFERENCES u ON DELETE CASCADE)",
    ],
)
def test_statements_that_keep_everything_are_not_named(tmp_path: Path, sql: str) -> None:
    assert found(tmp_path, f"op.execute({sql!r})") == []


def test_they_come_in_the_order_of_the_file_with_their_lines(tmp_path: Path) -> None:
    body = "\n".join(
        [
            "if x:",
            "    op.execute('''",
            "        DROP TYPE a''')",
            batch("batch_op.drop_column('c')", "'b'"),
            batch("batch_op.drop_column('c')", "'d'"),
            "op.drop_table('e'); op.drop_table('f')",
        ]
    )

    assert [(each.what, each.line) for each in destructive(write(tmp_path, body))] == [
        ("DROP TYPE a", 6),
        ("drop column b.c", 9),
        ("drop column d.c", 11),
        ("drop table e", 12),
        ("drop table f", 12),
    ]


@pytest.mark.parametrize(
    ("body", "kind", "tables"),
    [
        ("op.drop_table('t', schema='s')", "drop table", ("s.t",)),
        ("op.drop_table('t', schema='public')", "drop table", ("t",)),
        ("op.execute('DROP TABLE IF EXISTS \"T\", public.u CASCADE')", "drop table", ("T", "u")),
        ("op.execute('ALTER TABLE ONLY s.t ADD a int, DROP COLUMN b')", "drop column", ("s.t",)),
        ("op.execute('ALTER TABLE t ADD a int; DROP COLUMN b')", "drop column", ()),
        (batch("batch_op.drop_column('c')"), "drop column", ("t",)),
        ("op.alter_column('t', 'c', type_=sa.Text())", "change type", ("t",)),
        ("op.execute('TRUNCATE t, u')", "truncate", ("t", "u")),
        ("op.execute('TRUNCATE TABLE t RESTART IDENTITY CASCADE')", "truncate cascade", ("t",)),
        ("op.execute('TRUNCATE t; DROP VIEW v CASCADE')", "truncate", ("t",)),
        ("op.execute('DELETE FROM ONLY t')", "delete from", ("t",)),
        ("op.execute('DROP TYPE t')", "drop type", ()),
        ("op.execute('DROP SCHEMA t')", "drop schema", ()),
    ],
)
def test_each_says_how_it_is_done_and_to_which_tables(
    tmp_path: Path, body: str, kind: str, tables: tuple[str, ...]
) -> None:
    (only,) = destructive(write(tmp_path, body))

    assert (only.kind, only.tables) == (kind, tables)


@pytest.mark.parametrize(
    ("body", "tables"),
    [
        ("op.create_table('t', sa.Column('c', sa.Text()))", ["t"]),
        ("table = op.create_table('t', schema='s')", ["s.t"]),
        ("op.execute('CREATE TABLE public.t (c text)')", ["t"]),
        ("op.execute('CREATE UNLOGGED TABLE \"T\" AS SELECT 1')", ["T"]),
        ("with op.get_context().autocommit_block():\n    op.create_table('t')", ["t"]),
        # It may have been there.
        ("op.create_table('t', if_not_exists=True)", []),
        ("op.execute('CREATE TABLE IF NOT EXISTS t (c text)')", []),
        ("if x:\n    op.create_table('t')", []),
        ("for name in names:\n    op.create_table(name)", []),
        ("op.create_table(name)", []),
        ("op.execute(f'CREATE TABLE {name} (c text)')", []),
    ],
)
def test_tables_that_are_made_in_any_case_are_known(tmp_path: Path, body: str, tables: list[str]) -> None:
    assert [table for table, _line in tables_made(write(tmp_path, body))] == tables


def test_only_the_function_asked_for_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "pass")

    assert destructive(path) == ()
    assert [each.what for each in destructive(path, "downgrade")] == ["drop table d"]
    assert destructive(path, "upgrade_other") == ()


def test_a_file_that_is_not_python_is_a_syntax_error(tmp_path: Path) -> None:
    with pytest.raises(SyntaxError):
        destructive(write(tmp_path, "op.drop_table("))
