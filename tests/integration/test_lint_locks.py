"""The lock that a finding names is the one that PostgreSQL takes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from migrator.results.judged import LintFinding
from tests.conftest import Database
from tests.linting import findings_of_each

SCHEMA = """
CREATE TABLE p (id int PRIMARY KEY);
CREATE TABLE t (id int NOT NULL, a int NOT NULL DEFAULT 1, b int, s text, CONSTRAINT c CHECK (b > 0));
CREATE INDEX i ON t (a);
CREATE TABLE parts (id int) PARTITION BY LIST (id);
CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE g (a int, c int GENERATED ALWAYS AS (a + 1) STORED, d int GENERATED ALWAYS AS IDENTITY);
CREATE DOMAIN email AS text;
CREATE TABLE mails (e email);
CREATE VIEW v AS SELECT 1 AS one;
CREATE SCHEMA s;
"""
# Statement, the rule whose lock it is, and the relation that the finding means.
CASES = [
    ("CREATE INDEX j ON t (b)", "require-concurrent-index-creation", "t"),
    ("DROP INDEX i", "require-concurrent-index-deletion", "t"),
    ("REINDEX INDEX i", "require-concurrent-reindex", "t"),
    ("REINDEX TABLE t", "require-concurrent-reindex", "t"),
    ("ALTER TABLE parts DETACH PARTITION part", "require-concurrent-partition-detach", "parts"),
    ("ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0)", "constraint-missing-not-valid", "t"),
    ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p (id)", "adding-foreign-key-constraint", "t"),
    ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p (id)", "adding-foreign-key-constraint", "p"),
    ("ALTER TABLE t ALTER COLUMN b SET NOT NULL", "adding-not-nullable-field", "t"),
    ("ALTER TABLE t ADD COLUMN u uuid DEFAULT gen_random_uuid()", "adding-field-with-default", "t"),
    ("ALTER TABLE t ADD PRIMARY KEY (id)", "adding-serial-primary-key-field", "t"),
    ("ALTER TABLE t ADD UNIQUE (a)", "disallowed-unique-constraint", "t"),
    ("ALTER TABLE t ALTER COLUMN a TYPE bigint", "changing-column-type", "t"),
    (
        "ALTER DOMAIN email ADD CONSTRAINT k CHECK (VALUE > '')",
        "ban-alter-domain-with-add-constraint",
        "mails",
    ),
    ("ALTER TABLE g ALTER COLUMN c SET EXPRESSION AS (a + 2)", "ban-alter-generated-expression", "g"),
    ("DROP TABLE t", "ban-drop-table", "t"),
    ("ALTER TABLE t DROP COLUMN a", "ban-drop-column", "t"),
    ("TRUNCATE t", "truncate", "t"),
    ("TRUNCATE t CASCADE", "ban-truncate-cascade", "t"),
    ("DELETE FROM t", "delete-without-where", "t"),
    ("ALTER TABLE t ADD COLUMN n int NOT NULL", "adding-required-field", "t"),
    ("ALTER TABLE t RENAME COLUMN a TO z", "renaming-column", "t"),
    ("ALTER TABLE t RENAME TO z", "renaming-table", "t"),
    ("ALTER TABLE t SET SCHEMA s", "ban-set-schema", "t"),
    ("ALTER TABLE t ALTER COLUMN a DROP NOT NULL", "ban-drop-not-null", "t"),
    ("ALTER TABLE t ALTER COLUMN a DROP DEFAULT", "ban-drop-default", "t"),
    ("ALTER TABLE t DROP CONSTRAINT c", "ban-drop-constraint", "t"),
    ("ALTER TABLE g ALTER COLUMN c DROP EXPRESSION", "ban-drop-generated-expression", "g"),
    ("ALTER TABLE g ALTER COLUMN d DROP IDENTITY", "ban-alter-identity", "g"),
    ("DROP VIEW v", "ban-drop-view", "v"),
]


@pytest.fixture(scope="module")
def tables(module_database: Database) -> Database:
    """A database with the tables of SCHEMA; each test takes back what it does."""
    module_database.query(SCHEMA)
    return module_database


@pytest.fixture(scope="module")
def findings() -> tuple[Sequence[LintFinding], ...]:
    """The findings of each statement of CASES."""
    return findings_of_each([(statement, True) for statement, _, _ in CASES])


@pytest.mark.parametrize("at", range(len(CASES)), ids=[f"{c[1]} on {c[2]}" for c in CASES])
def test_the_lock_of_a_finding_is_the_strongest_that_postgresql_takes(
    at: int, tables: Database, findings: tuple[Sequence[LintFinding], ...]
) -> None:
    statement, rule, relation = CASES[at]
    with tables.connect() as connection:
        if "SET EXPRESSION" in statement and connection.info.server_version < 170000:
            pytest.skip("PostgreSQL before 17 cannot change an expression")
        row = connection.execute("SELECT %s::regclass::oid", (relation,)).fetchone()
        connection.execute("BEGIN")
        connection.execute(statement.encode())
        locks = "SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = %s"
        taken = {str(mode[0]) for mode in connection.execute(locks, (row[0] if row else None,))}
        connection.execute("ROLLBACK")

    (finding,) = [each for each in findings[at] if each.rule == rule]
    mode, _, names = finding.lock.partition(" on ")

    assert f"{mode.title().replace(' ', '')}Lock" == max(taken, key=STRENGTH.index)
    assert relation in names.split(" and ") or names.startswith(("the table of", "tables with a column of"))


STRENGTH = [
    f"{name}Lock"
    for name in (
        "AccessShare",
        "RowShare",
        "RowExclusive",
        "ShareUpdateExclusive",
        "Share",
        "ShareRowExclusive",
        "Exclusive",
        "AccessExclusive",
    )
]
