"""Destructive statements are found on every database, and without squawk."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from migrator.lint.own_rules import compare
from migrator.lint.tokens import statements
from tests.linting import judged, ran, rules

DIALECTS = ("sqlite", "mysql", "mariadb", "oracle", "mssql")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("DROP TABLE orders", ["ban-drop-table"]),
        ("drop table if exists sales.orders", ["ban-drop-table"]),
        ("ALTER TABLE orders DROP COLUMN note", ["ban-drop-column"]),
        ("ALTER TABLE orders DROP note", ["ban-drop-column"]),
        ("ALTER TABLE orders ADD x int, DROP COLUMN note", ["ban-drop-column"]),
        ("ALTER TABLE orders RENAME COLUMN a TO b", ["renaming-column"]),
        ("ALTER TABLE orders RENAME TO purchases", ["renaming-table"]),
        ("DROP SCHEMA sales", ["ban-drop-schema"]),
        ("DROP DATABASE sales", ["ban-drop-database"]),
        ("TRUNCATE TABLE orders", ["truncate"]),
        ("DELETE FROM orders", ["delete-without-where"]),
        ("WITH old AS (SELECT 1 WHERE 1 = 1) DELETE FROM orders", ["delete-without-where"]),
        ("ALTER TABLE orders ALTER COLUMN a TYPE int", ["changing-column-type"]),
        ("COMMIT", ["transaction-nesting"]),
        ("DROP INDEX i", []),
        ("DROP VIEW v", []),
        ("ALTER TABLE orders DROP CONSTRAINT c", []),
        ("ALTER TABLE orders DROP FOREIGN KEY c", []),
        ("ALTER TABLE orders DROP INDEX c", []),
        ("ALTER TABLE orders DROP PRIMARY KEY", []),
        ("ALTER TABLE orders ALTER COLUMN a DROP DEFAULT", []),
        ("ALTER TABLE orders ALTER COLUMN a SET NOT NULL", []),
        ("ALTER TABLE orders RENAME CONSTRAINT a TO b", []),
        ("ALTER TABLE orders RENAME INDEX a TO b", []),
        ("DELETE FROM orders WHERE id = 1", []),
        ("WITH old AS (DELETE FROM orders WHERE a = 1 RETURNING *) SELECT * FROM old", []),
        ("SELECT 'DROP TABLE orders'", []),
        ("-- DROP TABLE orders\nSELECT 1", []),
        ("/* DROP TABLE orders; */ SELECT 1", []),
        ("INSERT INTO notes VALUES ('a; DROP TABLE orders; --')", []),
        ("CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM u; DELETE FROM v; END", []),
    ],
)
def test_what_loses_data_is_found_and_nothing_else(dialect: str, sql: str, found: list[str]) -> None:
    judgement = judged(sql, dialect=dialect)

    assert rules(judgement) == found
    assert (judgement.tool, [finding.lock for finding in judgement.findings]) == ("", [""] * len(found))


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("DROP TABLE `a``b`, `c`", ["ban-drop-table"]),
        ("DROP TEMPORARY TABLE t", []),
        ("ALTER TABLE t MODIFY COLUMN a INT NOT NULL", ["changing-column-type"]),
        ("ALTER TABLE t MODIFY a INT", ["changing-column-type"]),
        ("ALTER TABLE t CHANGE a b INT NULL", ["renaming-column", "changing-column-type"]),
        ("ALTER TABLE t CHANGE COLUMN a a INT NULL", ["changing-column-type"]),
        ("RENAME TABLE a TO b", ["renaming-table"]),
        (r"INSERT INTO t VALUES ('it\'s; DROP TABLE t; --')", []),
        ('INSERT INTO t VALUES ("a; DROP TABLE t; --")', []),
        ("SELECT 1 # ; DROP TABLE t", []),
        ("SELECT 1; # it's\nDROP TABLE t", ["ban-drop-table"]),
        ("SELECT 1 /* a /* b */; DROP TABLE t", ["ban-drop-table"]),
    ],
)
def test_the_dialect_of_mysql_is_read_as_its_own(sql: str, found: list[str]) -> None:
    assert rules(judged(sql, dialect="mysql")) == found


def test_types_known_before_make_a_narrowing_on_mysql_too() -> None:
    old = {"t.a": "BIGINT", "t.b": "VARCHAR(10)"}

    narrower = ran("ALTER TABLE t MODIFY a INTEGER NOT NULL", old=old)
    wider = ran("ALTER TABLE t MODIFY b VARCHAR(20) CHARACTER SET utf8mb4 NOT NULL", old=old)

    assert rules(judged(narrower, wider, dialect="mysql")) == ["narrowing"]


def test_the_copy_that_alembic_makes_of_an_sqlite_table_drops_nothing() -> None:
    copied = judged(
        "CREATE TABLE _alembic_tmp_t (a INTEGER)",
        "INSERT INTO _alembic_tmp_t (a) SELECT t.a FROM t",
        "DROP TABLE t",
        "ALTER TABLE _alembic_tmp_t RENAME TO t",
        dialect="sqlite",
    )

    assert rules(copied) == []


def test_a_table_that_was_copied_is_not_an_empty_one() -> None:
    found = judged(
        "CREATE TABLE _alembic_tmp_t (a INTEGER)",
        "DROP TABLE t",
        "ALTER TABLE _alembic_tmp_t RENAME TO t",
        "DROP TABLE t",
        dialect="sqlite",
    ).findings

    assert [finding.line for finding in found] == [4]


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("bigint", "integer", "narrowing"),
        ("int8", "int4", "narrowing"),
        ("INTEGER", "smallint", "narrowing"),
        ("integer", "int", "harmless"),
        ("integer", "bigint", "change"),
        ("numeric(10,2)", "integer", "narrowing"),
        ("varchar(20)", "varchar(10)", "narrowing"),
        ("varchar", "varchar(10)", "narrowing"),
        ("text", "character varying(10)", "narrowing"),
        ("varchar(10)", "character varying (20)", "harmless"),
        ("varchar(10)", "varchar", "harmless"),
        ("varchar(10)", "TEXT", "harmless"),
        ("text", "varchar", "harmless"),
        ("text", "char", "narrowing"),
        ("char(3)", "text", "change"),
        ("numeric(10,2)", "numeric(9,2)", "narrowing"),
        ("numeric(10,2)", "numeric(10,1)", "narrowing"),
        ("numeric(10,2)", "numeric(10,4)", "narrowing"),
        ("numeric(10,2)", "numeric(12,4)", "change"),
        ("numeric(10,2)", "numeric(12,2)", "harmless"),
        ("numeric(10,2)", "numeric", "harmless"),
        ("numeric", "numeric(10,2)", "narrowing"),
        ("double precision", "real", "narrowing"),
        ("float8", "float4", "narrowing"),
        ("real", "double precision", "change"),
        ("double precision", "integer", "narrowing"),
        ("timestamp without time zone", "date", "narrowing"),
        ("timestamp(6) with time zone", "date", "narrowing"),
        ("timestamp with time zone", "timestamptz", "harmless"),
        ("timestamp", "timestamptz", "change"),
        ("text", "integer", "change"),
        ("integer[]", "bigint[]", "change"),
        ("integer[]", "integer[]", "harmless"),
        ("mood", "mood", "harmless"),
        ("mood", "text", "change"),
        ("enum('a','b')", "enum('a')", "change"),
        ("ENUM('a','b')", "ENUM ( 'a' , 'b' )", "harmless"),
        ("BIGINT(20)", "BIGINT", "harmless"),
        ("INTEGER(10) UNSIGNED", "INTEGER UNSIGNED", "harmless"),
        ("BIGINT(20)", "INTEGER", "narrowing"),
        ("TINYINT(1)", "BOOL", "harmless"),
        ("boolean", "integer", "change"),
        ("VARCHAR(50) COLLATE utf8mb4_bin", "VARCHAR(50)", "harmless"),
        ('VARCHAR(50) COLLATE "C"', "VARCHAR(20)", "narrowing"),
        ("VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "VARCHAR(60)", "harmless"),
    ],
)
def test_types_are_compared(old: str, new: str, verdict: str) -> None:
    assert compare(old, new) == verdict


@pytest.mark.parametrize(
    ("sql", "texts"),
    [
        ("a; b", ["a", "b"]),
        ("a;;\n;b;", ["a", "b"]),
        ("", []),
        ("-- nothing", []),
        ("a ';' \"b;\" c", ["a ';' \"b;\" c"]),
        ("a $$ ; $$; b", ["a $$ ; $$", "b"]),
        ("a $x$ ; $$ ; $x$; b", ["a $x$ ; $$ ; $x$", "b"]),
        ("a $1; b $2", ["a $1", "b $2"]),
        ("a /* ; /* ; */ ; */ b; c", ["a /* ; /* ; */ ; */ b", "c"]),
        ("a 'it''s;'; b", ["a 'it''s;'", "b"]),
        (r"a E'it\'s;'; b", [r"a E'it\'s;'", "b"]),
        (r"a 'c:\'; b", [r"a 'c:\'", "b"]),
        ("a 'never closed; b", ["a 'never closed", "b"]),
        ("é; ü", ["é", "ü"]),
        ("a /* never closed ; b", ["a"]),
        ("CREATE FUNCTION f() BEGIN ATOMIC a; b; END", ["CREATE FUNCTION f() BEGIN ATOMIC a; b; END"]),
        ("BEGIN; a; COMMIT", ["BEGIN", "a", "COMMIT"]),
    ],
)
def test_sql_is_cut_at_its_semicolons(sql: str, texts: Sequence[str]) -> None:
    cut = statements(sql, "postgresql")

    assert [sql[tokens[0].start : tokens[-1].end] for tokens in cut] == texts


def test_a_long_insert_is_cut_in_one_go() -> None:
    row = "('it''s; a', \"b;\", 1.5, $$x;y$$), "

    (tokens,) = statements(f"INSERT INTO t VALUES {row * 5000}", "postgresql")

    assert len(tokens) == 4 + 10 * 5000


def test_a_type_of_two_words_is_read_whole() -> None:
    statement = ran("ALTER TABLE t ALTER a TYPE CHARACTER VARYING(5)", old={"t.a": "varchar(9)"})

    assert rules(judged(statement, dialect="oracle")) == ["narrowing"]


def test_the_password_in_a_statement_is_not_shown() -> None:
    (finding,) = judged("DROP TABLE t -- see\n, u_postgresql", dialect="sqlite").findings
    (hidden,) = judged("DELETE FROM dblink('postgresql://me:hunter22@h/d')", dialect="sqlite").findings

    assert finding.statement == "DROP TABLE t -- see , u_postgresql"
    assert "hunter22" not in hidden.statement
    assert "postgresql://me:***@h/d" in hidden.statement
