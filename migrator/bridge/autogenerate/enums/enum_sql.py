"""The SQL that makes and changes enum types, and the columns that use them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from migrator.bridge.autogenerate.enums.enum_types import EnumDependent, Use
from migrator.bridge.autogenerate.quoting import identifier, literal, table_sql

_LONGEST_NAME = 63


@dataclass(frozen=True)
class Rebuild:
    """A type with the columns that have it, their defaults before and after, and what names the type."""

    schema: str | None
    name: str
    uses: tuple[Use, ...]
    defaults: Mapping[Use, tuple[str | None, str | None]]
    hanging: tuple[EnumDependent, ...]


def create_type(schema: str | None, name: str, labels: Sequence[str]) -> str:
    """Give CREATE TYPE."""
    return f"CREATE TYPE {table_sql(schema, name)} AS ENUM ({', '.join(map(literal, labels))})"


def drop_type(schema: str | None, name: str) -> str:
    """Give DROP TYPE."""
    return f"DROP TYPE {table_sql(schema, name)}"


def rename_values(schema: str | None, name: str, values: Iterable[tuple[str, str]]) -> list[str]:
    """Give a RENAME VALUE for each pair of an old and a new value."""
    type_ = table_sql(schema, name)
    return [f"ALTER TYPE {type_} RENAME VALUE {literal(old)} TO {literal(new)}" for old, new in values]


def add_values(schema: str | None, name: str, before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Give an ADD VALUE for each value that is new, at its place; the others must be in their old order."""
    type_, there = table_sql(schema, name), list(before)
    found = []
    for index, label in enumerate(after):
        if label in there:
            continue
        if index:
            place = "" if there[-1] == after[index - 1] else f" AFTER {literal(after[index - 1])}"
        else:
            place = f" BEFORE {literal(there[0])}" if there else ""
        found.append(f"ALTER TYPE {type_} ADD VALUE {literal(label)}{place}")
        there.insert(index, label)
    return found


def rebuild(what: Rebuild, labels: Sequence[str], *, back: bool = False) -> list[str]:
    """Give the statements that put a new type, with other values, in the place of an old one.

    With `back` the defaults go back to what they were. A row with a value that is gone makes it fail.
    """
    type_ = table_sql(what.schema, what.name)
    old = f"{what.name[: _LONGEST_NAME - 5]}__old"
    return [
        f"ALTER TYPE {type_} RENAME TO {identifier(old)}",
        create_type(what.schema, what.name, labels),
        *(each.drop for each in what.hanging),
        *_columns(what, type_, back=back),
        *(each.make for each in what.hanging),
        drop_type(what.schema, old),
    ]


def _columns(what: Rebuild, type_: str, *, back: bool) -> Iterator[str]:
    for (schema, table), uses in groupby(what.uses, key=lambda use: (use.schema, use.table)):
        parts: list[str] = []
        for use in uses:
            before, after = what.defaults[use][::-1] if back else what.defaults[use]
            target = f"{type_}[]" if use.array else type_
            parts += retyping(use.column, target, before, after, "text[]" if use.array else "text")
        yield f"ALTER TABLE {table_sql(schema, table)} {', '.join(parts)}"


def retyping(
    column: str, type_: str, before: str | None, after: str | None, through: str | None
) -> list[str]:
    """Give the clauses of an ALTER TABLE that change a column's type, with its default before and after."""
    name = identifier(column)
    cast = f"{name}::{through}::{type_}" if through else f"{name}::{type_}"
    return [
        *([f"ALTER COLUMN {name} DROP DEFAULT"] if before is not None else []),
        f"ALTER COLUMN {name} TYPE {type_} USING {cast}",
        *([f"ALTER COLUMN {name} SET DEFAULT {after}"] if after is not None else []),
    ]
