"""Rules about statements that break clients which run while and after the migration does."""

from __future__ import annotations

from migrator.lint.catalogue import Rule

BREAKING = (
    Rule(
        "adding-required-field",
        "NOT NULL without a default fails if there is a row, and running clients cannot insert any more.",
        """\
Give it a constant default, which writes no row, and drop the default a release later:
    op.add_column("orders", sa.Column("state", sa.Text(), server_default="new", nullable=False))""",
    ),
    Rule(
        "renaming-column",
        "Clients that run already use the old name, and fail from the commit on.",
        """\
Keep the name in the database, and rename the attribute in the model, or expand and contract:
    state = mapped_column("status", Text)  # in the model: the attribute's name, then the column's
    # or: op.add_column(...), write both, copy in batches, and op.drop_column(...) a release later""",
    ),
    Rule(
        "renaming-table",
        "Clients that run already use the old name, and fail from the commit on.",
        """\
Keep the name in the database (`__tablename__`), or leave a view under the old name until nobody uses it:
    op.rename_table("orders", "purchases")  # migrator: allow renaming-table -- the view keeps the old name
    op.execute("CREATE VIEW orders AS SELECT * FROM purchases")""",
    ),
    Rule(
        "renaming-object",
        "Clients, functions and later migrations that use the old name fail.",
        "Make a second one under the new name, and drop the old one a release later; "
        "excuse it where only migrations use the name.",
        severity="warning",
        lock="",
    ),
    Rule(
        "ban-set-schema",
        "Clients that run already look for it in the old schema, and fail from the commit on.",
        """\
Move it, and leave a view in the old schema until nobody uses it:
    op.execute("ALTER TABLE orders SET SCHEMA sales")  # migrator: allow ban-set-schema -- the view stays
    op.execute("CREATE VIEW public.orders AS SELECT * FROM sales.orders")""",
    ),
    Rule(
        "ban-drop-not-null",
        "Clients that run already may not expect NULL in this column.",
        "Release the code that can read NULL first; excuse this once it runs everywhere.",
        severity="warning",
    ),
    Rule(
        "ban-drop-default",
        "Clients that run already may leave the column to its default, and fail or insert NULL.",
        "Release the code that always sets the column first; excuse this once it runs everywhere.",
        severity="warning",
    ),
    Rule(
        "ban-drop-constraint",
        "What the constraint kept out can get in, and code that counts on it (ON CONFLICT, for one) fails.",
        "Drop it a release after the code that counts on it; add the new one first where it is replaced.",
        severity="warning",
    ),
    Rule(
        "ban-drop-generated-expression",
        "The column is no longer computed: clients that do not set it write NULL.",
        "Release the code that sets the column first; excuse this once it runs everywhere.",
        severity="warning",
    ),
    Rule(
        "ban-alter-identity",
        "Clients that run already may set the column themselves, or count on being given a value.",
        "Release the code that works with both first; excuse this once it runs everywhere.",
        severity="warning",
    ),
    Rule(
        "ban-drop-view",
        "Clients that still read the view fail.",
        "Drop it a release after the last code that reads it; CREATE OR REPLACE VIEW leaves no gap.",
        severity="warning",
    ),
    Rule(
        "ban-drop-function",
        "Clients, triggers and defaults that still call it fail.",
        "Drop it a release after the last code that calls it; CREATE OR REPLACE FUNCTION leaves no gap.",
        severity="warning",
        lock="",
    ),
    Rule(
        "ban-drop-sequence",
        "Clients that still take values from it fail, and the last value is lost.",
        "Drop it a release after the last code that uses it.",
        severity="warning",
        lock="",
    ),
    Rule(
        "ban-drop-domain",
        "Clients that still use the domain fail, and CASCADE drops every column of it.",
        "Drop it a release after the last column of this domain, and never with CASCADE.",
        severity="warning",
        lock="",
    ),
    Rule(
        "ban-drop-extension",
        "Everything that uses the extension's types and functions fails, and CASCADE drops it.",
        "Drop it a release after the last code that uses it, and never with CASCADE.",
        severity="warning",
        lock="",
    ),
    Rule(
        "transaction-nesting",
        "The statement begins or ends a transaction by itself, inside the one that the revision runs in: "
        "a failure after it can no longer be undone.",
        """\
Leave transactions to Alembic; what must not be in one goes into a block:
    with op.get_context().autocommit_block():
        op.execute(...)""",
        lock="",
        on_new=True,
    ),
    Rule(
        "ban-uncommitted-transaction",
        "The transaction is begun by hand and never ended.",
        "Take the BEGIN out: each revision has a transaction of its own.",
        lock="",
        on_new=True,
    ),
    Rule(
        "syntax-error",
        "squawk cannot read this statement, so only migrator's own rules judged it.",
        "Look at it yourself, and excuse it.",
        severity="warning",
        lock="",
        on_new=True,
    ),
)
