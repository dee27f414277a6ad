"""How alike columns and tables are: what may be a rename."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Column, Table
from sqlalchemy.engine import Dialect

from migrator.bridge.autogenerate.sql_text import type_texts

_INTEGERS = ("SMALLINT", "INTEGER", "BIGINT")
# Of the columns of two tables, how many must be alike for one to be taken for the other under a new name.
_ALIKE = 0.8


def compatible(old: Column[Any], new: Column[Any], dialect: Dialect) -> bool:
    """Whether a column may be another one renamed: as nullable, and of a type as wide or wider."""
    return old.nullable == new.nullable and _widens(_type(old, dialect), _type(new, dialect))


def similarity(old: Table, new: Table, dialect: Dialect) -> bool:
    """Whether two tables share four fifths of their columns, by name and type."""
    ours, theirs = ({(column.name, _type(column, dialect)) for column in table.c} for table in (old, new))
    together = len(ours) + len(theirs)
    return together > 0 and 2 * len(ours & theirs) / together >= _ALIKE


def _type(column: Column[Any], dialect: Dialect) -> str:
    return type_texts(None, column.type, dialect)[1].upper()


def _widens(old: str, new: str) -> bool:
    if old == new:
        return True
    if old in _INTEGERS and new in _INTEGERS:
        return _INTEGERS.index(old) <= _INTEGERS.index(new)
    old_kind, old_sizes = _sizes(old)
    new_kind, new_sizes = _sizes(new)
    if old_kind == "VARCHAR" and new_kind in ("VARCHAR", "TEXT"):
        return not new_sizes or (bool(old_sizes) and old_sizes <= new_sizes)
    if old_kind == new_kind == "NUMERIC" and len(old_sizes) == len(new_sizes) == 2:
        return old_sizes[1] == new_sizes[1] and old_sizes[0] <= new_sizes[0]
    return old_kind == new_kind == "NUMERIC" and not new_sizes


def _sizes(text: str) -> tuple[str, tuple[int, ...]]:
    kind, _, rest = text.partition("(")
    return kind.strip(), tuple(int(size) for size in re.findall(r"\d+", rest))
