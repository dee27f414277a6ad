"""Keeps an env.py that is only looked through from making the SQLite file that it connects to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from migrator.errors import DatabaseError


class AbsentFileError(DatabaseError):
    """The SQLite database does not exist."""

    def __init__(self, file: str) -> None:
        super().__init__(
            f"The SQLite database {file} does not exist.", hint="Create it with: migrator upgrade"
        )
        self.file = file


def make_no_files() -> None:
    """From now on, let no engine of this process make an SQLite file: connecting raises AbsentFileError.

    It is for a process that does nothing but ask: it cannot be taken back.
    """

    @event.listens_for(Engine, "do_connect")
    def refuse(dialect: Any, _record: object, args: list[Any], _parameters: object) -> None:
        file = str(args[0]) if dialect.name == "sqlite" and args else ":memory:"
        if file and file != ":memory:" and not file.startswith("file:") and not Path(file).exists():
            raise AbsentFileError(file)
