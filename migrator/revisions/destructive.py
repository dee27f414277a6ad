"""Finds what a revision destroys, as far as the text of its file tells."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from migrator.revisions.fingerprint import parse

_UNKNOWN = "?"
_EXECUTE = frozenset({"execute", "exec_driver_sql"})
# Calls around the text of a statement that leave it what it is.
_WRAPPERS = frozenset({"text", "DDL", "dedent", "cleandoc"})

_FLAGS = re.DOTALL | re.IGNORECASE
# No statements: comments, texts in quotes, and the bodies of functions, which a migration does not run.
_QUOTED = re.compile(
    r"""(?P<gone>--[^\n]*|/\*.*?\*/|\bE'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*')|"(?:[^"]|"")*"|`[^`]*`""", _FLAGS
)
_BODY = re.compile(r"\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE)\b[^;]*?(\$\w*\$).*?\1", _FLAGS)
_PART = r"""(?:"(?:[^"]|"")+"|`[^`]+`|[\w$?]+)"""
_NAME = rf"(?:ONLY\s+)?{_PART}(?:\.{_PART})*"
_NAMES = rf"\s*({_NAME}(?:\s*,\s*{_NAME})*)?"
_LOSSES = (
    re.compile(rf"\b(DROP\s+(?:TABLE|SCHEMA|TYPE|DATABASE))\b(?:\s+IF\s+EXISTS\b)?{_NAMES}", _FLAGS),
    # After its comma comes the next action of ALTER TABLE.
    re.compile(rf"\b(DROP\s+COLUMN)\b(?:\s+IF\s+EXISTS\b)?\s*({_NAME})?", _FLAGS),
    # TRUNCATE is also a privilege and an event of a trigger: it counts where a statement begins.
    re.compile(rf"(?:\A|[;$]|\b(?:BEGIN|THEN|ELSE|LOOP)\b)\s*(TRUNCATE)\b(?:\s+TABLE\b)?{_NAMES}", _FLAGS),
    re.compile(rf"\b(DELETE\s+FROM)\b{_NAMES}(?![^;]*\bWHERE\b)", _FLAGS),
)


@dataclass(frozen=True)
class Destruction:
    """One thing that goes with what it holds, such as `drop column users.email`, and the line of the call."""

    what: str
    line: int


def destructive(path: Path, function: str = "upgrade") -> tuple[Destruction, ...]:
    """Return what `function` of the version file `path` destroys, by line; nothing if it has none such.

    Only the text of that function tells: what it calls elsewhere is not seen, and the computed part of a name
    or of a statement is shown as `?`. Raises OSError, and SyntaxError for a file that is not valid Python.
    """
    found = [each for named in _functions(parse(path.read_bytes()), function) for each in _calls(named)]
    calls = sorted(found, key=lambda each: (each[0].lineno, each[0].col_offset))
    return tuple(
        Destruction(what, call.lineno)
        for call, batches in calls
        if isinstance(call.func, ast.Attribute)
        for what in _destroyed(call, call.func, batches)
    )


def _functions(tree: ast.Module, name: str) -> Iterator[ast.FunctionDef]:
    """Yield the function of that name that counts, and those of revisions that were put into this file."""
    top = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    yield from [node for node in top if node.name == name][-1:]
    for outer in top:
        if outer.name != name:
            yield from (n for n in outer.body if isinstance(n, ast.FunctionDef) and n.name == name)


def _calls(function: ast.FunctionDef) -> Iterator[tuple[ast.Call, Mapping[str, str]]]:
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
                opened[name] = _table(call, schema_at=1)
    return opened


def _destroyed(call: ast.Call, method: ast.Attribute, batches: Mapping[str, str]) -> Iterator[str]:
    match method.attr:
        case "drop_table":
            yield f"drop table {_table(call)}"
        case "drop_column":
            yield f"drop column {_column(call, method, batches)}"
        case "alter_column" if not _is_none(_argument(call, "type_")):
            yield f"change type of {_column(call, method, batches)}"
        case name if name in _EXECUTE and (statement := _argument(call, "sqltext", 0)):
            yield from _lost(_sql(statement))


def _table(call: ast.Call, schema_at: int | None = None) -> str:
    schema = _argument(call, "schema", schema_at)
    table = _shown(_argument(call, "table_name", 0))
    return table if _is_none(schema) else f"{_shown(schema)}.{table}"


def _column(call: ast.Call, method: ast.Attribute, batches: Mapping[str, str]) -> str:
    receiver = method.value.id if isinstance(method.value, ast.Name) else ""
    in_batch = receiver in batches or _argument(call, "column_name", 1) is None
    if in_batch:
        return f"{batches.get(receiver, _UNKNOWN)}.{_shown(_argument(call, 'column_name', 0))}"
    return f"{_table(call)}.{_shown(_argument(call, 'column_name', 1))}"


def _argument(call: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    """Return the argument called `name`, or the one at `position`; None if there is neither."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.args[position] if position is not None and position < len(call.args) else None


def _is_none(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _shown(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else _UNKNOWN


def _sql(node: ast.expr) -> str:
    """Return the text of a statement, with `?` for each part that is computed."""
    parts: list[str] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts.append(_sql(node.right))
        node = node.left
    parts.append(_sql_of_one(node))
    return "".join(reversed(parts))


def _sql_of_one(node: ast.expr) -> str:
    match node:
        case ast.JoinedStr(values=values):
            return "".join(_shown(value) for value in values)
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
            return _shown(node)


def _lost(sql: str) -> list[str]:
    """Return the statements of `sql` that destroy, shortened to their first words and what they name."""
    plain = _BODY.sub(" ", _QUOTED.sub(lambda found: " " if found["gone"] else found[0], sql)).strip()
    found = [match for pattern in _LOSSES for match in pattern.finditer(plain)]
    return [
        f"{' '.join(match[1].upper().split())} {_named(match[2])}"
        for match in sorted(found, key=re.Match.start)
    ]


def _named(names: str | None) -> str:
    return re.sub(r"\bONLY\s+", "", " ".join(names.split()), flags=re.IGNORECASE) if names else _UNKNOWN
