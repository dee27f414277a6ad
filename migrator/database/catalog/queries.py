"""The one statement that reads the whole catalogue of a PostgreSQL database."""

from __future__ import annotations

from migrator.database.catalog.object_queries import selects
from migrator.database.own.own_tables import OWN_SCHEMA

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
