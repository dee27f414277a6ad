"""Finds the sequences of SERIAL columns in one query for all tables, where Alembic asks for each."""

from __future__ import annotations

import re
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Inspector, Table, text

# A default that takes the next number of a sequence, as the server writes it.
_NEXT = re.compile(r"nextval\('((?:[^']|'')+)'::regclass\)")
_OWNED = text("""
SELECT CAST(CAST(c.oid AS regclass) AS text), a.attname
FROM pg_class c
JOIN pg_depend d
    ON d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE c.relkind = 'S' AND d.refobjsubid > 0
""")


def find_serials_at_once(context: MigrationContext) -> None:
    """Make the comparisons of one context, and no other, read the owned sequences once.

    What comes of it is what Alembic makes of it: a default that a SERIAL column brings along is none.
    """
    if context.dialect.name != "postgresql" or context.connection is None:
        return
    owners: dict[str, str] | None = None

    def reflected(_inspector: Inspector, _table: Table, column: Any) -> None:
        nonlocal owners
        found = _NEXT.match(column.get("default") or "")
        if found is None:
            return
        if owners is None:
            owners = _owners(context)
        if owners.get(found[1].replace("''", "'")) == column["name"]:
            del column["default"]

    # Of this instance: Alembic's own hook for dialects, without a dialect of ours in the place of its own.
    context.impl.autogen_column_reflect = reflected  # type: ignore[method-assign]


def _owners(context: MigrationContext) -> dict[str, str]:
    if context.connection is None:
        return {}
    return {str(sequence): str(column) for sequence, column in context.connection.execute(_OWNED)}
