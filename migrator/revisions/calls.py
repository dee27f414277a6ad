"""Reads the calls in a version file's functions, and what their arguments say."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

UNKNOWN = "?"
_EXECUTE = frozenset({"execute", "exec_driver_sql"})
# Calls around the text of a statement that leave it what it is.
_WRAPPERS = frozenset({"text", "DDL", "dedent", "cleandoc"})


def functions(tree: ast.Module, name: str) -> Iterator[ast.FunctionDef]:
    """Yield the function of that name that counts, and those of revisions that were put into this file."""
    top = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    yield from [node for node in top if node.name == name][-1:]
    for outer in top:
        if outer.name != name:
            yield from (n for n in outer.body if isinstance(n, ast.FunctionDef) and n.name == name)


def calls(function: ast.FunctionDef) -> Iterator[tuple[ast.Call, Mapping[str, str]]]:
    """Yield each call with the tables of the batches around it, by the names that hold them."""
    stack: list[tuple[ast.AST, Mapping[str, str]]] = [(function, {})]
    while stack:
        node, batches = stack.pop()
        if isinstance(node, ast.Call):
            yield node, batches
        if isinstance(node, ast.With):
            batches = {**batches, **_opened(node)}
        stack.extend((child, batches) for child in ast.iter_child_nodes(node))


def _opened(block: ast.With) -> dict[str, str]:
    opened = {}
    for item in block.items:
        match item:
            case ast.withitem(
                context_expr=ast.Call(func=ast.Attribute(attr="batch_alter_table")) as call,
                optional_vars=ast.Name(id=name),
            ):
                opened[name] = table_of(call, schema_at=1)
    return opened


def table_of(call: ast.Call, schema_at: int | None = None) -> str:
    """Return the table that a call names, with its schema where it says one."""
    schema = argument(call, "schema", schema_at)
    table = shown(argument(call, "table_name", 0))
    return table if is_none(schema) else f"{shown(schema)}.{table}"


def argument(call: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    """Return the argument called `name`, or the one at `position`; None if there is neither."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.args[position] if position is not None and position < len(call.args) else None


def is_none(node: ast.expr | None) -> bool:
    """Return whether an argument is missing, or None."""
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def shown(node: ast.expr | None) -> str:
    """Return the text that an argument is, `?` where it is computed."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else UNKNOWN


def executed(call: ast.Call) -> str:
    """Return the SQL that a call executes, with `?` for each part that is computed; empty for other calls."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _EXECUTE:
        return ""
    statement = argument(call, "sqltext", 0)
    return _sql(statement) if statement is not None else ""


def _sql(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts.append(_sql(node.right))
        node = node.left
    parts.append(_sql_of_one(node))
    return "".join(reversed(parts))


def _sql_of_one(node: ast.expr) -> str:
    match node:
        case ast.JoinedStr(values=values):
            return "".join(shown(value) for value in values)
        case ast.BinOp(left=template, op=ast.Mod()):
            return _sql(template)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[text, *_]) if (
            name in _WRAPPERS
        ):
            return _sql(text)
        case ast.Call(func=ast.Attribute(value=text)):
            # Such as text(...).bindparams(...) and "...".format(...).
            return _sql(text)
        case _:
            return shown(node)
