"""Knows what the batch of revisions made itself: it is empty, and nobody uses it yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migrator.lint.ddl import (
    SqlObject,
    StatementReader,
    Tokens,
    altered_table,
    between_commas,
    dropped,
    made,
    touched,
)

_PREFIX = "_alembic_tmp_"
# Alembic cuts the copy's name there.
_LONGEST_NAME = 50


@dataclass(frozen=True)
class Copy:
    """The filling of a table's copy; `columns` maps each column that is copied to its name in the copy."""

    table: str
    copy: str
    columns: Mapping[str, str]


def is_table_copy(table: str) -> bool:
    """Whether a table is one that Alembic copies another into."""
    return table.rpartition(".")[2].startswith(_PREFIX)


def copy_name(table: str) -> str:
    """Give the name that Alembic gives to the copy of a table."""
    schema, dot, name = table.rpartition(".")
    return f"{schema}{dot}{_PREFIX}{name}"[: len(schema + dot) + _LONGEST_NAME]


def copied(tokens: Tokens) -> Copy | None:
    """Give what an INSERT of Alembic's copies; None for any other statement."""
    reader = StatementReader(tokens)
    if not reader.accept("INSERT", "INTO"):
        return None
    copy = reader.name()
    if not is_table_copy(copy) or not reader.accept("("):
        return None
    targets = reader.names()
    if not reader.accept(")", "SELECT"):
        return None
    start = reader.at
    while reader.next is not None and not reader.accept("FROM"):
        reader.at += 1
    selected, table = tokens[start : reader.at - 1], reader.name()
    if copy_name(table) != copy:
        return None
    return Copy(table, copy, dict(zip(_sources(selected), targets, strict=False)))


def _sources(selected: Tokens) -> Iterator[str]:
    """Yield the column in each of the selected expressions: itself, or within a CAST."""
    for expression in between_commas(selected):
        for at in range(1, len(expression)):
            if expression[at].text == ".":
                yield StatementReader(expression[at - 1 :]).name().rpartition(".")[2]
                break
        else:
            yield ""


class NewObjects:
    """The objects that the statements so far have made. Go through the statements in their order."""

    def __init__(self) -> None:
        """Begin with a database in which everything may hold data."""
        self._objects: set[SqlObject] = set()

    def covers(self, tokens: Tokens) -> bool:
        """Whether all that the statement touches is new, or a table that Alembic has copied."""
        copy = copied(tokens)
        if copy is not None:
            return SqlObject("TABLE", copy.table) in self._objects
        objects = touched(tokens)
        return bool(objects) and all(each in self._objects or self._copied(each) for each in objects)

    def learn(self, tokens: Tokens) -> None:
        """Take in what the statement makes, drops and renames."""
        # The copy takes the place of the table: it is as new as that one.
        self._objects.difference_update(each for each in dropped(tokens) if not self._copied(each))
        new = made(tokens)
        if new is not None and (new.kind != "INDEX" or self.covers(tokens)):
            self._objects.add(new)
        renamed = _renamed(tokens)
        if renamed is not None and renamed[0] in self._objects:
            old, changed = renamed
            self._objects.remove(old)
            # The copy holds the rows of the table whose name it takes.
            if not is_table_copy(old.name):
                self._objects.add(changed)

    def _copied(self, each: SqlObject) -> bool:
        return each.kind == "TABLE" and SqlObject("TABLE", copy_name(each.name)) in self._objects


def _renamed(tokens: Tokens) -> tuple[SqlObject, SqlObject] | None:
    table, actions = altered_table(tokens) or ("", ())
    reader = StatementReader(actions[0] if actions else ())
    if not (reader.accept("RENAME", "TO") or reader.accept("RENAME", "AS")):
        return None
    schema, dot, _ = table.rpartition(".")
    new = reader.name()
    return SqlObject("TABLE", table), SqlObject("TABLE", new if "." in new else f"{schema}{dot}{new}")
