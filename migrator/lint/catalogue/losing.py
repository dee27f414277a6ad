"""Rules about statements that lose data."""

from __future__ import annotations

from migrator.lint.catalogue import Rule

LOSING = (
    Rule(
        "ban-drop-table",
        "The table's rows are gone, and clients that still use it fail.",
        """\
Contract last: drop it a release after the last code that uses it; until then, rename it or keep it:
    op.rename_table("orders", "orders_unused")
    # a release later
    op.drop_table("orders_unused")  # migrator: allow ban-drop-table -- unused since 2.3""",
    ),
    Rule(
        "ban-drop-column",
        "The column's values are gone, and clients that still name it fail.",
        """\
Contract last: take it out of the models first, and drop it a release later. It must be nullable until then:
    op.alter_column("orders", "note", nullable=True)
    # a release later
    op.drop_column("orders", "note")  # migrator: allow ban-drop-column -- unused since 2.3""",
    ),
    Rule(
        "ban-drop-type",
        "Clients that still use the type fail, and CASCADE drops every column of it.",
        """\
Drop it a release after the last column of this type, and never with CASCADE:
    op.execute("DROP TYPE order_state")  # migrator: allow ban-drop-type -- no column has it since 2.3""",
        lock="",
    ),
    Rule(
        "ban-drop-schema",
        "The schema goes, with CASCADE all that is in it.",
        """\
Drop what is in it one by one, each excused with its reason, and the empty schema at last:
    op.execute("DROP SCHEMA reports")  # migrator: allow ban-drop-schema -- empty since 2.3""",
        lock="",
    ),
    Rule(
        "ban-drop-database",
        "The database is gone with everything in it.",
        "A migration does not drop databases: take this out, and do it by hand.",
        lock="",
        on_new=True,
    ),
    Rule(
        "narrowing",
        "The new type holds less than the old one: the migration fails at the first value that does not fit, "
        "or cuts it, while nobody can read or write the table.",
        """\
Keep the wide type and check the values, or expand and contract with a second column:
    op.create_check_constraint("ck_orders_note", "orders", "length(note) <= 80", postgresql_not_valid=True)
    # in the next revision
    op.execute("ALTER TABLE orders VALIDATE CONSTRAINT ck_orders_note")""",
    ),
    Rule(
        "truncate",
        "All rows of the table are gone, and nobody can read or write it meanwhile.",
        """\
Delete in batches, and only what has to go:
    op.execute("DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < '2020-01-01' LIMIT 999)")""",
    ),
    Rule(
        "ban-truncate-cascade",
        "All rows are gone, and those of every table with a foreign key to it, named here or not.",
        """\
Name each table that is to be emptied, and leave CASCADE out:
    op.execute("TRUNCATE order_lines, orders")  # migrator: allow truncate -- filled again below""",
    ),
    Rule(
        "delete-without-where",
        "All rows of the table are deleted, in one long transaction that holds a lock on each.",
        """\
Say which rows, and delete them in batches:
    op.execute("DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < '2020-01-01' LIMIT 999)")""",
        lock="ROW EXCLUSIVE",
    ),
)
