"""Knows what the batch of revisions made itself: it is empty, and nobody uses it yet."""

from __future__ import annotations

from migrator.lint.ddl import Object, Reader, Tokens, altered_table, dropped, made, touched
from migrator.lint.table_copies import copied, copy_name, is_copy


class Fresh:
    """The objects that the statements so far have made. Go through the statements in their order."""

    def __init__(self) -> None:
        """Begin with a database in which everything may hold data."""
        self._objects: set[Object] = set()

    def covers(self, tokens: Tokens) -> bool:
        """Whether all that the statement touches is new, or a table that Alembic has copied."""
        copy = copied(tokens)
        if copy is not None:
            return Object("TABLE", copy.table) in self._objects
        objects = touched(tokens)
        return bool(objects) and all(each in self._objects or self._copied(each) for each in objects)

    def learn(self, tokens: Tokens) -> None:
        """Take in what the statement makes, drops and renames."""
        # The copy takes the place of the table: it is as new as that one.
        self._objects.difference_update(each for each in dropped(tokens) if not self._copied(each))
        new = made(tokens)
        if new is not None and (new.kind != "INDEX" or self.covers(tokens)):
            self._objects.add(new)
        if renamed := _renamed(tokens):
            self._rename(*renamed)

    def _copied(self, each: Object) -> bool:
        return each.kind == "TABLE" and Object("TABLE", copy_name(each.name)) in self._objects

    def _rename(self, old: Object, new: Object) -> None:
        if old not in self._objects:
            return
        self._objects.remove(old)
        # The copy holds the rows of the table whose name it takes.
        if not is_copy(old.name):
            self._objects.add(new)


def _renamed(tokens: Tokens) -> tuple[Object, Object] | None:
    altered = altered_table(tokens)
    if altered is None or not altered[1]:
        return None
    table, (action, *_) = altered
    reader = Reader(action)
    if not reader.accept("RENAME"):
        return None
    if not (reader.accept("TO") or reader.accept("AS")):
        return None
    schema, dot, _ = table.rpartition(".")
    new = reader.name()
    return Object("TABLE", table), Object("TABLE", new if "." in new else f"{schema}{dot}{new}")
