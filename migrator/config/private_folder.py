"""A project's `.migrator` folder: what this machine keeps of it, and nothing that belongs into git."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

STATE = ".migrator"


def private_folder(root: Path, name: str) -> Path:
    """Give a folder below `.migrator` of the project at `root`, made for its owner alone.

    Several processes may make it at once. Raises OSError.
    """
    top = root / STATE
    top.mkdir(mode=0o700, exist_ok=True)
    ignore = top / ".gitignore"
    if not ignore.exists():
        write_whole(ignore, "*\n", mode=0o644)
    folder = top / name
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def write_whole(path: Path, text: str, *, mode: int) -> None:
    """Write a file so that it is never seen half-written or with other permissions than `mode`.

    Raises OSError; then what was there before is there still, and nothing else.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
