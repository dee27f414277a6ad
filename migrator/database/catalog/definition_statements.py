"""The SQL that makes objects of a PostgreSQL database anew, in an order that works."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from sqlalchemy import Connection, text

from migrator.database.catalog.objects import ObjectKey
from migrator.database.catalog.reading import Row, read_rows
from migrator.errors import RefusedError

# Among objects that do not need each other, this is the order.
_RANKS = (
    "schema",
    "extension",
    "enum",
    "composite type",
    "range type",
    "domain",
    "sequence",
    "function",
    "aggregate",
    "view",
    "materialized view",
    "index",
    "statistics",
    "rule",
    "trigger",
    "row security",
    "policy",
)
# What PostgreSQL gives as a whole statement.
_WHOLE = frozenset({"function", "index", "statistics", "rule", "trigger"})

_Address = tuple[int, int]
_Needs = Mapping[_Address, set[_Address]]

# Views, defaults, constraints, table rows and arrays have addresses of their own in pg_depend: they stand for
# the view, the table and the element here.
_DEPENDENCIES = text("""
WITH stands_for AS MATERIALIZED (
    SELECT 'pg_rewrite'::regclass::oid AS classid, oid AS objid, 'pg_class'::regclass::oid AS forclass,
        ev_class AS forid
    FROM pg_rewrite WHERE rulename = '_RETURN' AND oid >= 16384
    UNION ALL SELECT 'pg_attrdef'::regclass, oid, 'pg_class'::regclass, adrelid FROM pg_attrdef
        WHERE oid >= 16384
    UNION ALL SELECT 'pg_constraint'::regclass, oid, 'pg_class'::regclass, conrelid FROM pg_constraint
        WHERE conrelid <> 0 AND oid >= 16384
    UNION ALL SELECT 'pg_constraint'::regclass, oid, 'pg_type'::regclass, contypid FROM pg_constraint
        WHERE contypid <> 0 AND oid >= 16384
    UNION ALL SELECT 'pg_type'::regclass, t.oid, 'pg_class'::regclass, c.oid
        FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid WHERE c.relkind <> 'c' AND t.oid >= 16384
    UNION ALL SELECT 'pg_type'::regclass, t.oid, 'pg_class'::regclass, c.oid
        FROM pg_type t JOIN pg_type e ON e.oid = t.typelem JOIN pg_class c ON c.oid = e.typrelid
        WHERE c.relkind <> 'c' AND t.oid >= 16384 AND e.typarray = t.oid
    UNION ALL SELECT 'pg_type'::regclass, t.oid, 'pg_type'::regclass, e.oid
        FROM pg_type t JOIN pg_type e ON e.typarray = t.oid LEFT JOIN pg_class c ON c.oid = e.typrelid
        WHERE t.oid >= 16384 AND COALESCE(c.relkind, 'c') = 'c'
    UNION ALL SELECT 'pg_class'::regclass, c.oid, 'pg_type'::regclass, c.reltype FROM pg_class c
        WHERE c.relkind = 'c' AND c.oid >= 16384
)
SELECT DISTINCT CAST(COALESCE(s.forclass, d.classid) AS bigint), CAST(COALESCE(s.forid, d.objid) AS bigint),
    CAST(COALESCE(r.forclass, d.refclassid) AS bigint), CAST(COALESCE(r.forid, d.refobjid) AS bigint)
