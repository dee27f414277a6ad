"""Tells an env.py that only calls ours from one that does something by itself."""

from __future__ import annotations

import ast
from pathlib import Path

from migrator.syntax import parse


def runs_only_ours(env_py: Path) -> bool:
    """Whether a file imports things and calls `run_migrations()` of migrator, with names and values, once.

    False for one that cannot be read.
    """
    try:
        body = parse(env_py.read_bytes()).body
    except (OSError, SyntaxError):
        return False
    ours = False
    for statement in body:
        match statement:
            case ast.Import() | ast.Expr(value=ast.Constant()):
                continue
            case ast.ImportFrom(module=module, names=names):
                ours = ours or (module == "migrator.env" and any(n.name == "run_migrations" for n in names))
            case ast.Expr(value=ast.Call(func=ast.Name(id="run_migrations"), args=args, keywords=keywords)):
                if not all(_is_plain(each) for each in (*args, *(keyword.value for keyword in keywords))):
                    return False
            case _:
                return False
    return ours


def _is_plain(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant | ast.Name | ast.Attribute)
