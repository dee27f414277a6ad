"""Rows for a scratch database, so that data migrations meet data: a file of SQL, loaded at a revision."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from migrator.config.select import Workspace
from migrator.database.connecting.timeouts import run_plainly
from migrator.database.failures import first_line, is_database_failure
from migrator.database.kinds import kind_of
from migrator.errors import ConfigurationError, UsageError
from migrator.scratch.scratch_database import ScratchDatabase

_PROJECT_FILE = Path("tests") / "seed.sql"
_AT = re.compile(r"--\s*migrator:\s*at\s+(\S+)\s*")


@dataclass(frozen=True)
class Seed:
    """A file of SQL, as it is shown, and the revision at which it is loaded."""

    shown: str
    revision: str
    sql: str = field(repr=False)

    def load(self, database: ScratchDatabase) -> None:
        """Run the file's statements. Raises ConfigurationError where one fails."""
        try:
            database.call(self._run)
        except Exception as exc:
            if not is_database_failure(exc):
                raise
            raise ConfigurationError(
                f"{self.shown} cannot be loaded at revision {self.revision}: {first_line(exc)}",
                hint="Correct the file, or name the revision whose tables it is for.",
            ) from exc

    def _run(self, connection: Connection) -> None:
        if kind_of(connection.dialect.name).runs_scripts:
            run_plainly(connection, self.sql)
            return
        for statement in _statements(self.sql):
            connection.exec_driver_sql(statement)


def said_seed(workspace: Workspace, said: str) -> Seed:
    """Read `FILE@REVISION`. Raises UsageError, and ConfigurationError for a file that cannot be read."""
    file, at, revision = said.rpartition("@")
    if not (file and at and revision) or "/" in revision:
        raise UsageError(
            f"--seed {said} does not say at which revision the file is loaded.",
            hint="For example: --seed tests/seed.sql@16619171fa2e",
        )
    return _read(workspace, Path(file), revision)


def project_seed(workspace: Workspace) -> Seed | None:
    """Read the project's tests/seed.sql; None where it has none.

    Raises ConfigurationError where its first line does not say at which revision it is loaded.
    """
    path = workspace.environment.root / _PROJECT_FILE
    return _read(workspace, path, None) if path.is_file() else None


def _read(workspace: Workspace, path: Path, revision: str | None) -> Seed:
    shown = workspace.environment.shown(path)
    try:
        sql = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(
            f"The seed file {shown} cannot be read: {exc}.", hint="Check the path after --seed."
        ) from exc
    if revision is None:
        found = _AT.fullmatch(sql.partition("\n")[0].strip())
        if found is None:
            raise ConfigurationError(
                f"{shown} does not say at which revision it is loaded.",
                hint="Write as its first line: -- migrator: at REVISION",
            )
        revision = found[1]
    return Seed(shown, revision, sql)


def _statements(sql: str) -> Iterator[str]:
    """Give the statements of a file one by one: SQLite's drivers take no more at once."""
    statement = ""
    for piece in re.split("(?<=;)", sql):
        statement += piece
        # A semicolon may stand in a literal, a comment or a trigger.
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
