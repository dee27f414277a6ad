"""Captures the statements that revisions run on a scratch database, with file, line and operation of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
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
from migrator.lint.captured import Statement
from migrator.lint.ddl import Tokens, altered_table
from migrator.lint.own_rules import changes_type, own_rules
from migrator.lint.table_copies import copied
from migrator.lint.tokens import statements as cut
from migrator.operations.judge.operation_calls import Calls, CallSite, Operation, meant, of_column

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
        self._calls = Calls()

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
        site = self._calls.site(frame)
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
        yield meant(site, pieces[0]), types
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
