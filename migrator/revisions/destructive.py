"""Finds what a revision destroys, as far as the text of its file tells."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from migrator.revisions.calls import UNKNOWN, argument, calls, executed, functions, is_none, shown, table_of
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


_ALTERED = re.compile(rf"\bALTER\s+TABLE\b(?:\s+IF\s+EXISTS\b)?\s*({_NAME})[^;]*\Z", _FLAGS)
_CASCADE = re.compile(r"[^;]*\bCASCADE\b", _FLAGS)
_MADE = re.compile(rf"\s*CREATE\s+(?:\w+\s+)?TABLE\s+(?!IF\b)({_NAME})", _FLAGS)


@dataclass(frozen=True)
class Destruction:
    """One thing that goes with what it holds, such as `drop column users.email`, and the line of the call.

    `kind` is how it is done, in lower case: `drop table`, `drop column`, `drop type`, `drop schema`,
    `drop database`, `truncate`, `truncate cascade`, `delete from` or `change type`. `tables` are those whose
    content goes, as far as they are named.
    """

    what: str
    line: int
    kind: str
    tables: tuple[str, ...] = ()


def destructive(path: Path, function: str = "upgrade") -> tuple[Destruction, ...]:
    """Return what `function` of the version file `path` destroys, by line; nothing if it has none such.

    Only the text of that function tells: what it calls elsewhere is not seen, and the computed part of a name
    or of a statement is shown as `?`. Raises OSError, and SyntaxError for a file that is not valid Python.
    """
    found = [each for named in functions(parse(path.read_bytes()), function) for each in calls(named)]
    return tuple(
        destruction
        for call, batches in sorted(found, key=lambda each: (each[0].lineno, each[0].col_offset))
        if isinstance(call.func, ast.Attribute)
        for destruction in _destroyed(call, call.func, batches)
    )


def tables_made(path: Path, function: str = "upgrade") -> tuple[tuple[str, int], ...]:
    """Return the tables that `function` of a version file makes in any case, each with the line of the call.

    A table that it makes under a condition, or only where there is none, is not among them: it may have been
    there. Raises as `destructive` does.
    """
    named = functions(parse(path.read_bytes()), function)
    found = [made for each in named for call in _in_any_case(each.body) for made in _made(call)]
    return tuple((table, line) for table, line in found if UNKNOWN not in table)


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
            yield _plain_name(table_of(call)), call.lineno
    elif made := _MADE.match(executed(call)):
        yield _plain_name(made[1]), call.lineno


def _destroyed(call: ast.Call, method: ast.Attribute, batches: Mapping[str, str]) -> Iterator[Destruction]:
    match method.attr:
        case "drop_table":
            table = table_of(call)
            yield Destruction(f"drop table {table}", call.lineno, "drop table", (_plain_name(table),))
        case "drop_column":
            yield _of_column("drop column", call, method, batches)
        case "alter_column" if not is_none(argument(call, "type_")):
            yield _of_column("change type", call, method, batches)
        case _:
            yield from _lost(executed(call), call.lineno)


def _of_column(kind: str, call: ast.Call, method: ast.Attribute, batches: Mapping[str, str]) -> Destruction:
    receiver = method.value.id if isinstance(method.value, ast.Name) else ""
    in_batch = receiver in batches or argument(call, "column_name", 1) is None
    table = batches.get(receiver, UNKNOWN) if in_batch else table_of(call)
    column = shown(argument(call, "column_name", 0 if in_batch else 1))
    of = " of" if kind == "change type" else ""
    return Destruction(f"{kind}{of} {table}.{column}", call.lineno, kind, (_plain_name(table),))


def _lost(sql: str, line: int) -> Iterator[Destruction]:
    """Give the statements of `sql` that destroy, shortened to their first words and what they name."""
    plain = _BODY.sub(" ", _QUOTED.sub(lambda found: " " if found["gone"] else found[0], sql)).strip()
    found = [match for pattern in _LOSSES for match in pattern.finditer(plain)]
    for match in sorted(found, key=re.Match.start):
        words = " ".join(match[1].upper().split())
        more = " CASCADE" if words == "TRUNCATE" and _CASCADE.match(plain, match.end()) else ""
        what, kind = f"{words} {_named(match[2])}{more}", f"{words}{more}".lower()
        tables = (_plain_name(name) for name in _tables(plain, match).split(",") if name.strip())
        yield Destruction(what, line, kind, tuple(tables))


def _tables(plain: str, found: re.Match[str]) -> str:
    what = found[1].upper().split()[-1]
    if what in ("TYPE", "SCHEMA", "DATABASE"):
        return ""
    if what == "COLUMN":
        altered = _ALTERED.search(plain, 0, found.start())
        return altered[1] if altered else ""
    return found[2] or ""


def _named(names: str | None) -> str:
    return re.sub(r"\bONLY\s+", "", " ".join(names.split()), flags=re.IGNORECASE) if names else UNKNOWN


def _plain_name(name: str) -> str:
    """Give a name without quotes, and without the schema that is there anyway."""
    return _named(name).replace('"', "").replace("`", "").removeprefix("public.")
