"""The SQL for enum types, and how a file creates them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal

from alembic.autogenerate.api import AutogenContext
from sqlalchemy import ARRAY, Enum
from sqlalchemy.dialects.postgresql import ENUM

from migrator.bridge.autogenerate.enums.enum_types import EnumType, EnumUse, enum_key, enum_of
from migrator.bridge.autogenerate.sql_text import TableKey, identifier, literal, table_sql
from migrator.bridge.env_py.configure_options import write_types_with

_LONGEST_NAME = 63
# The defaults of columns before and after a change.
UseDefaults = Mapping[EnumUse, tuple[str | None, str | None]]


def says(text: str, labels: Iterable[str]) -> bool:
    """Whether SQL names one of these values."""
    return any(literal(label) in text for label in labels)


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


def rebuild(enum: EnumType, defaults: UseDefaults, labels: Sequence[str]) -> list[str]:
    """Give the statements that put a new type, with other values, in the place of an old one.

    A row with a value that is gone makes it fail.
    """
    type_ = table_sql(*enum.key)
    old = f"{enum.name[: _LONGEST_NAME - 5]}__old"
    return [
        f"ALTER TYPE {type_} RENAME TO {identifier(old)}",
        create_type(*enum.key, labels),
        *(each.drop for each in enum.hanging),
        *_columns(enum, defaults, type_),
        *(each.make for each in enum.hanging),
        drop_type(enum.schema, old),
    ]


def _columns(enum: EnumType, defaults: UseDefaults, type_: str) -> Iterator[str]:
    for table, uses in groupby(enum.uses, key=lambda use: use.where):
        parts: list[str] = []
        for use in uses:
            target, through = (f"{type_}[]", "text[]") if use.array else (type_, "text")
            parts += retyping(use.column, target, *defaults[use], through)
        yield f"ALTER TABLE {table_sql(*table)} {', '.join(parts)}"


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


def write_types(autogen: AutogenContext, there: set[TableKey]) -> None:
    """Write the types that are `there` before a table is created so that creating it leaves them alone."""
    # The context's own options: whoever compares after this does it in a context of their own.
    write_types_with(autogen.migration_context.opts, lambda item, context: _rendered(item, context, there))


def _rendered(item: Any, context: AutogenContext, there: set[TableKey]) -> str | Literal[False]:
    enum = enum_of(item, context.dialect)
    if enum is None:
        return False
    if isinstance(item, ARRAY):
        return _array(item, context, there)
    if enum_key(enum, context.dialect.default_schema_name) not in there:
        return False
    context.imports.add("from sqlalchemy.dialects import postgresql")
    schema = f", schema={str(enum.schema)!r}" if enum.schema else ""
    labels = "".join(f"{label!r}, " for label in enum.enums)
    return f"postgresql.ENUM({labels}name={str(enum.name)!r}{schema}, create_type=False)"


def _array(item: ARRAY[Any], context: AutogenContext, there: set[TableKey]) -> str | Literal[False]:
    """Alembic finds the type of an array's items with a pattern, which odd values break."""
    inner = _rendered(item.item_type, context, there)
    if inner is False:
        if type(item.item_type) not in (Enum, ENUM):
            return False
        inner = f"{_module(item.item_type, context)}.{item.item_type!r}"
    dimensions = f", dimensions={item.dimensions}" if item.dimensions else ""
    return f"{_module(item, context)}.ARRAY({inner}{dimensions})"


def _module(item: Any, context: AutogenContext) -> str:
    if type(item).__module__.startswith("sqlalchemy.dialects"):
        context.imports.add("from sqlalchemy.dialects import postgresql")
        return "postgresql"
    return "sa"
