"""migrator's own rules: what loses data or breaks clients, in the SQL of any database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from migrator.lint.ddl import StatementReader, Tokens, altered_table, dropped, emptied
from migrator.lint.new_objects import Copy, copied

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
    if after.size is not None and (before.size is None or after.size < before.size):
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


_DROPS = {
    "TABLE": "ban-drop-table",
    "TYPE": "ban-drop-type",
    "SCHEMA": "ban-drop-schema",
    "DATABASE": "ban-drop-database",
}
# Words after DROP or ALTER in an ALTER TABLE that do not name a column.
_NO_COLUMN = frozenset(
    {"CONSTRAINT", "INDEX", "KEY", "PRIMARY", "FOREIGN", "CHECK", "PARTITION", "PERIOD", "SYSTEM", "UNIQUE"}
)
# After ALTER COLUMN these are no type; elsewhere than in SQL Server's dialect a type comes after TYPE only.
_NO_TYPE = frozenset({"SET", "DROP", "ADD", "RESET", "RESTART", "TYPE"})
_AFTER_TYPE = frozenset(
    {"USING", "COLLATE", "NOT", "NULL", "DEFAULT", "COMMENT", "AUTO_INCREMENT", "FIRST", "AFTER", "CHARACTER"}
)
TYPE_CHANGES = frozenset({"changing-column-type", "narrowing"})


def own_rules(tokens: Tokens, old_types: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of the rules that the statement breaks, which may be one more than once.

    `old_types` maps `table.column` to the type before the statement; where Alembic copies a table, of both
    tables. A change of type that is known to be harmless breaks no rule.
    """
    for each in dropped(tokens):
        if each.kind in _DROPS:
            yield _DROPS[each.kind]
    if emptied(tokens):
        yield _emptying(tokens)
    if [token.word for token in tokens[:2]] == ["RENAME", "TABLE"]:
        yield "renaming-table"
    if copy := copied(tokens):
        yield from _of_copy(copy, old_types)
    table, actions = altered_table(tokens) or ("", ())
    for action in actions:
        yield from _of_action(action, table, old_types)


def ends_transaction(tokens: Tokens) -> bool:
    """Whether the statement begins or ends a transaction by hand; savepoints do neither."""
    words = [token.word for token in tokens]
    if words[0] in ("BEGIN", "COMMIT", "END", "ABORT") or words[:2] == ["START", "TRANSACTION"]:
        return True
    return words[0] == "ROLLBACK" and "TO" not in words


def changes_type(action: Tokens) -> bool:
    """Whether an action of an ALTER TABLE gives a column a type."""
    return _changed_type(StatementReader(action)) is not None


def _emptying(tokens: Tokens) -> str:
    if tokens[0].word != "TRUNCATE":
        return "delete-without-where"
    return "ban-truncate-cascade" if tokens[-1].word == "CASCADE" else "truncate"


def _of_action(action: Tokens, table: str, old_types: Mapping[str, str]) -> Iterator[str]:
    reader = StatementReader(action)
    if reader.accept("DROP"):
        if reader.accept("COLUMN") or reader.word() not in _NO_COLUMN:
            yield "ban-drop-column"
    elif reader.accept("RENAME"):
        yield from _renaming(reader)
    elif change := _changed_type(reader):
        column, name, new = change
        if name != column:
            yield "renaming-column"
        yield from _retyped(old_types.get(f"{table}.{column}"), new)


def _of_copy(copy: Copy, types: Mapping[str, str]) -> Iterator[str]:
    for key, old in types.items():
        table, _dot, column = key.rpartition(".")
        if table != copy.table:
            continue
        name = copy.columns.get(column)
        if name is None:
            yield "ban-drop-column"
            continue
        if name != column:
            yield "renaming-column"
        yield from _retyped(old, types.get(f"{copy.copy}.{name}", old))


def _retyped(old: str | None, new: str) -> Iterator[str]:
    verdict = "change" if old is None else compare(old, new)
    if verdict != "harmless":
        yield "narrowing" if verdict == "narrowing" else "changing-column-type"


def _renaming(reader: StatementReader) -> Iterator[str]:
    if reader.accept("TO") or reader.accept("AS"):
        yield "renaming-table"
    elif reader.accept("COLUMN") or reader.word() not in _NO_COLUMN:
        yield "renaming-column"


def _changed_type(reader: StatementReader) -> tuple[str, str, str] | None:
    """Give the column whose type an action changes, its name after that, and the new type."""
    if reader.accept("ALTER"):
        if not reader.accept("COLUMN") and reader.word() in _NO_COLUMN:
            return None
        column = reader.name()
        reader.accept("SET", "DATA")
        if not reader.accept("TYPE") and (reader.word() in _NO_TYPE or not reader.word()):
            return None
        return column, column, _type(reader)
    changes = reader.accept("CHANGE")
    if not changes and not reader.accept("MODIFY"):
        return None
    reader.accept("COLUMN")
    column = reader.name()
    name = reader.name() if changes else column
    return column, name, _type(reader)


def _type(reader: StatementReader) -> str:
    words: list[str] = []
    for token in reader.tokens[reader.at :]:
        # CHARACTER VARYING is a type, CHARACTER SET comes after one.
        if token.word in _AFTER_TYPE and (words or token.word != "CHARACTER"):
            break
        words.append(token.text)
    return " ".join(words)
