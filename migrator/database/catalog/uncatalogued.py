"""What a PostgreSQL database has beyond its catalogue: told by name, compared by nobody else."""

from __future__ import annotations

from sqlalchemy import Connection, text

from migrator.database.catalog.objects import ObjectKey

_CLASSES = (
    "pg_am",
    "pg_cast",
    "pg_collation",
    "pg_conversion",
    "pg_default_acl",
    "pg_event_trigger",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_language",
    "pg_opclass",
    "pg_operator",
    "pg_opfamily",
    "pg_publication",
    "pg_transform",
    "pg_ts_config",
    "pg_ts_dict",
    "pg_ts_parser",
    "pg_ts_template",
)
_OBJECTS = " UNION ALL ".join(f"SELECT '{each}'::regclass::oid, oid, 0, '' FROM {each}" for each in _CLASSES)

# Below 16384 is what the server brought along. Rights are those that differ from what an owner has anyway.
_STATEMENT = text(
    f"""
SELECT CASE WHEN o.rights = '' THEN '' ELSE 'grants on ' END
    || pg_describe_object(o.classid, o.objid, o.subid),
    o.rights
FROM ({_OBJECTS}
    UNION ALL SELECT 'pg_type'::regclass, oid, 0, '' FROM pg_type WHERE typtype = 'b' AND typcategory <> 'A'
    UNION ALL SELECT 'pg_attrdef'::regclass, d.oid, 0, ''
        FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid WHERE c.relkind = 'v'
    UNION ALL SELECT a.classid, a.objid, a.subid,
        (SELECT string_agg(CAST(each AS text), ' ' ORDER BY CAST(each AS text)) FROM unnest(a.acl) AS each
         HAVING NOT (a.acl @> a.usual AND a.usual @> a.acl))
    FROM (
        SELECT 'pg_class'::regclass::oid, oid, 0, relacl,
            acldefault(CAST(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END AS "char"), relowner) FROM pg_class
        UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum, attacl, CAST('{{}}' AS aclitem[])
            FROM pg_attribute
        UNION ALL SELECT 'pg_proc'::regclass, oid, 0, proacl, acldefault('f', proowner) FROM pg_proc
        UNION ALL SELECT 'pg_namespace'::regclass, oid, 0, nspacl, acldefault('n', nspowner) FROM pg_namespace
        UNION ALL SELECT 'pg_type'::regclass, oid, 0, typacl, acldefault('T', typowner) FROM pg_type
    ) AS a (classid, objid, subid, acl, usual) WHERE a.acl IS NOT NULL
) AS o (classid, objid, subid, rights)
WHERE (o.objid >= 16384 OR o.classid = 'pg_namespace'::regclass) AND o.rights IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_depend m
                    WHERE m.deptype = 'e' AND m.classid = o.classid AND m.objid = o.objid)
""".replace(":", "\\:")
)


def uncatalogued(connection: Connection) -> dict[ObjectKey, str]:
    """Give what the catalogue leaves out and a revision can make, as keys and what there is to compare.

    Rights, event triggers, publications, operators, casts, base types, collations, text search objects,
    foreign servers, defaults of views' columns. Nothing on other servers than PostgreSQL.
    """
    if connection.dialect.name != "postgresql":
        return {}
    began = not connection.in_transaction()
    found = {}
    for described, rights in connection.execute(_STATEMENT):
        kind, _, name = str(described).partition(" ")
        found[kind, name] = str(rights)
    if began:
        connection.rollback()
    return found
