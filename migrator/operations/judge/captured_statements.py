"""Captures the statements that revisions run on a scratch database, with file, line and operation of each."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from inspect import currentframe
from pathlib import Path
from types import FrameType
from typing import Any
from warnings import catch_warnings, simplefilter

from sqlalchemy import Connection, event, inspect
from sqlalchemy.exc import NoSuchTableError, SAWarning
from sqlalchemy.types import NullType

from migrator.bridge.revision_files.plan import PlannedStep, script_of
from migrator.config.environments import Environment
from migrator.lint.ddl import Tokens, altered_table
from migrator.lint.judgement import Statement
from migrator.lint.new_objects import copied
from migrator.lint.own_rules import changes_type, own_rules
from migrator.lint.tokens import statements as cut
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


def operation_of(site: CallSite, tokens: Tokens) -> Operation:
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


# What a condition of a revision, or Alembic before it copies a table, asks the database.
_ONLY_READ = frozenset({"SELECT", "SHOW", "PRAGMA", "DESCRIBE", "DESC", "EXPLAIN"})


class Capture:
    """Watches the runs of a scratch database. `statements` are those of the wanted revisions, in their order.

    `server_major` is the first part of its version, such as `18`, once a revision has run.
    """

    def __init__(self, environment: Environment, folders: Collection[Path], wanted: Collection[str]) -> None:
        self.statements: list[Statement] = []
        self.revisions: list[str] = []
        self.server_major: str | None = None
        self._environment = environment
        self._folders = tuple(f"{folder.resolve()}/" for folder in folders)
        self._wanted = wanted
        self._revision: str | None = None
        self._connection: Connection | None = None
        self._asking = False
        self._calls: dict[Path, dict[ast.Call, tuple[Operation, ...]]] = {}

    def watch(self, connection: Connection, step: PlannedStep) -> None:
        """Take note that a step is about to run on a connection."""
        if connection is not self._connection:
            self._connection = connection
            self.server_major = str((connection.dialect.server_version_info or ("",))[0]) or None
            # The revision may open a second connection, which comes from the same engine.
            event.listen(connection.engine, "before_cursor_execute", self._before)
        script = script_of(step)
        self._revision = None
        if script is not None and script.revision in self._wanted:
            self._revision = script.revision
            self._forget(script.revision)
            self.revisions.append(script.revision)

    def _forget(self, revision: str) -> None:
        """Forget what a revision ran before it failed: it begins again when a role was made for it."""
        if revision in self.revisions:
            self.revisions.remove(revision)
            self.statements = [each for each in self.statements if each.revision != revision]

    def _before(self, connection: Connection, _cursor: Any, sql: str, *_: object) -> None:
        if self._revision is None or self._asking:
            return
        frame = self._in_version_file(currentframe())
        pieces = cut(sql, connection.dialect.name)
        # Without a frame it is a statement of Alembic's own, about its version table.
        if frame is None or not pieces or pieces[0][0].word in _ONLY_READ:
            return
        site = self._site(frame)
        for operation, old_types in _shares(site, pieces, self._types(connection, pieces)):
            self.statements.append(
                Statement(
                    sql=sql,
                    revision=self._revision,
                    file=self._environment.shown(site.path),
                    line=operation.line,
                    operation=operation.name,
                    in_transaction=connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT",
                    old_types=old_types,
                )
            )

    def _in_version_file(self, frame: FrameType | None) -> FrameType | None:
        """Give the innermost frame that runs a file of a version folder."""
        while frame is not None:
            if frame.f_code.co_filename.startswith(self._folders):
                return frame
            frame = frame.f_back
        return None

    def _site(self, frame: FrameType) -> CallSite:
        """Give the call that a frame is at; without a name where there is none on its line."""
        path, line = Path(frame.f_code.co_filename), frame.f_lineno
        if path not in self._calls:
            self._calls[path] = _calls(parse(path.read_bytes()))
        calls = self._calls[path]
        position = list(frame.f_code.co_positions())[frame.f_lasti // 2]
        at_line = [call for call in calls if call.lineno <= line <= (call.end_lineno or line)]
        found = [call for call in at_line if _position(call) == position] or at_line
        if not found:
            return CallSite(path, Operation(line, ""))
        return CallSite(path, _operation(found[0]), calls[found[0]])

    def _types(self, connection: Connection, pieces: Sequence[Tokens]) -> dict[str, str]:
        """Give the types of the columns of each table that a statement copies, or changes a type of."""
        found: dict[str, str] = {}
        self._asking = True
        try:
            for table in (table for tokens in pieces for table in _retyped(tokens)):
                found.update(_columns(connection, table))
        finally:
            self._asking = False
        return found


def _shares(
    site: CallSite, pieces: Sequence[Tokens], types: Mapping[str, str]
) -> Iterator[tuple[Operation, Mapping[str, str]]]:
    """Give the operations that a statement carries out, each with the types of what it changes."""
    copy = copied(pieces[0])
    if copy is None:
        yield operation_of(site, pieces[0]), types
        return
    new = {key: type_ for key, type_ in types.items() if key.rpartition(".")[0] == copy.copy}
    shares: dict[Operation, dict[str, str]] = {}
    for key in types.keys() - new.keys():
        own = {key: types[key], **new}
        if any(own_rules(pieces[0], own)):
            shares.setdefault(of_column(site, key.rpartition(".")[2]), {}).update(own)
    yield from sorted(shares.items(), key=lambda share: share[0].line) or [(site.call, {})]


def _retyped(tokens: Tokens) -> Iterator[str]:
    altered, copy = altered_table(tokens), copied(tokens)
    if altered is not None and any(changes_type(action) for action in altered[1]):
        yield altered[0]
    if copy is not None:
        yield from (copy.table, copy.copy)


def _columns(connection: Connection, name: str) -> Iterator[tuple[str, str]]:
    """Give the columns of a table with their types, but for those that SQLAlchemy has no type for."""
    schema, _dot, table = name.rpartition(".")
    with suppress(NoSuchTableError), catch_warnings():
        simplefilter("ignore", SAWarning)
        for column in inspect(connection).get_columns(table, schema=schema or None):
            if not isinstance(column["type"], NullType) and not column.get("computed"):
                yield f"{name}.{column['name']}", column["type"].compile(connection.dialect)
