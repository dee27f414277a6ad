"""SQL for PostgreSQL's objects other than tables: see `table_queries` for what each SELECT gives."""

from __future__ import annotations

EXTENSIONS = """
SELECT 'schema', 'pg_namespace'::regclass::oid, n.oid, 0, CAST(NULL AS name), CAST(NULL AS name), n.nspname,
    format('SCHEMA %I', n.nspname), '', NULL, n.nspname = 'public'
FROM ns n WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_namespace'::regclass
    AND m.objid = n.oid)
UNION ALL
SELECT 'extension', 'pg_extension'::regclass::oid, e.oid, 0, NULL, NULL, e.extname,
    format('EXTENSION %I', e.extname), format('WITH SCHEMA %I', n.nspname), NULL, false
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
-- Below this number is what every new database has.
WHERE e.oid >= 16384
"""

SEQUENCES = """
SELECT 'sequence', 'pg_class'::regclass::oid, r.oid, 0, r.nspname, o.relname, r.relname,
    'SEQUENCE ' || r.quoted,
    concat_ws(' ', 'AS ' || format_type(s.seqtypid, NULL), 'INCREMENT BY ' || s.seqincrement,
        'MINVALUE ' || s.seqmin, 'MAXVALUE ' || s.seqmax, 'START WITH ' || s.seqstart, 'CACHE ' || s.seqcache,
        CASE WHEN s.seqcycle THEN 'CYCLE' END,
        CASE d.deptype WHEN 'a' THEN 'OWNED BY ' WHEN 'i' THEN 'IDENTITY OF ' END
            || o.quoted || '.' || quote_ident(a.attname)),
    CASE WHEN r.relpersistence = 'u' THEN format('ALTER SEQUENCE %s SET UNLOGGED', r.quoted) END,
    d.objid IS NOT NULL
FROM rel r JOIN pg_sequence s ON s.seqrelid = r.oid
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = r.oid
    AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
LEFT JOIN rel o ON o.oid = d.refobjid
LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
"""

# {multirange}: what only newer servers have.
TYPES = """
SELECT 'enum', 'pg_type'::regclass::oid, t.oid, 0, t.nspname, NULL, t.typname, 'TYPE ' || t.quoted,
    'AS ENUM (' || COALESCE((SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                             FROM pg_enum e WHERE e.enumtypid = t.oid), '') || ')', NULL,
    t.oid IN (SELECT h.atttypid FROM held h) OR t.typarray IN (SELECT h.atttypid FROM held h)
FROM typ t WHERE t.typtype = 'e'
UNION ALL
SELECT 'domain', 'pg_type'::regclass::oid, t.oid, 0, t.nspname, NULL, t.typname, 'DOMAIN ' || t.quoted,
    concat_ws(' ', 'AS ' || format_type(t.typbasetype, t.typtypmod),
        'COLLATE ' || CASE WHEN t.typcollation <> b.typcollation THEN
            (SELECT y.quoted FROM coll y WHERE y.oid = t.typcollation) END,
        'DEFAULT ' || COALESCE(pg_get_expr(t.typdefaultbin, 0), quote_literal(t.typdefault)),
        CASE WHEN t.typnotnull THEN 'NOT NULL' END,
        (SELECT string_agg(format('CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)), ' '
                           ORDER BY k.conname)
         FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c')), NULL, false
FROM typ t JOIN pg_type b ON b.oid = t.typbasetype WHERE t.typtype = 'd'
UNION ALL
SELECT 'composite type', 'pg_type'::regclass::oid, t.oid, 0, t.nspname, NULL, t.typname, 'TYPE ' || t.quoted,
    'AS (' || COALESCE((
        SELECT string_agg(concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
            'COLLATE ' || CASE WHEN a.attcollation <> b.typcollation THEN
                (SELECT y.quoted FROM coll y WHERE y.oid = a.attcollation) END), ', ' ORDER BY a.attnum)
        FROM pg_attribute a JOIN pg_type b ON b.oid = a.atttypid
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '') || ')', NULL, false
FROM typ t JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
UNION ALL
SELECT 'range type', 'pg_type'::regclass::oid, t.oid, 0, t.nspname, NULL, t.typname, 'TYPE ' || t.quoted,
    'AS RANGE (' || concat_ws(', ', 'subtype = ' || format_type(g.rngsubtype, NULL),
        {multirange}
        'subtype_opclass = ' || CASE WHEN NOT o.opcdefault THEN format('%I.%I', n.nspname, o.opcname) END,
        'collation = ' || CASE WHEN g.rngcollation <> b.typcollation THEN
            (SELECT y.quoted FROM coll y WHERE y.oid = g.rngcollation) END,
        'canonical = ' || CASE WHEN g.rngcanonical <> 0 THEN CAST(g.rngcanonical AS text) END,
        'subtype_diff = ' || CASE WHEN g.rngsubdiff <> 0 THEN CAST(g.rngsubdiff AS text) END) || ')', NULL,
            false
FROM typ t JOIN pg_range g ON g.rngtypid = t.oid JOIN pg_type b ON b.oid = g.rngsubtype
JOIN pg_opclass o ON o.oid = g.rngsubopc JOIN pg_namespace n ON n.oid = o.opcnamespace
"""

