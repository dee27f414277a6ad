"""What Alembic does not see of a database, as statements that make it around the tables, and take it away.

Also what one revision in the place of many would lose: rows, and what is in no catalogue.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection, text

from migrator.database.catalog.definition_statements import Definitions, NotCreatableError
from migrator.database.catalog.inspected import SQLITE_SQL
from migrator.database.catalog.objects import Catalog, ObjectKey, foreign_objects
from migrator.database.catalog.reading import read_rows


@dataclass(frozen=True)
class CarriedObjects:
    """Statements before the tables are made and after that, and those that undo both, in their own order.

    `indexes` are the names of those that these statements make in Alembic's place.
    """

    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    undo_first: tuple[str, ...] = ()
    undo_last: tuple[str, ...] = ()
    indexes: frozenset[str] = frozenset()


def carried_over(
    connection: Connection, base: Catalog, catalog: Catalog, also: Collection[ObjectKey] = ()
) -> CarriedObjects:
    """Give what makes the objects of a database that Alembic does not see, less those of `base`.

    That is the catalogue of an empty database. `also` are keys of objects that Alembic sees and yet does not
    make, or makes otherwise, such as an index of an unusual kind.
    Raises NotCreatableError for what cannot be written as a statement.
    """
    keys = [key for key in foreign_objects(catalog) if key not in base.objects]
    if connection.dialect.name == "postgresql":
        definitions = Definitions(connection)
        first = definitions.needed_by_tables(keys)
        rest = [*(key for key in keys if key not in first), *also]
        return CarriedObjects(
            definitions.creation(first),
            definitions.creation(rest),
            definitions.removal(first),
            definitions.removal(rest),
            _indexes(also),
        )
    wanted = {*keys, *also}
    if connection.dialect.name == "sqlite":
        return replace(_in_sqlite(connection, wanted), indexes=_indexes(also))
    for key in sorted(wanted):
        raise NotCreatableError(*key, "on this kind of server that is not known")
    return CarriedObjects()


def _indexes(keys: Collection[ObjectKey]) -> frozenset[str]:
    return frozenset(name.rpartition(" on ")[0] for kind, name in keys if kind == "index")


def _in_sqlite(connection: Connection, wanted: Collection[ObjectKey]) -> CarriedObjects:
    made, undo = [], []
    left = set(wanted)
    for kind, name, table, sql in connection.execute(SQLITE_SQL):
        key = (kind, name if kind == "view" else f"{name} on {table}")
        if key in wanted:
            left.discard(key)
            made.append(sql)
            if kind == "view":
                quoted = name.replace('"', '""')
                undo.append(f'DROP VIEW "{quoted}"')
    for key in sorted(left):
        raise NotCreatableError(*key)
    return CarriedObjects(last=tuple(made), undo_last=tuple(reversed(undo)))


def filled_tables(connection: Connection, catalog: Catalog) -> dict[str, int]:
    """Give the tables of a catalogue that hold rows, with how many, 1,000 standing for any larger number."""
    questions = []
    for name, target in _tables(connection, catalog):
        literal = name.replace("'", "''")
        questions.append(f"SELECT '{literal}', count(*) FROM (SELECT 1 FROM {target} LIMIT 1000) AS q")
    found: dict[str, int] = {}
    # SQLite takes at most 500 at once.
    for at in range(0, len(questions), 400):
        together = " UNION ALL ".join(questions[at : at + 400])
        # A colon in a name is no parameter.
        rows = connection.execute(text(together.replace(":", "\\:")))
        found.update((str(name), int(count)) for name, count in rows if count)
    return found


def _tables(connection: Connection, catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Give the tables with rows of their own, each with how a statement names it."""
    if connection.dialect.name == "postgresql":
        for row in read_rows(connection):
            if row.kind == "table" and row.key in catalog.objects and row.target.startswith("TABLE "):
                yield row.key[1], row.target.removeprefix("TABLE ")
        return
    quote = connection.dialect.identifier_preparer.quote
    for kind, name in catalog.objects:
        if kind == "table":
            whole = connection.dialect.name == "sqlite"
            yield name, quote(name) if whole else ".".join(quote(part) for part in name.split(".", 1))


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
_UNCATALOGUED = text(
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
    for described, rights in connection.execute(_UNCATALOGUED):
        kind, _, name = str(described).partition(" ")
        found[kind, name] = str(rights)
    if began:
        connection.rollback()
    return found
