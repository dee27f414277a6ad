"""Rules about statements that lock a table for long, read all of it, or write all of it again."""

from __future__ import annotations

from migrator.lint.catalogue import SHARE, SHARE_ROW_EXCLUSIVE, Rule

_NEW_COLUMN = """\
Add the column without it, fill it in batches in a later revision, then tighten it:
    op.add_column("orders", sa.Column("state", sa.Text(), nullable=True))
    # later, in batches: op.execute("UPDATE orders SET state = 'new' WHERE id BETWEEN ...")"""

LOCKING = (
    Rule(
        "require-concurrent-index-creation",
        "Building the index blocks every write to the table until it is done.",
        """\
Build it concurrently, in a revision of its own, outside of the transaction:
    with op.get_context().autocommit_block():
        op.create_index("ix_orders_state", "orders", ["state"], postgresql_concurrently=True)""",
        lock=SHARE,
    ),
    Rule(
        "require-concurrent-index-deletion",
        "Dropping the index waits for all that use the table, and every query after it waits behind it.",
        """\
Drop it concurrently, outside of the transaction:
    with op.get_context().autocommit_block():
        op.drop_index("ix_orders_state", table_name="orders", postgresql_concurrently=True)""",
        severity="warning",
    ),
    Rule(
        "require-concurrent-reindex",
        "Building the index again blocks every write to its table, and every read that would use the index.",
        """\
Do it concurrently, outside of the transaction:
    with op.get_context().autocommit_block():
        op.execute("REINDEX INDEX CONCURRENTLY ix_orders_state")""",
        lock=SHARE,
    ),
    Rule(
        "require-concurrent-partition-detach",
        "Detaching a partition blocks every read and write of the whole table while it waits and works.",
        """\
Detach it concurrently, outside of the transaction:
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE orders DETACH PARTITION orders_2020 CONCURRENTLY")""",
        severity="warning",
    ),
    Rule(
        "ban-concurrent-index-creation-in-transaction",
        "PostgreSQL refuses CONCURRENTLY inside a transaction, and each revision runs in one.",
        """\
Leave the transaction for this statement, in a revision that does nothing else:
    with op.get_context().autocommit_block():
        op.create_index("ix_orders_state", "orders", ["state"], postgresql_concurrently=True)""",
        lock="",
        on_new=True,
    ),
    Rule(
        "constraint-missing-not-valid",
        "The constraint is checked against every row while nobody can read or write the table; "
        "so is one that is validated in the transaction that added it.",
        """\
Add it NOT VALID, which checks new rows only, and validate it in a later revision, which locks nobody out:
    op.create_check_constraint("ck_orders_total", "orders", "total >= 0", postgresql_not_valid=True)
    # in the next revision
    op.execute("ALTER TABLE orders VALIDATE CONSTRAINT ck_orders_total")""",
    ),
    Rule(
        "adding-foreign-key-constraint",
        "The foreign key is checked against every row while nobody can write to either table.",
        """\
Add it NOT VALID, a new column on a line of its own before it, and validate it in a later revision:
    op.create_foreign_key("fk_orders_user", "orders", "users", ["user_id"], ["id"], postgresql_not_valid=True)
    # in the next revision
    op.execute("ALTER TABLE orders VALIDATE CONSTRAINT fk_orders_user")""",
        lock=SHARE_ROW_EXCLUSIVE,
    ),
    Rule(
        "adding-not-nullable-field",
        "SET NOT NULL reads the whole table while nobody can read or write it.",
        """\
Prove it with a check first, in three revisions; the last then reads nothing (PostgreSQL 12 and later):
    op.create_check_constraint("ck_orders_state", "orders", "state IS NOT NULL", postgresql_not_valid=True)
    # in the next revision
    op.execute("ALTER TABLE orders VALIDATE CONSTRAINT ck_orders_state")
    # in the one after it
    op.alter_column("orders", "state", nullable=False)
    op.drop_constraint("ck_orders_state", "orders")""",
    ),
    Rule(
        "adding-field-with-default",
        "A default that differs from row to row, or a stored expression, writes the whole table again "
        "while nobody can read or write it.",
        f"""\
{_NEW_COLUMN}
    op.alter_column("orders", "token", server_default=sa.text("gen_random_uuid()"))""",
    ),
    Rule(
        "adding-serial-primary-key-field",
        "A new primary key builds its index, and may write every row, while nobody can use the table.",
        """\
Build the unique index concurrently, then make it the key:
    with op.get_context().autocommit_block():
        op.create_index("orders_pkey", "orders", ["id"], unique=True, postgresql_concurrently=True)
    # in the next revision; the columns must be NOT NULL already
    op.execute("ALTER TABLE orders ADD CONSTRAINT orders_pkey PRIMARY KEY USING INDEX orders_pkey")""",
    ),
    Rule(
        "disallowed-unique-constraint",
        "A unique constraint builds its index while nobody can read or write the table.",
        """\
Build the unique index concurrently, then make it the constraint:
    with op.get_context().autocommit_block():
        op.create_index("uq_orders_number", "orders", ["number"], unique=True, postgresql_concurrently=True)
    # in the next revision
    op.execute("ALTER TABLE orders ADD CONSTRAINT uq_orders_number UNIQUE USING INDEX uq_orders_number")""",
    ),
    Rule(
        "changing-column-type",
        "Most changes of a type write the whole table and its indexes again while nobody can use it, "
        "and clients that run already may not know the new type.",
        """\
Expand and contract: a new column, both written for a while, then the old one dropped.
    op.add_column("orders", sa.Column("total_cents", sa.BigInteger(), nullable=True))
    # copy in batches, let the application use the new column, and in a later release:
    op.drop_column("orders", "total")""",
    ),
    Rule(
        "ban-alter-domain-with-add-constraint",
        "The constraint is checked against every row of every table with a column of this domain, "
        "while nobody can write to them.",
        """\
Add it NOT VALID and validate it in a later revision, or check the columns of the tables instead:
    op.execute("ALTER DOMAIN email ADD CONSTRAINT ck_email CHECK (VALUE LIKE '%@%') NOT VALID")
    # in the next revision
    op.execute("ALTER DOMAIN email VALIDATE CONSTRAINT ck_email")""",
        lock=SHARE,
    ),
    Rule(
        "ban-alter-generated-expression",
        "A new expression of a stored column writes the whole table again while nobody can read or write it.",
        """\
Expand and contract: add a column with the new expression, let the application use it, drop the old one later:
    op.add_column("orders", sa.Column("gross2", sa.Numeric(), nullable=True))
    # fill it in batches, and keep it up to date with a trigger or in the application""",
        opt_in=True,
    ),
    Rule(
        "prefer-repack",
        "VACUUM FULL and CLUSTER write the whole table again while nobody can read or write it.",
        """\
Leave it to maintenance: REPACK (CONCURRENTLY) from PostgreSQL 19 on, or pg_repack; not to a migration.
    with op.get_context().autocommit_block():
        op.execute("VACUUM ANALYZE orders")""",
    ),
)