FUNCTIONS = """
SELECT 'function', 'pg_proc'::regclass::oid, f.oid, 0, f.nspname, NULL, f.signature,
    CASE f.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END || f.quoted,
    pg_get_functiondef(f.oid), NULL, false
FROM fun f WHERE f.prokind <> 'a'
UNION ALL
SELECT 'aggregate', 'pg_proc'::regclass::oid, f.oid, 0, f.nspname, NULL, f.signature,
    'AGGREGATE ' || f.quoted,
    concat_ws(' ', CASE g.aggkind WHEN 'o' THEN 'ordered-set' WHEN 'h' THEN 'hypothetical-set' END,
        '(' || concat_ws(', ', 'SFUNC = ' || CAST(g.aggtransfn AS text),
            'STYPE = ' || format_type(g.aggtranstype, NULL), 'SSPACE = ' || NULLIF(g.aggtransspace, 0),
            'FINALFUNC = ' || CASE WHEN g.aggfinalfn <> 0 THEN CAST(g.aggfinalfn AS text) END,
            CASE WHEN g.aggfinalextra THEN 'FINALFUNC_EXTRA' END,
            'COMBINEFUNC = ' || CASE WHEN g.aggcombinefn <> 0 THEN CAST(g.aggcombinefn AS text) END,
            'SERIALFUNC = ' || CASE WHEN g.aggserialfn <> 0 THEN CAST(g.aggserialfn AS text) END,
            'DESERIALFUNC = ' || CASE WHEN g.aggdeserialfn <> 0 THEN CAST(g.aggdeserialfn AS text) END,
            'INITCOND = ' || quote_literal(g.agginitval),
            'MSFUNC = ' || CASE WHEN g.aggmtransfn <> 0 THEN CAST(g.aggmtransfn AS text) END,
            'MINVFUNC = ' || CASE WHEN g.aggminvtransfn <> 0 THEN CAST(g.aggminvtransfn AS text) END,
            'MSTYPE = ' || CASE WHEN g.aggmtranstype <> 0 THEN format_type(g.aggmtranstype, NULL) END,
            'MFINALFUNC = ' || CASE WHEN g.aggmfinalfn <> 0 THEN CAST(g.aggmfinalfn AS text) END,
            'MINITCOND = ' || quote_literal(g.aggminitval),
            'SORTOP = ' || (SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname) FROM pg_operator o
                            JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE o.oid = g.aggsortop),
            'PARALLEL = ' || CASE f.proparallel WHEN 's' THEN 'SAFE' WHEN 'r' THEN 'RESTRICTED' END) || ')'),
    NULL, false
FROM fun f JOIN pg_aggregate g ON g.aggfnoid = f.oid WHERE f.prokind = 'a'
"""

VIEWS = """
SELECT CASE r.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END, 'pg_class'::regclass::oid, r.oid, 0,
    r.nspname, NULL, r.relname, CASE r.relkind WHEN 'v' THEN 'VIEW '
        ELSE 'MATERIALIZED VIEW ' END || r.quoted,
    concat_ws(' ',
        'USING ' || (SELECT quote_ident(m.amname) FROM pg_am m
                     WHERE m.oid = r.relam AND m.amname <> 'heap' AND r.relkind = 'm'),
        'WITH (' || array_to_string(r.reloptions, ', ') || ')',
        'AS ' || rtrim(ltrim(pg_get_viewdef(r.oid)), ';')), NULL, false
FROM rel r WHERE r.relkind IN ('v', 'm')
"""
