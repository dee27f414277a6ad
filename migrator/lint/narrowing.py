"""Compares a column's type before and after: whether values may be lost, or are written again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["narrowing", "harmless", "change"]

_ALIASES = {
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "serial": "integer",
    "bigserial": "bigint",
    "smallserial": "smallint",
    "mediumint": "integer",
    "character varying": "varchar",
    "nvarchar": "varchar",
    "character": "char",
    "bpchar": "char",
    "nchar": "char",
    "decimal": "numeric",
    "double precision": "double",
    "float8": "double",
    "float4": "real",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "datetime": "timestamp",
    "longtext": "text",
    "clob": "text",
    "bool": "tinyint",
    "boolean": "tinyint",
}
_ORDERS = (
    ("tinyint", "smallint", "integer", "bigint", "numeric"),
    ("real", "double"),
    ("smallint", "integer", "bigint", "real", "double"),
    ("date", "timestamp"),
    ("date", "timestamptz"),
    ("time", "timestamp"),
    ("time", "timestamptz"),
)
# MariaDB shows them with a width, which says nothing about what they hold.
_INTEGERS = frozenset({"tinyint", "smallint", "integer", "bigint"})
_STRINGS = ("char", "varchar", "text")
_ORDERING = re.compile(r"\s+(?:collate|character set|charset)\s+(?:\"[^\"]*\"|\w+)")
_TYPE = re.compile(r"([^()\[]+)(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?([^()\[]*)(\[.*)?$")


@dataclass(frozen=True)
class _Type:
    name: str
    size: int | None
    scale: int | None


def compare(old: str, new: str) -> Verdict:
    """Say what a change of type from `old` to `new` does.

    `narrowing`: values that are there may not fit. `harmless`: none is lost and no row is rewritten, by the
    rules of PostgreSQL. `change`: anything else, types that are not known among it.
    """
    before, after = _read(old), _read(new)
    if before is None or after is None:
        return "harmless" if _plain(old) == _plain(new) else "change"
    if before == after:
        return "harmless"
    if before.name in _STRINGS and after.name in _STRINGS:
        return _strings(before, after)
    if before.name == after.name == "numeric":
        return _numerics(before, after)
    for order in _ORDERS:
        if before.name in order and after.name in order:
            return "narrowing" if order.index(after.name) < order.index(before.name) else "change"
    return "narrowing" if before.name in ("real", "double") and after.name in _ORDERS[0] else "change"


def _strings(before: _Type, after: _Type) -> Verdict:
    shorter = after.size is not None and (before.size is None or after.size < before.size)
    if shorter:
        return "narrowing"
    return "change" if "char" in (before.name, after.name) else "harmless"


def _numerics(before: _Type, after: _Type) -> Verdict:
    if after.size is None:
        return "harmless"
    if before.size is None:
        return "narrowing"
    old_scale, new_scale = before.scale or 0, after.scale or 0
    if new_scale < old_scale or after.size - new_scale < before.size - old_scale:
        return "narrowing"
    # Another scale means that each value is written again.
    return "harmless" if new_scale == old_scale else "change"


def _read(text: str) -> _Type | None:
    match = _TYPE.match(_plain(text))
    if match is None or match[5]:
        return None
    name = " ".join(filter(None, (match[1].strip(), (match[4] or "").strip())))
    name = _ALIASES.get(name, name)
    first, *more = name.split()
    if _ALIASES.get(first, first) in _INTEGERS:
        return _Type(" ".join((_ALIASES.get(first, first), *more)), None, None)
    size = int(match[2]) if match[2] else None
    if name == "char" and size is None:
        size = 1
    return _Type(name, size, int(match[3]) if match[3] else None)


def _plain(text: str) -> str:
    """Give a type in lower case, without spaces around brackets and commas, and without its collation."""
    return re.sub(r"\s*([(),])\s*", r"\1", _ORDERING.sub("", " ".join(text.lower().split())))
