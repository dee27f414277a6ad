"""Where version files are kept after a history was started over."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path


def archive_folder(versions: Path) -> Path:
    """Give the folder that holds the archives of a version folder: `archive` beside it."""
    return versions.parent / "archive"


def new_archive(versions: Path, now: datetime | None = None) -> Path:
    """Give a new archive's path, named by the UTC time to the second; it does not exist yet."""
    stamp = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = archive_folder(versions) / stamp
    number = 1
    while path.exists():
        number += 1
        path = archive_folder(versions) / f"{stamp}-{number}"
    return path
