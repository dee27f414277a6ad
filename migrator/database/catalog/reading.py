"""Reads the catalogue of a database: PostgreSQL's own tables by one statement, others by the inspector.

What counts and what does not, on PostgreSQL: names, definitions, validity, comments count. A column's place
among the others does not (it changes when a column is dropped and added again, and no application minds), nor
do owners, grants, tablespaces, data, a sequence's current value, an extension's version (it is the server's),
and whether a materialized view is populated. Left out are what belongs to the whole database (event triggers,
publications, subscriptions, settings) and what few make outside of extensions: operators and their classes,
casts, base types, collations, conversions, text search objects, foreign data wrappers and their servers, the
defaults of a view's columns, and the names of not-null constraints. Definitions are as the server words them:
two major versions may put one view into different words (16 leaves out the table's name before a column).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

from migrator.database.catalog.inspected import LeaveOut, inspected
from migrator.database.catalog.object_queries import selects
from migrator.database.catalog.objects import Catalog, CatalogObject, ObjectKey
from migrator.database.connecting.timeouts import run_plainly
from migrator.database.own.own_tables import OWN_SCHEMA, is_own_table

_DEFAULT_SCHEMA = "public"
# The names of these are their table's own.
_NAMED_IN_TABLE = frozenset({"index", "constraint", "trigger", "rule", "policy", "statistics"})
_DEFINED_IN_LINES = frozenset({"view", "materialized view", "rule"})
_SEEN_COMMENTS = frozenset({"table", "column"})
_BREAK = re.compile(r"\s*\n\s*")

# The kind of a row that is no object: its name is the statement that sets the search path as it was.
BACK = "search path"

# The functions that write definitions leave out the schemas of the search path. This empties it before the
# first of them is called: what depends on the gate is not evaluated before the gate is open.
_STATEMENT = f"""
WITH before AS MATERIALIZED (
    SELECT format('SELECT set_config(%L, %L, true)', 'search_path', current_setting('search_path')) AS back),
emptied AS MATERIALIZED (SELECT back, set_config('search_path', '', true) AS path FROM before),
-- What belongs to an extension; and the functions that a range type makes for itself.
member AS MATERIALIZED (
    SELECT classid, objid FROM pg_depend
    WHERE deptype = 'e' OR (deptype = 'i' AND classid = 'pg_proc'::regclass)),
