"""Reads off how Alembic copies a table into a new one, where the database cannot alter it (SQLite)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migrator.lint.ddl import Reader, Tokens, between_commas

_PREFIX = "_alembic_tmp_"
# Alembic cuts the copy's name there.
_LONGEST_NAME = 50


@dataclass(frozen=True)
class Copy:
    """The filling of a table's copy; `columns` maps each column that is copied to its name in the copy."""

    table: str
    copy: str
    columns: Mapping[str, str]


def is_copy(table: str) -> bool:
    """Whether a table is one that Alembic copies another into."""
    return table.rpartition(".")[2].startswith(_PREFIX)


def copy_name(table: str) -> str:
    """Give the name that Alembic gives to the copy of a table."""
    schema, dot, name = table.rpartition(".")
    return f"{schema}{dot}{_PREFIX}{name}"[: len(schema + dot) + _LONGEST_NAME]


def copied(tokens: Tokens) -> Copy | None:
    """Give what an INSERT of Alembic's copies; None for any other statement."""
    reader = Reader(tokens)
    if not reader.accept("INSERT", "INTO"):
        return None
    copy = reader.name()
    if not is_copy(copy) or not _accept(reader, "("):
        return None
    targets = reader.names()
    if not _accept(reader, ")") or not reader.accept("SELECT"):
        return None
    rest = tokens[reader.at :]
    at = next((at for at, token in enumerate(rest) if token.word == "FROM"), None)
    if at is None:
        return None
    table = Reader(rest[at + 1 :]).name()
    if copy_name(table) != copy:
        return None
    return Copy(table, copy, dict(zip(_sources(rest[:at]), targets, strict=False)))


def _accept(reader: Reader, symbol: str) -> bool:
    found = reader.next is not None and reader.next.text == symbol
    reader.at += found
    return found


def _sources(selected: Tokens) -> Iterator[str]:
    """Yield the column in each of the selected expressions: itself, or within a CAST."""
    for expression in between_commas(selected):
        for at in range(1, len(expression)):
            if expression[at].text == ".":
                yield Reader(expression[at - 1 :]).name().rpartition(".")[2]
                break
        else:
            yield ""
