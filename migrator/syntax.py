"""Parses somebody's Python files, which are read and not run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from functools import lru_cache


# A run reads a version file twice: for what it does, and for its log row.
@lru_cache(maxsize=1)
def parse(source: str | bytes) -> ast.Module:
    """Return the syntax tree of `source`, bytes in the encoding that they declare. It must not be changed.

    Raises SyntaxError for whatever Python cannot parse, null bytes and bottomless nesting too.
    """
    try:
        # An invalid escape in somebody's file is Python's business when it runs the file.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (ValueError, RecursionError, MemoryError) as exc:
        raise SyntaxError(str(exc) or type(exc).__name__) from exc


def assignments(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Give each name that a statement binds to an expression, with the expression."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value
