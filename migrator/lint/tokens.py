"""Cuts SQL into tokens and statements, just well enough to see what a statement does to which table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["word", "name", "text", "number", "symbol"]

_STRING = r"(?P<text>\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$|[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*')"
_NAME = r'(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`)'
_REST = r"(?P<word>[^\W\d][\w$]*)|(?P<number>\d[\w.]*)|(?P<symbol>\S)"
_STANDARD = re.compile(rf"(?P<skip>\s+|--[^\n]*)|{_STRING}|{_NAME}|{_REST}", re.DOTALL)
# There a backslash escapes in every string, double quotes make strings too, and # begins a comment.
_MYSQL_STRING = r"""(?P<text>'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*")"""
_MYSQL = re.compile(
    rf"(?P<skip>\s+|--(?=\s|$)[^\n]*|\#[^\n]*)|{_MYSQL_STRING}|(?P<name>`(?:[^`]|``)*`)|{_REST}", re.DOTALL
)
_COMMENT = re.compile(r"/\*|\*/")
_DDL = frozenset({"CREATE", "ALTER", "DROP", "TRUNCATE", "DELETE", "REINDEX", "CLUSTER"})
_BEFORE = frozenset({"BEGIN", "THEN", "ELSE", "LOOP"})
_ROUTINES = frozenset({"FUNCTION", "PROCEDURE", "TRIGGER", "EVENT"})
# CREATE OR REPLACE DEFINER = user@host PROCEDURE, and what else may stand before the word.
_MOST_WORDS_BEFORE_ROUTINE = 9


@dataclass(frozen=True)
class Token:
    """A token; `text` is as written, `end` the place after it."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The word in upper case; empty for everything that is no bare word."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def identifier(self) -> str:
        """What it names: a bare word in lower case, a quoted name as it stands in the quotes."""
        if self.kind != "name":
            return self.text.lower()
        quote = self.text[0]
        return self.text[1:-1].replace(quote * 2, quote)


def tokens(sql: str, dialect: str) -> Iterator[Token]:
    """Yield the tokens of `sql`, without comments. A quote that is never closed is a symbol."""
    mysql = dialect in ("mysql", "mariadb")
    pattern, at = (_MYSQL if mysql else _STANDARD), 0
    while at < len(sql):
        if sql.startswith("/*", at):
            at = _after_comment(sql, at, nested=not mysql)
            continue
        found = pattern.match(sql, at)
        if found is None:
            at += 1
            continue
        at = found.end()
        kind = next(kind for kind in ("skip", "text", "name", "word", "number", "symbol") if found[kind])
        if kind != "skip":
            yield Token(kind, found[0], found.start(), at)  # type: ignore[arg-type]


def _after_comment(sql: str, at: int, *, nested: bool) -> int:
    depth = 0
    for found in _COMMENT.finditer(sql, at):
        depth += -1 if found[0] == "*/" else 1 if nested or not depth else 0
        if not depth:
            return found.end()
    return len(sql)


def statements(sql: str, dialect: str) -> list[tuple[Token, ...]]:
    """Cut `sql` at its semicolons into the tokens of each statement; empty ones are left out.

    A routine with a body of statements takes all that follows it.
    """
    found: list[list[Token]] = [[]]
    whole = False
    for token in tokens(sql, dialect):
        if token.text == ";" and not whole:
            found.append([])
            continue
        found[-1].append(token)
        whole = whole or (token.word == "BEGIN" and _is_routine(found[-1]))
    return [tuple(each) for each in found if each]


def _is_routine(before: list[Token]) -> bool:
    words = {token.word for token in before[: _MOST_WORDS_BEFORE_ROUTINE + 1]}
    return before[0].word == "CREATE" and bool(words & _ROUTINES)


def in_block(tokens: Sequence[Token], dialect: str) -> Iterator[tuple[str, tuple[Token, ...]]]:
    """Yield text and tokens of each statement in a `DO $$...$$` that may change or empty a table.

    Whether the block runs it is not known, nor what it builds with EXECUTE.
    """
    body = next((token.text for token in tokens if token.kind == "text" and token.text[0] == "$"), "")
    if tokens[0].word != "DO" or not body:
        return
    code = body[body.index("$", 1) + 1 : body.rindex("$", 0, -1)]
    for found in statements(code, dialect):
        for at, token in enumerate(found):
            if token.word in _DDL and (at == 0 or found[at - 1].word in _BEFORE):
                yield code[token.start : found[-1].end], found[at:]
                break
