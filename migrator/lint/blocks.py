"""Looks into the anonymous blocks of PL/pgSQL, in which DDL hides from the client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrator.lint.tokens import Token, statements

_DDL = frozenset({"CREATE", "ALTER", "DROP", "TRUNCATE", "DELETE", "REINDEX", "CLUSTER"})
_BEFORE = frozenset({"BEGIN", "THEN", "ELSE", "LOOP"})


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
