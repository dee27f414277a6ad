"""Captures the statements that revisions run on a scratch database, with file, line and operation of each."""

from __future__ import annotations

import ast
from collections.abc import Collection
from contextlib import suppress
from inspect import currentframe
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import Connection, event, inspect
from sqlalchemy.exc import NoSuchTableError

from migrator.bridge.plan import PlannedStep, script_of
from migrator.config.environments import Environment
from migrator.lint.ddl import altered_table
from migrator.lint.own import changes_type
from migrator.lint.statements import Statement
from migrator.lint.tokens import statements as cut
from migrator.revisions.fingerprint import parse


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
        self._calls: dict[Path, tuple[ast.Call, ...]] = {}

    def watch(self, connection: Connection, step: PlannedStep) -> None:
        """Take note that a step is about to run on a connection."""
        if connection is not self._connection:
            self._connection = connection
            self.server_major = str((connection.dialect.server_version_info or ("",))[0]) or None
            event.listen(connection, "before_cursor_execute", self._before)
        script = script_of(step)
        self._revision = None
        if script is not None and script.revision in self._wanted:
            self._revision = script.revision
            self.revisions.append(script.revision)

    def _before(self, connection: Connection, _cursor: Any, sql: str, *_: object) -> None:
        if self._revision is None or self._asking:
            return
        frame = self._in_version_file(currentframe())
        if frame is None:
            # A statement of Alembic's own, about its version table.
            return
        path, line, operation = self._call(frame)
        self.statements.append(
            Statement(
                sql=sql,
                revision=self._revision,
                file=self._environment.shown(path),
                line=line,
                operation=operation,
                in_transaction=connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT",
                old_types=self._old_types(connection, sql),
            )
        )

    def _in_version_file(self, frame: FrameType | None) -> FrameType | None:
        """Give the innermost frame that runs a file of a version folder."""
        while frame is not None:
            if frame.f_code.co_filename.startswith(self._folders):
                return frame
            frame = frame.f_back
        return None

    def _call(self, frame: FrameType) -> tuple[Path, int, str]:
        """Give the file, the line and the name of the call that a frame is at."""
        path, line = Path(frame.f_code.co_filename), frame.f_lineno
        if path not in self._calls:
            nodes = ast.walk(parse(path.read_bytes()))
            self._calls[path] = tuple(node for node in nodes if isinstance(node, ast.Call))
        position = list(frame.f_code.co_positions())[frame.f_lasti // 2]
        at_line = [call for call in self._calls[path] if call.lineno <= line <= (call.end_lineno or line)]
        found = [call for call in at_line if _position(call) == position] or at_line
        return (path, found[0].lineno, _named(found[0])) if found else (path, line, "")

    def _old_types(self, connection: Connection, sql: str) -> dict[str, str]:
        """Give the types of the columns of each table of which the statement changes one."""
        found: dict[str, str] = {}
        for tokens in cut(sql, connection.dialect.name):
            altered = altered_table(tokens)
            if altered is None or not any(changes_type(action) for action in altered[1]):
                continue
            schema, _dot, table = altered[0].rpartition(".")
            self._asking = True
            try:
                with suppress(NoSuchTableError):
                    for column in inspect(connection).get_columns(table, schema=schema or None):
                        old = column["type"].compile(connection.dialect)
                        found[f"{altered[0]}.{column['name']}"] = old
            finally:
                self._asking = False
        return found


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
