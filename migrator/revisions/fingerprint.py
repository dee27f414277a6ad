"""Tells whether what a version file does has changed, however it is formatted."""

from __future__ import annotations

import ast
import hashlib
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

from migrator.syntax import parse

_HEADER = frozenset({"revision", "down_revision", "branch_labels", "depends_on"})
# They say how something was written, or are not there in every version of Python.
_NOT_MEANT = frozenset({"ctx", "kind", "type_comment"})


@dataclass(frozen=True)
class Fingerprint:
    """Two SHA-256 sums in hexadecimal: `tree` of what a file says, `file` of its bytes."""

    tree: str
    file: str


def fingerprint(path: Path) -> Fingerprint:
    """Return both sums of the file `path`. Raises OSError, and SyntaxError as `tree_hash` does."""
    content = path.read_bytes()
    return Fingerprint(tree=tree_hash(content), file=file_hash(content))


def file_hash(content: bytes) -> str:
    """Return the SHA-256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def tree_hash(source: str | bytes) -> str:
    """Return the SHA-256, in hexadecimal, of the syntax tree of `source`.

    It is over the kinds of nodes and their fields, without positions, comments and docstrings: a formatter or
    another Python version does not change it. Databases keep it, so what goes into it must stay as it is.
    Raises SyntaxError for a source that is not valid Python.
    """
    return hashlib.sha256(_serialized(parse(source))).hexdigest()


def content_hash(source: str | bytes) -> str:
    """Return the SHA-256, in hexadecimal, of what a version file does: `tree_hash` without its header.

    Two revisions with equal ones do the same, wherever they stand. Raises SyntaxError as `tree_hash` does.
    """
    body = [statement for statement in parse(source).body if not _is_header(statement)]
    return hashlib.sha256(_serialized(ast.Module(body, type_ignores=[]))).hexdigest()


def _is_header(statement: ast.stmt) -> bool:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name in _HEADER
    return False


def _serialized(tree: ast.Module) -> bytes:
    """Write `tree` so that no two trees read alike: every node says its fields, every list its length.

    The last field comes first, which is as good as any order and lets one stack do, however deep the tree.
    """
    written: list[bytes] = []
    write = written.append
    stack: list[object] = [tree]
    pop, push = stack.pop, stack.append
    while stack:
        item = pop()
        if isinstance(item, ast.AST):
            kind = item.__class__
            normalize = _NORMALIZED.get(kind)
            fields = normalize(item) if normalize else item.__dict__
            write(kind.__name__.encode())
            for name, tag in _meant(kind._fields):
                value = fields.get(name)
                if value is not None and value != []:
                    write(tag)
                    push(value)
            write(b";")
        elif isinstance(item, list):
            write(b"%d[" % len(item))
            stack += item
        else:
            write(_value(item))
    return b"".join(written)


@cache
def _meant(fields: tuple[str, ...]) -> tuple[tuple[str, bytes], ...]:
    """Give the fields that count, sorted, as later versions of Python put in more, with what to write."""
    return tuple((name, b"," + name.encode()) for name in sorted(fields) if name not in _NOT_MEANT)


def _value(value: object) -> bytes:
    """Write a name or a constant with its type, without `repr`, which follows Python's Unicode tables."""
    match value:
        case str():
            text = value.encode("utf-8", "surrogatepass")
            return b"s%d:%s" % (len(text), text)
        case bytes():
            return b"b%d:%s" % (len(value), value)
        case bool() | None:
            return f"{value};".encode()
        case int():
            # Decimal digits have a limit, those of a hexadecimal literal have not.
            return b"i%x;" % value
        case _:
            return f"{type(value).__name__} {value!r};".encode()


def _constant(node: ast.AST) -> dict[str, object]:
    # In a list of one, as a field that is None is left out.
    return {"value": [cast("ast.Constant", node).value]}


def _without_docstring(node: ast.AST) -> dict[str, object]:
    fields = vars(node)
    body = fields["body"]
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *_]:
            return {**fields, "body": body[1:]}
    return fields


def _joined(node: ast.AST) -> dict[str, object]:
    """Put the texts of an f-string together: which are in one constant depends on Python's version."""
    values: list[object] = []
    for value in cast("ast.JoinedStr", node).values:
        match value:
            case ast.Constant(value=str(text)):
                if values and isinstance(values[-1], str):
                    values[-1] += text
                elif text:
                    values.append(text)
            case _:
                values.append(value)
    return {"values": values}


def _formatted(node: ast.AST) -> dict[str, object]:
    fields = vars(node)
    match fields["format_spec"]:
        case ast.JoinedStr() as spec if not _joined(spec)["values"]:
            return {**fields, "format_spec": None}
    return fields


def _deleted(node: ast.AST) -> dict[str, object]:
    """Read `del (a, b)` as `del a, b`, as which formatters write it."""
    match cast("ast.Delete", node).targets:
        case [ast.Tuple(elts=targets)] | targets:
            return {"targets": targets}


_NORMALIZED = {
    ast.Constant: _constant,
    ast.Module: _without_docstring,
    ast.ClassDef: _without_docstring,
    ast.FunctionDef: _without_docstring,
    ast.AsyncFunctionDef: _without_docstring,
    ast.JoinedStr: _joined,
    ast.FormattedValue: _formatted,
    ast.Delete: _deleted,
}


def pair_by_content(left: Mapping[str, str], right: Mapping[str, str]) -> dict[str, str]:
    """Pair the ids that only the left has with those that only the right has, by their contents.

    Both give a content (`content_hash`) to each id. An id is in one pair at most, since the same may have
    been done twice; those that stand first are paired first.
    """
    waiting: dict[str, deque[str]] = defaultdict(deque)
    for revision, content in right.items():
        if revision not in left:
            waiting[content].append(revision)
    return {
        revision: waiting[content].popleft()
        for revision, content in left.items()
        if revision not in right and waiting[content]
    }
