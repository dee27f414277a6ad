"""What a finding tells to write instead is what Alembic accepts, and what lint finds nothing in."""

from __future__ import annotations

import io
import textwrap

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from migrator.lint.lint_settings import RULES
from tests.linting import judged, ran

# Their examples are of a model, or stand for any statement.
NO_OPERATIONS = {"renaming-column", "transaction-nesting"}
# Their code does what the rule is about, a release later and with the comment that excuses it.
EXCUSED = {
    "ban-drop-table",
    "ban-drop-column",
    "ban-drop-type",
    "ban-drop-schema",
    "renaming-table",
    "ban-set-schema",
}


def code_of(remedy: str) -> str:
    """Give the indented lines of a remedy."""
    return textwrap.dedent("\n".join(line for line in remedy.splitlines() if line.startswith("    ")))


WITH_CODE = sorted(
    rule.name for rule in RULES.values() if code_of(rule.remedy) and rule.name not in NO_OPERATIONS
)


def run_offline(code: str) -> list[tuple[str, str, bool]]:
    """Run operations as `upgrade --sql` would; give revision, SQL, and whether it is in a transaction.

    A comment that says `next revision`, or `one after`, begins another revision.
    """
    found = []
    revision = 0
    parts: list[list[str]] = [[]]
    for line in code.splitlines():
        if line.startswith("# in the "):
            parts.append([])
        parts[-1].append(line)
    for revision, part in enumerate(parts):
        written = io.StringIO()
        options = {"as_sql": True, "output_buffer": written, "transactional_ddl": True}
        context = MigrationContext.configure(dialect_name="postgresql", opts=options)
        with context.begin_transaction():
            exec("\n".join(part), {"op": Operations(context), "sa": sa})
        inside = False
        for sql in filter(None, (text.strip() for text in written.getvalue().split(";\n"))):
            if sql in ("BEGIN", "COMMIT"):
                inside = sql == "BEGIN"
            else:
                found.append((f"r{revision}", sql, inside))
    return found


@pytest.mark.parametrize("name", WITH_CODE)
def test_alembic_takes_the_remedy_and_the_rule_finds_nothing_in_it(name: str) -> None:
    statements = run_offline(code_of(RULES[name].remedy))

    assert statements
    found = judged(*(ran(sql, revision=revision, inside=inside) for revision, sql, inside in statements))
    rules = {finding.rule for finding in found.findings}
    assert "syntax-error" not in rules
    assert (name in rules) is (name in EXCUSED)


@pytest.mark.parametrize("name", sorted(rule.name for rule in RULES.values() if rule.severity == "error"))
def test_each_rule_that_is_an_error_shows_how_to_write_it(name: str) -> None:
    assert code_of(RULES[name].remedy) or name in {"ban-drop-database", "ban-uncommitted-transaction"}
