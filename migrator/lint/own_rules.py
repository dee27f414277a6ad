"""migrator's own rules: what loses data or breaks clients, in the SQL of any database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from migrator.lint.ddl import StatementReader, Tokens, altered_table, dropped, emptied
from migrator.lint.narrowing import compare
from migrator.lint.new_objects import Copy, copied

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
    copy = copied(tokens)
    if copy is not None:
        yield from _of_copy(copy, old_types)
    altered = altered_table(tokens)
    for action in altered[1] if altered else ():
        yield from _of_action(action, altered[0] if altered else "", old_types)


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
        column, new = change
        if change_of_name := _other_name(action):
            yield change_of_name
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


def _changed_type(reader: StatementReader) -> tuple[str, str] | None:
    """Give the column whose type an action changes, and the new type."""
    if reader.accept("ALTER"):
        if not reader.accept("COLUMN") and reader.word() in _NO_COLUMN:
            return None
        column = reader.name()
        reader.accept("SET", "DATA")
        if not reader.accept("TYPE") and (reader.word() in _NO_TYPE or not reader.word()):
            return None
        return column, _type(reader)
    if reader.accept("MODIFY"):
        reader.accept("COLUMN")
        return reader.name(), _type(reader)
    if reader.accept("CHANGE"):
        reader.accept("COLUMN")
        column = reader.name()
        reader.name()
        return column, _type(reader)
    return None


def _other_name(action: Tokens) -> str:
    reader = StatementReader(action)
    if not reader.accept("CHANGE"):
        return ""
    reader.accept("COLUMN")
    return "renaming-column" if reader.name() != reader.name() else ""


def _type(reader: StatementReader) -> str:
    words: list[str] = []
    for token in reader.tokens[reader.at :]:
        # CHARACTER VARYING is a type, CHARACTER SET comes after one.
        if token.word in _AFTER_TYPE and (words or token.word != "CHARACTER"):
            break
        words.append(token.text)
    return " ".join(words)