FROM pg_depend d
LEFT JOIN stands_for s ON s.classid = d.classid AND s.objid = d.objid
LEFT JOIN stands_for r ON r.classid = d.refclassid AND r.objid = d.refobjid
WHERE d.refobjid >= 2200 AND d.objid >= 16384
""")


class NotCreatableError(RefusedError):
    """An object cannot be written as a statement."""

    def __init__(self, kind: str, name: str, why: str = "") -> None:
        super().__init__(
            f"The {kind} {name} cannot be written as a statement{f': {why}' if why else ''}.",
            hint="Write it into the revision by hand.",
        )
        self.kind, self.name = kind, name


class Definitions:
    """What the objects of a PostgreSQL database are and need, as it was when this was made.

    Objects are chosen by their keys. Raises NotCreatableError for a kind that is not made by itself (tables,
    columns, constraints, partitions), for an object that the database does not have, and for objects that
    need each other in a circle.
    """

    def __init__(self, connection: Connection) -> None:
        self._rows = {row.key: row for row in read_rows(connection)}
        self._needs = _read_needs(connection)

    def creation(self, keys: Collection[ObjectKey]) -> tuple[str, ...]:
        """Give the SQL that makes these objects anew, each after those that it needs.

        What they need besides (tables above all) must be there. Every name is written with its schema. The
        statements have no parameters: a colon or a percent sign in them means itself.
        """
        ordered = list(self._ordered(keys))
        statements = [statement for row in ordered for statement in _statements(row)]
        if any(row.kind in ("function", "aggregate") for row in ordered):
            # A body may name what is made later; PostgreSQL knows nothing of such needs.
            statements.insert(0, "SET LOCAL check_function_bodies = off")
        return (*statements, *self._comments(name for kind, name in keys if kind == "comment"))

    def removal(self, keys: Collection[ObjectKey]) -> tuple[str, ...]:
        """Give the SQL that takes these objects away, each before those that it needs.

        Row security is left on: it goes with its table.
        """
        ordered = list(self._ordered(keys))
        return tuple(f"DROP {row.target}" for row in reversed(ordered) if row.kind != "row security")

    def needed_by_tables(self, keys: Collection[ObjectKey]) -> list[ObjectKey]:
        """Give those of these objects that must be there before the tables can be made, with their comments.

        Types of columns, functions in defaults, checks and indexes, sequences in defaults, schemas,
        extensions, and what these need themselves.
        """
        rows = self._rows.values()
        roots = [row.address for row in rows if row.kind in ("table", "index") and row.seen]
        reached = _reached(roots, self._needs)
        kept = {row.key for row in rows if row.address in reached or row.kind in ("schema", "extension")}
        kept |= {("comment", f"{kind} {name}") for kind, name in kept.intersection(keys)}
        return [key for key in keys if key in kept]

    def _ordered(self, keys: Collection[ObjectKey]) -> Iterator[Row]:
        rows = [self._creatable(key) for key in keys if key[0] != "comment"]
        chosen = {row.address: row for row in rows}
        # Tables are there, so what they need is as well.
        ends = {*chosen, *(row.address for row in self._rows.values() if row.kind == "table")}
        sorter = TopologicalSorter(
            {at: (_reached([at], self._needs, ends) & chosen.keys()) - {at} for at in chosen}
        )
        try:
            sorter.prepare()
        except CycleError as exc:
            row = chosen[exc.args[1][0]]
            raise NotCreatableError(*row.key, "it needs itself, through others") from exc
        while sorter.is_active():
            ready = sorter.get_ready()
            yield from sorted((chosen[at] for at in ready), key=lambda row: (_RANKS.index(row.kind), row.key))
            sorter.done(*ready)

    def _creatable(self, key: ObjectKey) -> Row:
        row = self._rows.get(key)
        if row is None:
            raise NotCreatableError(*key, "the database does not have it")
        if row.kind not in _RANKS:
            raise NotCreatableError(*key)
        return row

    def _comments(self, names: Iterable[str]) -> Iterator[str]:
        commented = {f"{row.kind} {row.key[1]}": row for row in self._rows.values()}
        for name in names:
            row = commented.get(name)
            if row is None or row.comment is None:
                raise NotCreatableError("comment", name, "the database does not have it")
            escaped = row.comment.replace("'", "''")
            yield f"COMMENT ON {row.target} IS '{escaped}'"


def _read_needs(connection: Connection) -> _Needs:
    began = not connection.in_transaction()
    found = defaultdict[_Address, set[_Address]](set)
    for classid, objid, needed_class, needed in connection.execute(_DEPENDENCIES):
        if (classid, objid) != (needed_class, needed):
            found[classid, objid].add((needed_class, needed))
    if began:
        connection.rollback()
    return found


def _reached(start: Iterable[_Address], needs: _Needs, ends: Collection[_Address] = ()) -> set[_Address]:
    """Give what the start needs, and what that needs, and so on; what `ends` need is not looked at."""
    waiting, reached = list(start), set[_Address]()
    while waiting:
        for needed in needs.get(waiting.pop(), set()) - reached:
            reached.add(needed)
            if needed not in ends:
                waiting.append(needed)
    return reached


def _statements(row: Row) -> Iterator[str]:
    definition = row.definition or ""
    if row.kind == "row security":
        yield from (f"ALTER {row.target} {part}" for part in definition.split(", "))
    elif row.kind == "aggregate" and not definition.startswith("("):
        raise NotCreatableError(*row.key, "its arguments have an order")
    elif row.kind == "domain" and " NOT VALID" in definition:
        raise NotCreatableError(*row.key, "one of its checks is not valid")
    elif row.kind == "index" and ("INVALID" in definition or "attached to" in definition):
        raise NotCreatableError(*row.key)
    elif row.kind == "sequence" and "IDENTITY OF" in definition:
        raise NotCreatableError(*row.key, "it is part of its column")
    elif row.kind in _WHOLE:
        yield definition.strip()
    else:
        missing = "IF NOT EXISTS " if row.kind in ("schema", "extension") else ""
        what, _, name = row.target.partition(" ")
        yield f"CREATE {what} {missing}{name} {definition}".rstrip()
    if row.after:
        yield row.after
