"""Rules that are off unless `lint_error` names them: style, and what is seldom more than it seems."""

from __future__ import annotations

from migrator.lint.catalogue import Rule

_STYLE = "A matter of style: it locks nobody out and loses nothing."
_AFTER = "Release the code that can live with it first."


def _off(name: str, why: str, remedy: str = _AFTER, *, opt_in: bool = True) -> Rule:
    return Rule(name, why, remedy, None, lock="", opt_in=opt_in)


def _style(name: str, remedy: str, why: str = _STYLE) -> Rule:
    return _off(name, why, remedy, opt_in=False)


QUIET = (
    _style("prefer-bigint-over-int", "Write sa.BigInteger().", "Four bytes run out at 2,147,483,647."),
    _style("prefer-bigint-over-smallint", "Write sa.BigInteger().", "Two bytes run out at 32,767."),
    _style("prefer-identity", "Write sa.Column('id', sa.BigInteger(), sa.Identity(), primary_key=True)."),
    _style("prefer-text-field", "Write sa.Text(), and a check constraint for the length."),
    _style("prefer-timestamp-tz", "Write sa.DateTime(timezone=True)."),
    _style("ban-char-field", "Write sa.Text().", "CHAR(n) pads every value with blanks."),
    _style("identifier-too-long", "Choose a name of 63 bytes or less.", "PostgreSQL cuts the name."),
    _style(
        "prefer-robust-stmts",
        "Add if_not_exists=True or if_exists=True.",
        "Outside of a transaction, a revision that failed half-way cannot run again.",
    ),
    _style(
        "require-lock-timeout",
        "Set lock_timeout in [migrator]: migrator sets it for every statement.",
        "A statement may wait for its lock for ever.",
    ),
    _style(
        "require-statement-timeout",
        "Set statement_timeout in [migrator]: migrator sets it for every statement.",
        "A statement may run for ever.",
    ),
    _style(
        "require-enum-value-ordering",
        "Write ALTER TYPE ... ADD VALUE ... AFTER ....",
        "Without BEFORE or AFTER the value is the last one.",
    ),
    _style("ban-create-domain-with-constraint", "Check the columns instead.", "Hard to change later."),
    _style("ban-duplicate-column-assignments", "Set each column once.", "PostgreSQL refuses the statement."),
    _off("require-table-schema", _STYLE, "Write schema=... in the operation."),
    _off("ban-add-column", "SELECT * of running clients gives a column more.", "Name the columns in SELECT."),
    _off("ban-add-composite-attribute", "Running clients may not know the new attribute."),
    _off("ban-add-enum-value", "Running clients may not know the new value."),
    _off("ban-alter-database-options", "Options of the database hold for every client."),
    _off("ban-alter-extension", "An update may change what clients use."),
    _off("ban-alter-function-options", "Running clients call the function with its new options."),
    _off("ban-alter-policy-condition", "Running clients may see or write other rows."),
    _off("ban-alter-policy-roles", "Running clients may see or write other rows."),
    _off("ban-alter-role-options", "Options of a role hold for every client of it."),
    _off("ban-alter-row-level-security", "Running clients may see or write other rows."),
    _off("ban-alter-sequence-values", "Running clients may be given values that exist already."),
    _off("ban-alter-system-options", "Options of the server hold for every database.", "Do it by hand."),
    _off("ban-alter-view-options", "Running clients may see or write other rows."),
    _off("ban-create-policy", "Running clients may see or write other rows."),
    _off("ban-detach-inheritance", "Queries of the parent no longer find these rows."),
    _off("ban-disable-trigger", "What it does is no longer done.", "Enable it in the same revision."),
    _off("ban-drop-index", "Queries may get slow, and a unique index no longer keeps anything out."),
    _off("ban-drop-policy", "Running clients may see or write other rows."),
    _off("ban-drop-trigger", "What the trigger does is no longer done."),
    _off("ban-new-write-restriction", "Running clients may write what is now refused."),
    _off("ban-replace-view-function", "Running clients get the new definition at once."),
    _off("ban-replica-identity", "Subscribers may no longer get updates and deletes."),
    _off("ban-revoke", "Running clients may be refused."),
    _off("ban-set-default", "Rows that running clients insert get the new default."),
)
