"""Tells from its text that a revision is not to be taken back."""

from __future__ import annotations

import ast
from pathlib import Path

from migrator.syntax import parse


def refuses_downgrade(path: Path) -> bool:
    """Whether `downgrade()` in the file `path` does nothing but raise NotImplementedError.

    False too for a file that cannot be read: Alembic says so better.
    """
    try:
        tree = parse(path.read_bytes())
    except (OSError, SyntaxError):
        return False
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "downgrade"]
    return bool(found) and _only_raises(found[-1])


def _only_raises(function: ast.FunctionDef) -> bool:
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    if len(body) != 1 or not isinstance(body[0], ast.Raise):
        return False
    raised = body[0].exc.func if isinstance(body[0].exc, ast.Call) else body[0].exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