ns AS MATERIALIZED (
    SELECT oid, nspname FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', '{OWN_SCHEMA}')),
rel AS MATERIALIZED (
    SELECT c.*, n.nspname, format('%I.%I', n.nspname, c.relname) AS quoted
    FROM pg_class c JOIN ns n ON n.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_class'::regclass AND m.objid = c.oid)),
typ AS MATERIALIZED (
    SELECT t.*, n.nspname, format('%I.%I', n.nspname, t.typname) AS quoted
    FROM pg_type t JOIN ns n ON n.oid = t.typnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_type'::regclass AND m.objid = t.oid)),
-- Types that columns of tables have.
held AS MATERIALIZED (
    SELECT DISTINCT a.atttypid FROM pg_attribute a JOIN rel r ON r.oid = a.attrelid
    WHERE r.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped),
coll AS (
    SELECT c.oid, format('%I.%I', n.nspname, c.collname) AS quoted
    FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace),
fun AS (
    SELECT p.*, n.nspname, format('%s(%s)', p.proname,
        pg_get_function_identity_arguments(p.oid)) AS signature,
        format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS quoted
    FROM pg_proc p JOIN ns n ON n.oid = p.pronamespace
    WHERE (SELECT path FROM emptied) IS NOT NULL
        AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid))
SELECT CAST(o.kind AS text), CAST(o.classid AS bigint), CAST(o.objid AS bigint), o.subid,
    CAST(o.schema AS text),
    CAST(o.relation AS text), CAST(o.name AS text), o.target, o.definition, o.after, o.seen, c.description
FROM ({{branches}}) AS o (kind, classid, objid, subid, schema, relation, name, target, definition, after,
    seen)
LEFT JOIN pg_description c ON c.classoid = o.classid AND c.objoid = o.objid AND c.objsubid = o.subid
    -- An extension brings a comment of its own, which is its version's.
    AND o.kind <> 'extension'
WHERE (SELECT path FROM emptied) IS NOT NULL
UNION ALL SELECT '{BACK}', 0, 0, 0, NULL, NULL, back, NULL, NULL, NULL, false, NULL FROM emptied
"""


def catalog_statement(major: int) -> str:
    """Give the statement for a server of this major version, 12 or newer.

    One of its rows is of the kind BACK.
    """
    return _STATEMENT.format(branches=selects(major))


class Row(NamedTuple):
    """One object of a PostgreSQL database.

    `classid`, `objid` and `subid` are its address in pg_depend and pg_description. `relation` is the table or
    view that it hangs on (a table hangs on itself), `target` how statements name it, `after` a statement that
    must follow the one that makes it, `seen` whether Alembic's autogenerate sees it.
    """

    kind: str
    classid: int
    objid: int
    subid: int
    schema: str | None
    relation: str | None
    name: str
    target: str
    definition: str | None
    after: str | None
    seen: bool
    comment: str | None

    @property
    def key(self) -> ObjectKey:
        qualified = "" if self.schema in (None, _DEFAULT_SCHEMA) else f"{self.schema}."
        if self.kind == "column":
            return self.kind, f"{qualified}{self.relation}.{self.name}"
        if self.kind in _NAMED_IN_TABLE:
            return self.kind, f"{self.name} on {qualified}{self.relation}"
        return self.kind, f"{qualified}{self.name}"

    @property
    def address(self) -> tuple[int, int]:
        return self.classid, self.objid


def read_catalog(
    connection: Connection,
    *,
    leave_out: LeaveOut | None = None,
    version_tables: Collection[str] = ("alembic_version",),
    only_schema: str | None = None,
) -> Catalog:
    """Read what a database holds, or one schema of a PostgreSQL. Nothing is written.

    A transaction that was open stays open.

    Tables for which `leave_out(name, schema)` is true (the schema is None where it is the default one) are
    not there, nor what hangs on them, nor the version tables (`name` or `schema.name`), nor migrator's own
    tables, nor what belongs to extensions.
    """

    def left_out(name: str, schema: str | None) -> bool:
        own = is_own_table(name, schema) or name in version_tables or f"{schema}.{name}" in version_tables
        return own or (leave_out is not None and leave_out(name, schema))

    if connection.dialect.name != "postgresql":
        return Catalog.of(inspected(connection, left_out))
    rows = read_rows(connection)
    if only_schema is not None:
        rows = [row for row in rows if row.schema == only_schema]
    return Catalog.of(entry for row in _kept(rows, left_out) for entry in _entries(row))


def read_rows(connection: Connection) -> list[Row]:
    """Read all objects of a PostgreSQL database, whatever the connection's search path is."""
    began = not connection.in_transaction()
    major = int((connection.dialect.server_version_info or (12,))[0])
    found = [Row(*row) for row in connection.execute(text(catalog_statement(major)))]
    if began:
        connection.rollback()
    else:
        run_plainly(connection, "; ".join(row.name for row in found if row.kind == BACK))
    return [row for row in found if row.kind != BACK]


def _kept(rows: Sequence[Row], left_out: LeaveOut) -> Iterator[Row]:
    gone = {
        (row.schema, row.name)
        for row in rows
        if row.kind == "table" and left_out(row.name, None if row.schema == _DEFAULT_SCHEMA else row.schema)
    }
    return (row for row in rows if row.relation is None or (row.schema, row.relation) not in gone)


def _entries(row: Row) -> Iterator[CatalogObject]:
    kind, name = row.key
    yield CatalogObject(kind, name, _one_line(row), row.seen, _holder(row))
    if row.comment is not None:
        written = "'" + row.comment.replace("'", "''").replace("\n", "\\n") + "'"
        # The default schema has a comment from the start.
        seen = kind in _SEEN_COMMENTS or (kind == "schema" and row.seen)
        yield CatalogObject("comment", f"{kind} {name}", written, seen, row.key)


def _holder(row: Row) -> ObjectKey | None:
    if row.kind == "table" or row.relation is None:
        return None
    return "table", row._replace(kind="table", name=row.relation).key[1]


def _one_line(row: Row) -> str:
    """Give an object's definition on one line.

    PostgreSQL lays out the text of views and rules by itself; in others a line break may be in a body or in a
    literal, and is told.
    """
    parts = [part for part in (row.definition, row.after) if part]
    whole = "; ".join(parts).strip()
    if row.kind in _DEFINED_IN_LINES:
        return _BREAK.sub(" ", whole)
    return whole.replace("\r", "\\r").replace("\n", "\\n")
