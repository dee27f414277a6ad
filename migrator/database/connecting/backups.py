"""Copies an SQLite database before it is changed."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL

from migrator.config.private_folder import STATE, private_folder
from migrator.database.connecting.opening import sqlite_file
from migrator.errors import DatabaseError

_FOLDER = "backups"
_KEPT = 5


def back_up(url: URL, root: Path) -> Path | None:
    """Copy an SQLite file into `.migrator/backups` of the project, readable for its owner alone.

    The last five copies of each file are kept. Gives the copy; None for other databases, and for a file that
    is missing or empty. Raises DatabaseError where it cannot be copied; then nothing has been changed.
    """
    source = sqlite_file(url)
    if source is None or not source.exists() or source.stat().st_size == 0:
        return None
    folder = root / STATE / _FOLDER
    stem = _stem(source)
    target = folder / f"{stem}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.sqlite"
    try:
        private_folder(root, _FOLDER)
        _copy(source, target)
    except (OSError, sqlite3.Error) as exc:
        with suppress(OSError):
            target.with_suffix(".partial").unlink()
        raise DatabaseError(
            f"The SQLite file {source} cannot be copied to {folder}: {exc}.",
            hint="Make room or correct the permissions; or go without a copy: --no-backup",
        ) from exc
    _forget_old(folder, stem)
    return target


def _stem(source: Path) -> str:
    """Tell files of one name in different folders apart."""
    digest = hashlib.sha256(os.fsencode(source.resolve())).hexdigest()[:8]
    return f"{source.stem}-{digest}"


def _copy(source: Path, target: Path) -> None:
    partial = target.with_suffix(".partial")
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    reading = f"file:{source.resolve().as_uri().removeprefix('file://')}?mode=ro"
    with closing(sqlite3.connect(reading, uri=True)) as old, closing(sqlite3.connect(partial)) as new:
        old.backup(new)
    partial.replace(target)


def _forget_old(folder: Path, stem: str) -> None:
    for old in sorted(folder.glob(f"{stem}-*.sqlite"))[:-_KEPT]:
        old.unlink(missing_ok=True)
