"""Copies the file of a database before it is changed."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL

from migrator.config.private_folder import STATE, private_folder
from migrator.database.kinds import kind_of
from migrator.errors import DatabaseError

_FOLDER = "backups"
_KEPT = 5


def back_up(url: URL, root: Path) -> Path | None:
    """Copy an SQLite file into `.migrator/backups` of the project, readable for its owner alone.

    The last five copies of each file are kept. Gives the copy; None for other databases, and for a file that
    is missing or empty. Raises DatabaseError where it cannot be copied; then nothing has been changed.
    """
    kind = kind_of(url)
    source = kind.file_named(url.database)
    if source is None or not source.exists() or source.stat().st_size == 0:
        return None
    folder = root / STATE / _FOLDER
    # It tells files of one name in different folders apart.
    stem = f"{source.stem}-{hashlib.sha256(os.fsencode(source.resolve())).hexdigest()[:8]}"
    target = folder / f"{stem}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.sqlite"
    partial = target.with_suffix(".partial")
    try:
        private_folder(root, _FOLDER)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        kind.copy_file(source, partial)
        partial.replace(target)
    except OSError as exc:
        with suppress(OSError):
            partial.unlink()
        raise DatabaseError(
            f"The SQLite file {source} cannot be copied to {folder}: {exc}.",
            hint="Make room or correct the permissions; or go without a copy: --no-backup",
        ) from exc
    for old in sorted(folder.glob(f"{stem}-*.sqlite"))[:-_KEPT]:
        old.unlink(missing_ok=True)
    return target
