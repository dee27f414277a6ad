"""Finds what a revision destroys, as far as the calls in its file tell."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from migrator.revisions.destructive_sql import (
    UNKNOWN,
    Destruction,
    destroyed_by_sql,
    plain_name,
    retyped,
    superseded_types,
    table_made_by,
)
from migrator.syntax import parse

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


def destructive(path: Path, function: str = "upgrade") -> tuple[Destruction, ...]:
    """Return what `function` of the version file `path` destroys, by line; nothing if it has none such.

    Only the text of that function tells: what it calls elsewhere is not seen, and the computed part of a name
    or of a statement is shown as `?`. Raises OSError, and SyntaxError for a file that is not valid Python.
    """
    found = [each for named in _functions(path, function) for each in calls(named)]
    superseded = superseded_types("; ".join(executed(call) for call, _batches in found))
    return tuple(
        destruction
        for call, batches in sorted(found, key=lambda each: (each[0].lineno, each[0].col_offset))
        if isinstance(call.func, ast.Attribute)
        for destruction in _destroyed(call, call.func, batches)
        if destruction.kind != "drop type" or destruction.what.removeprefix("DROP TYPE ") not in superseded
    )


def tables_made(path: Path, function: str = "upgrade") -> tuple[tuple[str, int], ...]:
    """Return the tables that `function` of a version file makes in any case, each with the line of the call.

    A table that it makes under a condition, or only where there is none, is not among them: it may have been
    there. Raises as `destructive` does.
    """
    named = _functions(path, function)
    found = [made for each in named for call in _in_any_case(each.body) for made in _made(call)]
    return tuple((table, line) for table, line in found if UNKNOWN not in table)


def _functions(path: Path, name: str) -> list[ast.FunctionDef]:
    """Give the functions of that name, with what a constant of the file stands for in its place."""
    tree = parse(path.read_bytes())
    constants = _Constants(tree)
    return [constants.visit(function) for function in functions(tree, name)]


class _Constants(ast.NodeTransformer):
    """Puts in the place of each name the expression that the file assigns to it, if it does so just once."""

    def __init__(self, tree: ast.Module) -> None:
        stored: dict[str, int] = {}
        for node in ast.walk(tree):
            name = node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else ""
            name = node.arg if isinstance(node, ast.arg) else name
            stored[name] = stored.get(name, 0) + 1
        self._values: dict[str, ast.expr] = {}
        for node in ast.walk(tree):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if stored[name] == 1:
                    self._values[name] = value
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if stored[name] == 1:
                    self._values[name] = value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Return what a name stands for; itself where it may be several things."""
        if not isinstance(node.ctx, ast.Load):
            return node
        # Taken out meanwhile, so that a name that refers to itself comes to an end.
        value = self._values.pop(node.id, None)
        if value is None:
            return node
        shown: ast.expr = self.visit(value)
        self._values[node.id] = shown
        return shown


def _in_any_case(body: list[ast.stmt]) -> Iterator[ast.Call]:
    for statement in body:
        match statement:
            case ast.With(body=inner):
                yield from _in_any_case(inner)
            case ast.Expr(value=ast.Call() as call) | ast.Assign(value=ast.Call() as call):
                yield call


def _made(call: ast.Call) -> Iterator[tuple[str, int]]:
    if isinstance(call.func, ast.Attribute) and call.func.attr == "create_table":
        if is_none(argument(call, "if_not_exists")):
            yield plain_name(table_of(call)), call.lineno
    elif made := table_made_by(executed(call)):
        yield made, call.lineno


def _destroyed(call: ast.Call, method: ast.Attribute, batches: Mapping[str, str]) -> Iterator[Destruction]:
    match method.attr:
        case "drop_table":
            table = table_of(call)
            yield Destruction(f"drop table {table}", call.lineno, "drop table", (plain_name(table),))
        case "drop_column":
            yield _of_column("drop column", call, method, batches)
        case "alter_column" if not is_none(argument(call, "type_")):
            yield _of_column("change type", call, method, batches)
        case _:
            yield from destroyed_by_sql(executed(call), call.lineno)


def _of_column(kind: str, call: ast.Call, method: ast.Attribute, batches: Mapping[str, str]) -> Destruction:
    receiver = method.value.id if isinstance(method.value, ast.Name) else ""
    in_batch = receiver in batches or argument(call, "column_name", 1) is None
    table = batches.get(receiver, UNKNOWN) if in_batch else table_of(call)
    column = shown(argument(call, "column_name", 0 if in_batch else 1))
    if kind == "drop column":
        return Destruction(f"{kind} {table}.{column}", call.lineno, kind, (plain_name(table),), column)
    old, new = _type(argument(call, "existing_type")), _type(argument(call, "type_"))
    return retyped(table, column, old, new, call.lineno)


# SQLAlchemy's names of types that SQL calls by another one; most are the same but for their case.
_SQL_TYPES = {
    "biginteger": "bigint",
    "datetime": "timestamp",
    "float": "double",
    "smallinteger": "smallint",
    "string": "varchar",
    "unicode": "varchar",
    "unicodetext": "text",
}


def _type(node: ast.expr | None) -> str:
    """Give a type of SQLAlchemy as SQL writes it, such as `varchar(50)`; empty where it is not plain."""
    sizes: list[ast.expr | None] = []
    if isinstance(node, ast.Call):
        named = {each.arg: each.value for each in node.keywords}
        sizes = [*node.args[:2], *(named.get(name) for name in ("length", "precision", "scale"))]
        node = node.func
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            plain = _SQL_TYPES.get(name.lower(), name.lower())
        case _:
            return ""
    numbers = [each.value for each in sizes if isinstance(each, ast.Constant) and type(each.value) is int]
    return f"{plain}({','.join(map(str, numbers))})" if numbers else plain
