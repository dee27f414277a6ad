"""Finds the call in a version file that runs a statement, and of a batch's calls the one that it is for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from migrator.lint.ddl import Tokens, altered_table
from migrator.syntax import parse

# How a statement, or the action of an ALTER TABLE, begins, and how the operation's name does.
_BEGINNINGS = {
    "ADD": ("add_", "create_"),
    "CREATE": ("create_",),
    "DROP": ("drop_",),
    "ALTER": ("alter_",),
    "CHANGE": ("alter_",),
    "MODIFY": ("alter_",),
    "RENAME": ("alter_",),
    "COMMENT": ("alter_", "add_", "create_", "drop_"),
}
_OF_A_COLUMN = ("drop_column", "alter_column")


@dataclass(frozen=True)
class Operation:
    """A call: its line, its name as `op.drop_column`, and the first text in it, such as a column's name."""

    line: int
    name: str
    first: str = ""

    @property
    def method(self) -> str:
        """The name without what stands before its dot."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class CallSite:
    """Where a statement comes from: the call, and the operations of the batch that it opens, if it does."""

    path: Path
    call: Operation
    batch: tuple[Operation, ...] = ()


class Calls:
    """Knows the calls of the version files that it has been asked about."""

    def __init__(self) -> None:
        """Begin without any file."""
        self._files: dict[Path, dict[ast.Call, tuple[Operation, ...]]] = {}

    def site(self, frame: FrameType) -> CallSite:
        """Give the call that a frame is at; without a name where there is none on its line."""
        path, line = Path(frame.f_code.co_filename), frame.f_lineno
        if path not in self._files:
            self._files[path] = _calls(parse(path.read_bytes()))
        calls = self._files[path]
        position = list(frame.f_code.co_positions())[frame.f_lasti // 2]
        at_line = [call for call in calls if call.lineno <= line <= (call.end_lineno or line)]
        found = [call for call in at_line if _position(call) == position] or at_line
        if not found:
            return CallSite(path, Operation(line, ""))
        return CallSite(path, _operation(found[0]), calls[found[0]])


def meant(site: CallSite, tokens: Tokens) -> Operation:
    """Give the operation that a statement carries out: one of a batch, where just one of them fits."""
    altered = altered_table(tokens)
    begins = altered[1][0][0].word if altered and altered[1] and altered[1][0] else tokens[0].word
    names = {token.identifier.lower() for token in tokens if token.kind in ("word", "name")}
    fitting = [
        each
        for each in site.batch
        if each.method.startswith(_BEGINNINGS.get(begins, ())) and each.first.lower() in names
    ]
    return fitting[0] if len(fitting) == 1 else site.call


def of_column(site: CallSite, column: str) -> Operation:
    """Give the operation of a batch that changes or drops a column, else the call that opens the batch."""
    fitting = [each for each in site.batch if each.method in _OF_A_COLUMN and each.first == column]
    return fitting[-1] if fitting else site.call


def _calls(tree: ast.Module) -> dict[ast.Call, tuple[Operation, ...]]:
    """Give each call, with the operations of the batch that it opens."""
    found: dict[ast.Call, tuple[Operation, ...]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found.setdefault(node, ())
        elif isinstance(node, ast.With):
            found.update(_opened(node))
    return found


def _opened(block: ast.With) -> Iterator[tuple[ast.Call, tuple[Operation, ...]]]:
    for item in block.items:
        match item:
            case ast.withitem(context_expr=ast.Call() as call, optional_vars=ast.Name(id=name)):
                yield call, tuple(_called_on(name, block.body))


def _called_on(name: str, body: Sequence[ast.stmt]) -> Iterator[Operation]:
    for statement in body:
        for node in ast.walk(statement):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=owner))) if owner == name:
                    yield _operation(node)


def _operation(call: ast.Call) -> Operation:
    return Operation(call.lineno, _named(call), _first_text(call))


def _first_text(call: ast.Call) -> str:
    for given in (*call.args[:1], *(keyword.value for keyword in call.keywords)):
        match given:
            case ast.Constant(value=str(text)):
                return text
            case ast.Call():
                # Such as sa.Column("name", ...), or op.f("name").
                return _first_text(given)
    return ""


def _position(call: ast.Call) -> tuple[int, int | None, int, int | None]:
    return call.lineno, call.end_lineno, call.col_offset, call.end_col_offset


def _named(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return f"{owner}.{name}"
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return "a call"
