"""Keeps an env.py from leaving an SQLite file behind where there was none: connecting makes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from migrator.errors import DatabaseError


class AbsentFileError(DatabaseError):
    """The SQLite database does not exist."""

    def __init__(self, file: str) -> None:
        super().__init__(
            f"The SQLite database {file} does not exist.",
            hint="Create it with: migrator upgrade, and the same options",
        )
        self.file = file


@contextmanager
def no_files_made() -> Iterator[None]:
    """Let no engine of this process make an SQLite file in the block: connecting raises AbsentFileError."""

    def refuse(dialect: Any, _record: object, args: list[Any], _parameters: object) -> None:
        file = _absent_file(dialect, args)
        if file is not None:
            raise AbsentFileError(file)

    with _before_connecting(refuse):
        yield


@contextmanager
def no_empty_files_left() -> Iterator[None]:
    """Remove those SQLite files that connecting made in the block, and nothing was written into."""
    made: set[Path] = set()

    def note(dialect: Any, _record: object, args: list[Any], _parameters: object) -> None:
        file = _absent_file(dialect, args)
        if file is not None:
            made.add(Path(file).absolute())

    try:
        with _before_connecting(note):
            yield
    finally:
        for file in made:
            if file.exists() and file.stat().st_size == 0:
                file.unlink()


@contextmanager
def _before_connecting(listener: Any) -> Iterator[None]:
    event.listen(Engine, "do_connect", listener)
    try:
        yield
    finally:
        event.remove(Engine, "do_connect", listener)


def _absent_file(dialect: Any, args: list[Any]) -> str | None:
    file = str(args[0]) if dialect.name == "sqlite" and args else ":memory:"
    if not file or file == ":memory:" or file.startswith("file:") or Path(file).exists():
        return None
    return file
