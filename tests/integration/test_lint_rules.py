"""Every rule that squawk can report is found by the real squawk, and told in migrator's own words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from migrator.lint.catalogue import Rule
from migrator.lint.lint_settings import RULES, LintSettings
from migrator.results.judged import LintFinding
from tests.linting import findings_of_each, judged, ran, rules

# Rule, a statement that it finds, one that it does not.
CASES = [
    ("require-concurrent-index-creation", "CREATE INDEX i ON t (a)", "CREATE TABLE n (a int)"),
    ("require-concurrent-index-creation", "CREATE UNIQUE INDEX i ON t (a)", "SELECT 1"),
    ("require-concurrent-index-deletion", "DROP INDEX i", "DROP SEQUENCE i"),
    ("require-concurrent-reindex", "REINDEX INDEX i", "REINDEX INDEX CONCURRENTLY i"),
    ("require-concurrent-reindex", "REINDEX TABLE t", "REINDEX TABLE CONCURRENTLY t"),
    (
        "require-concurrent-partition-detach",
        "ALTER TABLE t DETACH PARTITION p",
        "ALTER TABLE t DETACH PARTITION p CONCURRENTLY",
    ),
    (
        "ban-concurrent-index-creation-in-transaction",
        "CREATE INDEX CONCURRENTLY i ON t (a)",
        "CREATE INDEX i ON t (a)",
    ),
    (
        "constraint-missing-not-valid",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
    ),
    (
        "adding-foreign-key-constraint",
        "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id)",
        "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id) NOT VALID",
    ),
    (
        "adding-foreign-key-constraint",
        "ALTER TABLE t ADD COLUMN a int REFERENCES p (id)",
        "CREATE TABLE n (a int REFERENCES p (id))",
    ),
    (
        "adding-not-nullable-field",
        "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
        "ALTER TABLE t ALTER COLUMN a SET STATISTICS 100",
    ),
    (
        "adding-field-with-default",
        "ALTER TABLE t ADD COLUMN a uuid DEFAULT gen_random_uuid()",
        "ALTER TABLE t ADD COLUMN a int DEFAULT 0",
    ),
    (
        "adding-field-with-default",
        "ALTER TABLE t ADD COLUMN a int GENERATED ALWAYS AS (b + 1) STORED",
        "ALTER TABLE t ADD COLUMN a timestamptz DEFAULT now()",
    ),
    (
        "adding-serial-primary-key-field",
        "ALTER TABLE t ADD PRIMARY KEY (id)",
        "ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY USING INDEX k",
    ),
    (
        "disallowed-unique-constraint",
        "ALTER TABLE t ADD CONSTRAINT u UNIQUE (a)",
        "ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX u",
    ),
    (
        "changing-column-type",
        "ALTER TABLE t ALTER COLUMN a TYPE bigint",
        "ALTER TABLE t ALTER COLUMN a SET STORAGE PLAIN",
    ),
    (
        "ban-alter-domain-with-add-constraint",
        "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0)",
        "ALTER DOMAIN d SET DEFAULT 1",
    ),
    (
        "ban-alter-generated-expression",
        "ALTER TABLE t ALTER COLUMN a SET EXPRESSION AS (b + 2)",
        "ALTER TABLE t ALTER COLUMN a SET DEFAULT 2",
    ),
    ("ban-drop-table", "DROP TABLE t", "DROP VIEW t"),
    ("ban-drop-column", "ALTER TABLE t DROP COLUMN a", "ALTER TABLE t DROP CONSTRAINT a"),
    ("ban-drop-column", "ALTER TYPE y DROP ATTRIBUTE a", "ALTER TABLE t ALTER COLUMN a DROP DEFAULT"),
    ("ban-drop-type", "DROP TYPE y", "CREATE TYPE y AS ENUM ('a')"),
    ("ban-drop-schema", "DROP SCHEMA s", "CREATE SCHEMA s"),
    ("ban-drop-database", "DROP DATABASE d", "COMMENT ON DATABASE d IS 'x'"),
    ("truncate", "TRUNCATE t", "DELETE FROM t WHERE a = 1"),
    ("ban-truncate-cascade", "TRUNCATE t CASCADE", "TRUNCATE t RESTRICT"),
    ("delete-without-where", "DELETE FROM t", "DELETE FROM t WHERE a = 1"),
    (
        "adding-required-field",
        "ALTER TABLE t ADD COLUMN a int NOT NULL",
        "ALTER TABLE t ADD COLUMN a int DEFAULT 0 NOT NULL",
    ),
    ("renaming-column", "ALTER TABLE t RENAME COLUMN a TO b", "ALTER TABLE t RENAME CONSTRAINT a TO b"),
    ("renaming-table", "ALTER TABLE t RENAME TO u", "ALTER INDEX t RENAME TO u"),
    ("renaming-object", "ALTER TYPE y RENAME TO z", "ALTER TYPE y OWNER TO z"),
    ("renaming-object", "ALTER TYPE y RENAME VALUE 'a' TO 'b'", "ALTER TYPE y ADD VALUE 'a' AFTER 'b'"),
    ("ban-set-schema", "ALTER TABLE t SET SCHEMA s", "ALTER TABLE t SET (fillfactor = 70)"),
    (
        "ban-drop-not-null",
        "ALTER TABLE t ALTER COLUMN a DROP NOT NULL",
        "ALTER TABLE t ALTER COLUMN a SET DEFAULT 1",
    ),
    (
        "ban-drop-default",
        "ALTER TABLE t ALTER COLUMN a DROP DEFAULT",
        "ALTER TABLE t ALTER COLUMN a SET DEFAULT 1",
    ),
    ("ban-drop-constraint", "ALTER TABLE t DROP CONSTRAINT c", "ALTER TABLE t VALIDATE CONSTRAINT c"),
    (
        "ban-drop-generated-expression",
        "ALTER TABLE t ALTER COLUMN a DROP EXPRESSION",
        "ALTER TABLE t ALTER COLUMN a SET DEFAULT 1",
    ),
    (
        "ban-alter-identity",
        "ALTER TABLE t ALTER COLUMN a SET GENERATED ALWAYS",
        "ALTER TABLE t ALTER COLUMN a SET DEFAULT 1",
    ),
    ("ban-drop-view", "DROP VIEW v", "CREATE VIEW v AS SELECT 1"),
    ("ban-drop-view", "DROP MATERIALIZED VIEW v", "REFRESH MATERIALIZED VIEW v"),
    ("ban-drop-function", "DROP FUNCTION f(int)", "DROP SEQUENCE s"),
    ("ban-drop-sequence", "DROP SEQUENCE s", "CREATE SEQUENCE s"),
    ("ban-drop-domain", "DROP DOMAIN d", "CREATE DOMAIN d AS int"),
    ("ban-drop-extension", "DROP EXTENSION e", "CREATE EXTENSION e"),
    ("transaction-nesting", "COMMIT", "SAVEPOINT s"),
    ("syntax-error", "ALTER TABEL t ADD a int", "ALTER TABLE t ADD a int"),
    ("prefer-bigint-over-int", "CREATE TABLE n (a int)", "CREATE TABLE n (a bigint)"),
    ("prefer-bigint-over-smallint", "CREATE TABLE n (a smallint)", "CREATE TABLE n (a bigint)"),
    (
        "prefer-identity",
        "CREATE TABLE n (a bigserial)",
        "CREATE TABLE n (a bigint GENERATED ALWAYS AS IDENTITY)",
    ),
    ("prefer-text-field", "CREATE TABLE n (a varchar(9))", "CREATE TABLE n (a text)"),
    ("prefer-timestamp-tz", "CREATE TABLE n (a timestamp)", "CREATE TABLE n (a timestamptz)"),
    ("ban-char-field", "CREATE TABLE n (a char(3))", "CREATE TABLE n (a text)"),
    ("identifier-too-long", f"CREATE TABLE {'n' * 70} (a text)", f"CREATE TABLE {'n' * 60} (a text)"),
    ("require-lock-timeout", "ALTER TABLE t ADD a text", "SELECT 1"),
    ("require-statement-timeout", "ALTER TABLE t ADD a text", "SELECT 1"),
    ("require-enum-value-ordering", "ALTER TYPE y ADD VALUE 'a'", "ALTER TYPE y ADD VALUE 'a' AFTER 'b'"),
    (
        "ban-create-domain-with-constraint",
        "CREATE DOMAIN d AS int CHECK (VALUE > 0)",
        "CREATE DOMAIN d AS int",
    ),
    ("require-table-schema", "ALTER TABLE t ADD a text", "ALTER TABLE s.t ADD a text"),
    ("ban-add-column", "ALTER TABLE t ADD a text", "ALTER TABLE t DROP a"),
    ("ban-add-composite-attribute", "ALTER TYPE y ADD ATTRIBUTE a text", "ALTER TYPE y OWNER TO z"),
    ("ban-add-enum-value", "ALTER TYPE y ADD VALUE 'a'", "ALTER TYPE y OWNER TO z"),
    ("ban-alter-database-options", "ALTER DATABASE d SET search_path TO s", "ALTER DATABASE d RENAME TO e"),
    ("ban-alter-extension", "ALTER EXTENSION e UPDATE", "CREATE EXTENSION e"),
    ("ban-alter-function-options", "ALTER FUNCTION f() SECURITY DEFINER", "ALTER FUNCTION f() RENAME TO g"),
    ("ban-alter-policy-condition", "ALTER POLICY p ON t USING (true)", "ALTER POLICY p ON t TO r"),
    ("ban-alter-policy-roles", "ALTER POLICY p ON t TO r", "ALTER POLICY p ON t USING (true)"),
    ("ban-alter-role-options", "ALTER ROLE r NOLOGIN", "ALTER ROLE r RENAME TO s"),
    (
        "ban-alter-row-level-security",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE t ENABLE TRIGGER ALL",
    ),
    ("ban-alter-sequence-values", "ALTER SEQUENCE s RESTART", "ALTER SEQUENCE s RENAME TO r"),
    ("ban-alter-system-options", "ALTER SYSTEM SET work_mem = '1MB'", "SET work_mem = '1MB'"),
    ("ban-alter-view-options", "ALTER VIEW v SET (security_barrier = true)", "ALTER VIEW v RENAME TO w"),
    ("ban-create-policy", "CREATE POLICY p ON t", "DROP POLICY p ON t"),
    ("ban-detach-inheritance", "ALTER TABLE t NO INHERIT p", "ALTER TABLE t INHERIT p"),
    ("ban-disable-trigger", "ALTER TABLE t DISABLE TRIGGER ALL", "ALTER TABLE t INHERIT p"),
    ("ban-drop-index", "DROP INDEX CONCURRENTLY i", "REINDEX INDEX CONCURRENTLY i"),
    ("ban-drop-policy", "DROP POLICY p ON t", "CREATE POLICY p ON t"),
    ("ban-drop-trigger", "DROP TRIGGER g ON t", "ALTER TRIGGER g ON t RENAME TO h"),
    (
        "ban-new-write-restriction",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        "ALTER TABLE t VALIDATE CONSTRAINT c",
    ),
    ("ban-replace-view-function", "CREATE OR REPLACE VIEW v AS SELECT 1", "CREATE VIEW v AS SELECT 1"),
    ("ban-replica-identity", "ALTER TABLE t REPLICA IDENTITY NOTHING", "ALTER TABLE t INHERIT p"),
    ("ban-revoke", "REVOKE ALL ON t FROM r", "GRANT ALL ON t TO r"),
    ("ban-set-default", "ALTER TABLE t ALTER a SET DEFAULT 1", "ALTER TABLE t ALTER a DROP DEFAULT"),
    ("prefer-robust-stmts", "DROP INDEX CONCURRENTLY i", "DROP INDEX CONCURRENTLY IF EXISTS i"),
]
OUTSIDE = {"prefer-robust-stmts", "ban-drop-index"}
# They look at what a whole script has set before.
OF_A_SCRIPT = {"require-lock-timeout", "require-statement-timeout"}
# Not in CASES: it needs a server of its own version, a name on both sides, or two statements.
ELSEWHERE = {"prefer-repack", "narrowing", "ban-uncommitted-transaction", "ban-duplicate-column-assignments"}


def test_each_rule_of_the_table_has_its_case() -> None:
    assert {rule for rule, _, _ in CASES} | ELSEWHERE == set(RULES)


@dataclass(frozen=True)
class Judged:
    """What lint finds in each statement of CASES. One call of squawk judges all, each as a revision."""

    hurting: tuple[Sequence[LintFinding], ...]
    harmless: tuple[Sequence[LintFinding], ...]
    by_default: tuple[Sequence[LintFinding], ...]
    ignored: tuple[Sequence[LintFinding], ...]


@pytest.fixture(scope="module")
def cases() -> Judged:
    """The findings of each case: with its rule asked for, as the table of rules has it, and ignored."""
    every = frozenset(rule for rule, _, _ in CASES)
    asked = LintSettings(error=every)
    inside = [(sql, True) for _, sql, _ in CASES]
    return Judged(
        of_each_case([(sql, rule not in OUTSIDE) for rule, sql, _ in CASES], asked),
        of_each_case([(sql, rule not in OUTSIDE) for rule, _, sql in CASES], asked),
        of_each_case(inside, LintSettings()),
        of_each_case(inside, LintSettings(ignore=every)),
    )


def of_each_case(
    statements: Sequence[tuple[str, bool]], settings: LintSettings
) -> tuple[Sequence[LintFinding], ...]:
    """Judge one statement of each case, all together; those of a rule about scripts are judged alone."""
    together = findings_of_each(statements, settings)
    return tuple(
        findings_of_each([statement], settings)[0] if rule in OF_A_SCRIPT else found
        for (rule, _, _), statement, found in zip(CASES, statements, together, strict=True)
    )


def names(found: Sequence[LintFinding]) -> set[str]:
    """Return the names of the rules of some findings."""
    return {finding.rule for finding in found}


@pytest.mark.parametrize("at", range(len(CASES)), ids=[f"{rule}: {sql[:40]}" for rule, sql, _ in CASES])
def test_what_a_rule_is_for_is_found_and_told_in_words_of_our_own(at: int, cases: Judged) -> None:
    rule, hurts, _ = CASES[at]

    (finding,) = [each for each in cases.hurting[at] if each.rule == rule]
    assert (finding.severity, finding.statement) == ("error", hurts)
    assert finding.message == RULES[rule].why
    assert finding.remedy == RULES[rule].remedy
    assert finding.lock.startswith(RULES[rule].lock)


@pytest.mark.parametrize("at", range(len(CASES)), ids=[f"{rule}: {sql[:40]}" for rule, _, sql in CASES])
def test_what_a_rule_is_not_for_is_not_found(at: int, cases: Judged) -> None:
    assert CASES[at][0] not in names(cases.harmless[at])


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES.values() if rule.severity], ids=lambda rule: rule.name
)
def test_a_rule_counts_as_the_table_says_or_not_at_all_where_it_is_ignored(rule: Rule, cases: Judged) -> None:
    for at in (at for at, (case, _, _) in enumerate(CASES) if case == rule.name):
        found = {each.rule: each.severity for each in cases.by_default[at]}
        assert found[rule.name] == rule.severity
        assert rule.name not in names(cases.ignored[at])


@pytest.mark.parametrize("rule", sorted(rule.name for rule in RULES.values() if rule.severity is None))
def test_a_matter_of_style_is_not_looked_at_unless_asked_for(rule: str, cases: Judged) -> None:
    for at in (at for at, (case, _, _) in enumerate(CASES) if case == rule):
        assert rule not in names(cases.by_default[at])


def test_vacuum_full_and_cluster_are_found_where_the_server_knows_better() -> None:
    new = LintSettings(pg_version="19")

    assert rules(judged(ran("VACUUM FULL t", inside=False), settings=new)) == ["prefer-repack"]
    assert rules(judged(ran("VACUUM t", inside=False), settings=new)) == []


def test_a_transaction_begun_by_hand_and_never_ended_is_found() -> None:
    assert "ban-uncommitted-transaction" in rules(judged(ran("BEGIN", inside=False)))
    assert rules(judged(ran("BEGIN", inside=False), ran("COMMIT", inside=False))) == []


# --- transactions ---


def test_an_index_built_concurrently_in_an_autocommit_block_is_fine() -> None:
    assert rules(judged(ran("CREATE INDEX CONCURRENTLY i ON t (a)", inside=False))) == []


def test_an_index_built_concurrently_in_the_transaction_is_not() -> None:
    assert rules(judged("CREATE INDEX CONCURRENTLY i ON t (a)")) == [
        "ban-concurrent-index-creation-in-transaction"
    ]


def test_an_index_that_is_not_built_concurrently_locks_in_an_autocommit_block_too() -> None:
    assert rules(judged(ran("CREATE INDEX i ON t (a)", inside=False))) == [
        "require-concurrent-index-creation"
    ]


def test_only_the_statement_outside_of_the_transaction_is_judged_as_such() -> None:
    concurrently = "CREATE INDEX CONCURRENTLY i ON t (a)"

    found = judged(ran(concurrently, 1), ran(concurrently, 2, inside=False), ran(concurrently, 3)).findings

    assert [finding.line for finding in found] == [1, 3]


def test_a_check_validated_in_a_later_revision_is_fine() -> None:
    add = ran("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID", revision="a1")
    validate = ran("ALTER TABLE t VALIDATE CONSTRAINT c", revision="b2")

    assert rules(judged(add, validate)) == []


def test_a_check_validated_in_the_transaction_that_added_it_is_not() -> None:
    found = judged(
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID", "ALTER TABLE t VALIDATE CONSTRAINT c"
    ).findings

    assert [(finding.rule, finding.line) for finding in found] == [("constraint-missing-not-valid", 2)]


def test_not_null_that_a_validated_check_proves_is_fine() -> None:
    proven = judged(
        ran("ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID", revision="a1"),
        ran("ALTER TABLE t VALIDATE CONSTRAINT c", revision="b2"),
        ran("ALTER TABLE t ALTER COLUMN a SET NOT NULL", revision="c3"),
    )

    assert rules(proven) == []


# --- what is new in the batch ---


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX i ON n (a)",
        "CREATE UNIQUE INDEX i ON public.n (a)",
        'CREATE INDEX i ON "n" (a)',
        "ALTER TABLE n ADD COLUMN b int NOT NULL",
        "ALTER TABLE ONLY n ADD CONSTRAINT c CHECK (a > 0)",
        "ALTER TABLE n ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id)",
        "ALTER TABLE n ADD PRIMARY KEY (a)",
        "ALTER TABLE n ADD CONSTRAINT u UNIQUE (a)",
        "ALTER TABLE n ALTER COLUMN a SET NOT NULL",
        "ALTER TABLE n ALTER COLUMN a TYPE text",
        "ALTER TABLE n DROP COLUMN a",
        "ALTER TABLE n RENAME COLUMN a TO b",
        "ALTER TABLE N RENAME TO m",
        "DROP TABLE n",
        "TRUNCATE n",
        "DELETE FROM n",
    ],
)
def test_a_table_of_the_same_batch_is_empty_and_nobody_uses_it(statement: str) -> None:
    create = ran("CREATE TABLE n (a int)", revision="a1")

    assert rules(judged(statement)) != []
    assert rules(judged(create, ran(statement, revision="b2"))) == []


@pytest.mark.parametrize(
    "create",
    [
        "CREATE TABLE IF NOT EXISTS n (a int)",
        "CREATE TABLE s.n (a int)",
        "CREATE TABLE m (a int)",
        "CREATE VIEW n AS SELECT 1",
        "-- CREATE TABLE n (a int);\nSELECT 'CREATE TABLE n (a int);'",
    ],
)
def test_a_table_that_may_have_been_there_is_not_new(create: str) -> None:
    assert rules(judged(create, "CREATE INDEX i ON n (a)")) == ["require-concurrent-index-creation"]


def test_a_new_table_keeps_being_new_under_another_name() -> None:
    assert rules(judged("CREATE TABLE n (a int)", "ALTER TABLE n RENAME TO m", "DROP TABLE m")) == []


def test_a_table_is_not_new_any_more_once_it_is_dropped() -> None:
    found = judged("CREATE TABLE n (a int)", "DROP TABLE n", "ALTER TABLE n DROP COLUMN a")

    assert rules(found) == ["ban-drop-column"]


def test_a_drop_of_a_new_table_and_an_old_one_is_found() -> None:
    assert rules(judged("CREATE TABLE n (a int)", "DROP TABLE n, t")) == ["ban-drop-table"]


@pytest.mark.parametrize(
    ("create", "drop"),
    [
        ("CREATE TYPE y AS ENUM ('a')", "DROP TYPE y"),
        ("CREATE VIEW y AS SELECT 1", "DROP VIEW y"),
        ("CREATE SEQUENCE y", "DROP SEQUENCE y"),
        ("CREATE SCHEMA y", "DROP SCHEMA y"),
        ("CREATE TABLE n (a int); CREATE INDEX y ON n (a)", "DROP INDEX y"),
    ],
)
def test_other_objects_of_the_batch_are_new_too(create: str, drop: str) -> None:
    assert rules(judged(drop)) != []
    assert rules(judged(create, drop)) == []


def test_an_index_of_the_batch_on_an_old_table_is_dropped_under_a_lock() -> None:
    create = ran("CREATE INDEX CONCURRENTLY i ON t (a)", inside=False)

    assert rules(judged(create, "DROP INDEX i")) == ["require-concurrent-index-deletion"]


def test_what_cannot_run_cannot_run_on_a_new_table_either() -> None:
    found = judged("CREATE TABLE n (a int)", "CREATE INDEX CONCURRENTLY i ON n (a)")

    assert rules(found) == ["ban-concurrent-index-creation-in-transaction"]


# --- several findings, several statements ---


@pytest.mark.parametrize(
    ("sql", "only"),
    [
        ("DROP TABLE t", "ban-drop-table"),
        ("DROP TABLE t, u", "ban-drop-table"),
        ("ALTER TABLE t DROP COLUMN a, DROP COLUMN b", "ban-drop-column"),
        ("TRUNCATE t CASCADE", "ban-truncate-cascade"),
        ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p (id)", "adding-foreign-key-constraint"),
        ("ALTER TABLE t ADD PRIMARY KEY (a)", "adding-serial-primary-key-field"),
        ("ALTER TABLE t ADD UNIQUE (a)", "disallowed-unique-constraint"),
        ("ALTER TABLE t ALTER a TYPE int", "changing-column-type"),
        ("ALTER TABLE t RENAME a TO b", "renaming-column"),
        ("DROP TYPE y", "ban-drop-type"),
    ],
)
def test_what_squawk_and_migrator_both_find_is_told_once(sql: str, only: str) -> None:
    assert rules(judged(sql)) == [only]


def test_one_call_may_run_several_statements() -> None:
    sql = "ALTER TABLE t ADD a text;\n-- that; was\nDROP TABLE u;;\nSELECT ';'; CREATE INDEX i\n ON t (a)"

    found = judged(ran(sql, 7)).findings

    assert [(finding.rule, finding.line, finding.statement) for finding in found] == [
        ("ban-drop-table", 7, "DROP TABLE u"),
        ("require-concurrent-index-creation", 7, "CREATE INDEX i ON t (a)"),
    ]


def test_a_finding_names_revision_file_line_and_operation_of_its_own_statement() -> None:
    long = "ALTER TABLE t ADD COLUMN a text,\n" + ",\n".join(f"ADD COLUMN ä{n} text" for n in range(50))

    found = judged(
        ran(long, 3, revision="a1"),
        ran("DROP TABLE ü -- gone", 9, revision="b2"),
        ran(long, 4, revision="c3"),
    ).findings

    assert [(f.revision, f.file, f.line, f.operation) for f in found] == [
        ("b2", "versions/b2.py", 9, "op.execute")
    ]
    assert found[0].lock == "ACCESS EXCLUSIVE on ü"


def test_a_statement_that_squawk_cannot_read_leaves_the_others_judged() -> None:
    found = judged(
        "CREATE INDEX i ON t (a)", "FROBNICATE t (", "ALTER TABLE t ALTER a SET NOT NULL", "DROP UNKNOWN ("
    ).findings

    assert [(finding.rule, finding.line) for finding in found] == [
        ("require-concurrent-index-creation", 1),
        ("syntax-error", 2),
        ("adding-not-nullable-field", 3),
        ("syntax-error", 4),
    ]


def test_a_body_of_a_function_is_no_statement_of_the_migration() -> None:
    body = "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $f$ DROP TABLE t; DELETE FROM u; $f$"
    atomic = "CREATE FUNCTION f() RETURNS void BEGIN ATOMIC DELETE FROM t; DELETE FROM u; END"

    assert rules(judged(body, atomic)) == []


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t (a) VALUES ($1::INTEGER)",
        "UPDATE t SET a = %(a)s WHERE b = %(b)s",
        "DELETE FROM t WHERE t.a = :a",
        "WITH x AS (SELECT 1) SELECT * FROM x",
    ],
)
def test_rows_written_with_parameters_are_not_taken_for_bad_sql(sql: str) -> None:
    assert rules(judged(sql)) == []


def test_the_order_of_the_findings_is_that_of_the_statements() -> None:
    found = judged("DROP TABLE a", "CREATE INDEX i ON t (a)", "DROP TABLE b").findings

    assert [finding.line for finding in found] == [1, 2, 3]


def test_nothing_to_judge_is_no_finding() -> None:
    judgement = judged()

    assert (judgement.findings, judgement.notes) == ((), ())
    assert judgement.tool.startswith("squawk 2.")


def test_a_configuration_of_squawk_lying_about_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".squawk.toml").write_text('excluded_rules = ["require-concurrent-index-creation"]\n')
    monkeypatch.chdir(tmp_path)

    assert rules(judged("CREATE INDEX i ON t (a)")) == ["require-concurrent-index-creation"]


# --- known types ---


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("bigint", "int", ["narrowing"]),
        ("varchar(20)", "varchar(10)", ["narrowing"]),
        ("text", "varchar(10)", ["narrowing"]),
        ("numeric(10,2)", "numeric(8,2)", ["narrowing"]),
        ("integer", "bigint", ["changing-column-type"]),
        ("varchar(10)", "varchar(20)", []),
        ("varchar(10)", "text", []),
        ("numeric(8,2)", "numeric(10,2)", []),
    ],
)
def test_where_the_old_type_is_known_the_change_is_judged_by_both(
    old: str, new: str, rule: list[str]
) -> None:
    statement = ran(f"ALTER TABLE t ALTER COLUMN a TYPE {new} USING a::{new}", old={"t.a": old})

    assert rules(judged(statement)) == rule


def test_a_harmless_change_beside_an_unknown_one_hides_nothing() -> None:
    statement = ran(
        "ALTER TABLE t ALTER a TYPE text, ALTER b TYPE text", old={"t.a": "varchar(9)", "t.c": "int"}
    )

    assert rules(judged(statement)) == ["changing-column-type"]


@pytest.mark.parametrize(
    "sql", ["COMMIT", "ROLLBACK", "BEGIN", "START TRANSACTION", "END", "ABORT", "commit work"]
)
def test_a_transaction_ended_by_hand_is_found(sql: str) -> None:
    assert "transaction-nesting" in rules(judged(sql))


@pytest.mark.parametrize("sql", ["SAVEPOINT s", "ROLLBACK TO s", "ROLLBACK TO SAVEPOINT s", "RELEASE s"])
def test_a_savepoint_is_no_transaction(sql: str) -> None:
    assert rules(judged("SAVEPOINT s", sql)) == []


# --- anonymous blocks ---


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("BEGIN DROP TABLE t; END", ["ban-drop-table"]),
        (
            "BEGIN IF x() THEN CREATE INDEX i ON t (a); END IF; END",
            ["require-concurrent-index-creation"],
        ),
        ("DECLARE x int; BEGIN SELECT 1 INTO x; DELETE FROM t; END", ["delete-without-where"]),
        ("BEGIN CREATE TYPE y AS ENUM ('a'); EXCEPTION WHEN duplicate_object THEN NULL; END", []),
        ("BEGIN PERFORM 'DROP TABLE t'; END", []),
        ("BEGIN DELETE FROM t WHERE a = x; END", []),
        ("BEGIN CREATE := 1; END", []),
        ("", []),
    ],
)
def test_what_a_block_hides_is_found(body: str, found: list[str]) -> None:
    assert rules(judged(f"DO $$ {body} $$")) == found
    assert rules(judged(f"DO LANGUAGE plpgsql $do$ {body} $do$")) == found


def test_what_a_block_makes_may_not_be_new() -> None:
    made = "DO $$ BEGIN IF x THEN CREATE TABLE n (a int); END IF; END $$"

    assert rules(judged(made, "DROP TABLE n")) == ["ban-drop-table"]


def test_a_block_may_do_with_a_new_table_what_it_likes() -> None:
    assert rules(judged("CREATE TABLE n (a int)", "DO $$ BEGIN DROP TABLE n; END $$")) == []
