"""What Alembic does not see of a database, as statements that make it around the tables, and take it away."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection, text

from migrator.database.catalog.definition_statements import (
    NotCreatableError,
    creation_statements,
    needed_by_tables,
    removal_statements,
)
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
    foreign = foreign_objects(catalog)
    keys = [key for key in foreign.objects if key not in base.objects]
    if connection.dialect.name == "postgresql":
        first = needed_by_tables(connection, foreign.only(keys))
        rest = [*(key for key in keys if key not in first.objects), *also]
        return CarriedObjects(
            creation_statements(connection, first),
            creation_statements(connection, rest),
            removal_statements(connection, first),
            removal_statements(connection, rest),
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
