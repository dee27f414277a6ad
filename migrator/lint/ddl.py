"""Reads off a statement's tokens which objects it makes, changes and drops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migrator.lint.tokens import Token

Tokens = Sequence[Token]
# Words between CREATE or DROP and the kind of the object.
_BEFORE_KIND = frozenset(
    {"GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED", "UNIQUE", "FULLTEXT", "SPATIAL"}
)
KINDS = frozenset({"TABLE", "INDEX", "TYPE", "VIEW", "SEQUENCE", "DOMAIN", "SCHEMA", "DATABASE", "EXTENSION"})


@dataclass(frozen=True)
class SqlObject:
    """A database object: its kind in upper case, and its name as it is shown, without a default schema."""

    kind: str
    name: str


@dataclass
class StatementReader:
    """Goes through tokens from left to right; `at` is the place of the next one."""

    tokens: Tokens
    at: int = 0

    @property
    def next(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def word(self) -> str:
        """Give the next token as a word in upper case, without going on; empty where it is none."""
        return self.next.word if self.next else ""

    def accept(self, *words: str) -> bool:
        """Go past `words` and symbols if they come next, one after the other."""
        here = self.tokens[self.at : self.at + len(words)]
        found = [token.word or token.text for token in here] == [*words]
        self.at += len(words) if found else 0
        return found

    def skip(self, words: frozenset[str]) -> None:
        """Go past all of `words` that come next."""
        while self.word() in words:
            self.at += 1

    def name(self) -> str:
        """Go past a name with its schema and give it, without the schema `public`. Empty if none comes."""
        parts: list[str] = []
        while self.next is not None and self.next.kind in ("word", "name"):
            parts.append(self.next.identifier)
            self.at += 1
            if not self.accept("."):
                break
        return ".".join(parts[1:] if len(parts) == 2 and parts[0] == "public" else parts)

    def names(self) -> list[str]:
        """Go past names between commas and give them."""
        found = []
        while True:
            self.accept("ONLY")
            found.append(self.name())
            self.accept("*")
            if not self.accept(","):
                return [name for name in found if name]


def kind(reader: StatementReader) -> str:
    """Go past the kind of an object, and give it; a kind not in KINDS as the next word."""
    reader.skip(_BEFORE_KIND)
    reader.accept("MATERIALIZED")
    word = reader.word()
    reader.at += 1
    return word


def made(tokens: Tokens) -> SqlObject | None:
    """Give the object that the statement makes for certain: not one it might have found there."""
    reader = StatementReader(tokens)
    if not reader.accept("CREATE"):
        return None
    what = kind(reader)
    reader.accept("CONCURRENTLY")
    if what not in KINDS or reader.accept("IF", "NOT", "EXISTS"):
        return None
    name = reader.name()
    return SqlObject(what, name) if name else None


def makes_table(tokens: Tokens) -> bool:
    """Whether the statement makes a table, if only where there is none."""
    reader = StatementReader(tokens)
    return reader.accept("CREATE") and kind(reader) == "TABLE"


def dropped(tokens: Tokens) -> tuple[SqlObject, ...]:
    """Give the objects that a DROP statement drops; not those of the session alone."""
    reader = StatementReader(tokens)
    if not reader.accept("DROP") or reader.word() in ("TEMPORARY", "FOREIGN"):
        return ()
    what = kind(reader)
    reader.accept("CONCURRENTLY")
    reader.accept("IF", "EXISTS")
    return tuple(SqlObject(what, name) for name in reader.names()) if what in KINDS else ()


def altered_table(tokens: Tokens) -> tuple[str, tuple[Tokens, ...]] | None:
    """Give the table of an ALTER TABLE, and its actions; None for another statement."""
    reader = StatementReader(tokens)
    if not reader.accept("ALTER") or not (reader.accept("TABLE") or reader.accept("FOREIGN", "TABLE")):
        return None
    reader.accept("IF", "EXISTS")
    reader.accept("ONLY")
    name = reader.name()
    reader.accept("*")
    return name, tuple(between_commas(tokens[reader.at :]))


def between_commas(tokens: Tokens) -> Iterator[Tokens]:
    """Yield the parts of a list, cut at the commas that stand in no brackets."""
    depth, start = 0, 0
    for at, token in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "symbol" else 0
        if token.text == "," and not depth:
            yield tokens[start:at]
            start = at + 1
    if tokens[start:]:
        yield tokens[start:]


def touched(tokens: Tokens) -> tuple[SqlObject, ...]:
    """Give the objects whose lock or content the statement takes; empty where that is not seen."""
    if altered := altered_table(tokens):
        return (SqlObject("TABLE", altered[0]),)
    return _indexed(tokens) or dropped(tokens) or emptied(tokens) or _altered(tokens) or _maintained(tokens)


def _indexed(tokens: Tokens) -> tuple[SqlObject, ...]:
    reader = StatementReader(tokens)
    if not (reader.accept("CREATE") or reader.accept("DROP")):
        return ()
    if kind(reader) not in ("INDEX", "TRIGGER", "POLICY"):
        return ()
    while reader.next is not None and not reader.accept("ON"):
        reader.at += 1
    reader.accept("ONLY")
    table = reader.name()
    return (SqlObject("TABLE", table),) if table else ()


def _altered(tokens: Tokens) -> tuple[SqlObject, ...]:
    reader = StatementReader(tokens)
    if not reader.accept("ALTER"):
        return ()
    what = kind(reader)
    reader.accept("IF", "EXISTS")
    return (SqlObject(what, reader.name()),) if what in KINDS else ()


def _maintained(tokens: Tokens) -> tuple[SqlObject, ...]:
    reader = StatementReader(tokens)
    if not (reader.accept("REINDEX") or reader.accept("CLUSTER")):
        return ()
    what = reader.word() if reader.word() in KINDS else "TABLE"
    reader.skip(KINDS)
    reader.accept("CONCURRENTLY")
    name = reader.name()
    return (SqlObject(what, name),) if name else ()


def emptied(tokens: Tokens) -> tuple[SqlObject, ...]:
    """Give the tables that a TRUNCATE, or a DELETE without any WHERE, empties."""
    reader = StatementReader(tokens)
    if reader.accept("TRUNCATE"):
        reader.accept("TABLE")
        return tuple(SqlObject("TABLE", name) for name in reader.names())
    outer = list(_outside_brackets(tokens))
    reader = StatementReader(outer)
    while reader.next is not None and not reader.accept("DELETE", "FROM"):
        if reader.word() not in ("WITH", "") and reader.at == 0:
            return ()
        reader.at += 1
    if reader.next is None or any(token.word in ("WHERE", "LIMIT", "USING") for token in outer[reader.at :]):
        return ()
    reader.accept("ONLY")
    return (SqlObject("TABLE", reader.name()),)


def _outside_brackets(tokens: Tokens) -> Iterator[Token]:
    depth = 0
    for token in tokens:
        depth -= token.text == ")"
        if not depth:
            yield token
        depth += token.text == "("


def referenced(tokens: Tokens) -> tuple[str, ...]:
    """Give the tables that the foreign keys of a statement point to."""
    after = [tokens[at + 1 :] for at, token in enumerate(tokens) if token.word == "REFERENCES"]
    return tuple(dict.fromkeys(name for rest in after if (name := StatementReader(rest).name())))
