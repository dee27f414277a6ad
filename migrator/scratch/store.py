"""What a store of scratch databases can do, how it names them, and the store that keeps SQLite's as files."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL

from migrator.config.private_folder import private_folder
from migrator.database.kinds.sqlite import SQLite
from migrator.errors import MigratorError
from migrator.scratch.manifest import Manifest


class TemplateGoneError(MigratorError):
    """A template cannot be copied: another process has taken it away, or reads it just now."""


class Store(Protocol):
    """A server, or a folder, where scratch databases are made and templates are kept.

    `server` names its kind and version, `major` is the first part of PostgreSQL's, empty for other kinds.
    `makes_roles` tells whether roles may be made there. `create` and `copy` raise TemplateGoneError.
    """

    backend: str
    server: str
    major: str = ""
    makes_roles: bool = False

    def create(self, template: str | None = None) -> URL:
        """Make a database, empty or as a copy of a template; gives its URL, password and all."""

    def copy(self, url: URL) -> URL | None:
        """Make a copy of a database that nobody is connected to; None where that cannot be done."""

    def drop(self, url: URL) -> None:
        """Take a database away."""

    def templates(self) -> dict[str, Manifest]:
        """Give the templates by name, the oldest first."""

    def open(self, name: str) -> URL | None:  # noqa: ARG002
        """Give the URL of a template itself, to be read; None where only copies can be reached."""
        return None

    def keep(self, url: URL, manifest: Manifest) -> None:
        """Keep a copy of a database as a template; nothing is done where there is an equal one."""

    def forget(self, name: str) -> None:
        """Take a template away."""

    def make_role(self, name: str) -> None:
        """Make a role that may do nothing, for a history that grants it something; it stays."""


PREFIX = "migrator_scratch_"
TEMPLATE = f"{PREFIX}t_"
_OLD_SECONDS = 24 * 3600
_NAME = re.compile(rf"{PREFIX}(?P<host>[0-9a-f]{{6}})_(?P<pid>\d+)_(?P<made>\d+)_[0-9a-f]+")


def new_name() -> str:
    """Give a new name, with this host, this process and the time in it."""
    return f"{PREFIX}{_host()}_{os.getpid()}_{int(time.time())}_{secrets.token_hex(3)}"


def is_stale(name: str) -> bool:
    """Whether nobody uses a scratch database any more: its process has ended, or it is a day old."""
    found = _NAME.fullmatch(name)
    if found is None:
        return False
    if found["host"] == _host():
        return not _alive(int(found["pid"]))
    return time.time() - int(found["made"]) > _OLD_SECONDS


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # It is another user's.
        pass
    return True


@contextmanager
def file_store(root: Path, drivername: str) -> Iterator[FileStore]:
    """Give a folder for scratch files, taken away afterwards, and the project's templates."""
    top = Path(tempfile.gettempdir())
    for left in top.glob(f"{PREFIX}*"):
        if is_stale(left.name):
            shutil.rmtree(left, ignore_errors=True)
    folder = top / new_name()
    folder.mkdir(mode=0o700)
    try:
        yield FileStore(folder, root, drivername)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class FileStore(Store):
    """A folder of SQLite files, whose copies take no time. A template counts once its manifest is there."""

    backend = SQLite.name

    def __init__(self, folder: Path, root: Path, drivername: str) -> None:
        self._folder = folder
        self._root = root
        self._drivername = drivername
        self._kind = SQLite()
        self.server = f"{self.backend} {sqlite3.sqlite_version}"

    @property
    def _kept(self) -> Path:
        return private_folder(self._root, "scratch")

    def create(self, template: str | None = None) -> URL:
        try:
            return self._new(self._kept / f"{template}.sqlite" if template is not None else None)
        except OSError as exc:
            if template is None:
                raise
            raise TemplateGoneError from exc

    def copy(self, url: URL) -> URL:
        return self._new(Path(str(url.database)))

    def _new(self, source: Path | None) -> URL:
        file = self._folder / f"{secrets.token_hex(6)}.sqlite"
        if source is None:
            file.touch(mode=0o600)
        else:
            self._copy(source, file)
        return URL.create(self._drivername, database=str(file))

    def drop(self, url: URL) -> None:
        """Take a file away, with what SQLite keeps beside it."""
        for each in self._folder.glob(f"{Path(str(url.database)).name}*"):
            each.unlink(missing_ok=True)

    def templates(self) -> dict[str, Manifest]:
        found = {}
        for path in sorted(self._kept.glob("*.json"), key=_made):
            with suppress(OSError):
                manifest = Manifest.loads(path.read_text(encoding="utf-8"))
                if manifest is not None and path.with_suffix(".sqlite").exists():
                    found[path.stem] = manifest
        return found

    def keep(self, url: URL, manifest: Manifest) -> None:
        target = self._kept / f"{manifest.key}.sqlite"
        draft = target.with_name(f".{secrets.token_hex(6)}")
        self._copy(Path(str(url.database)), draft)
        draft.replace(target)
        # The manifest comes last, and makes it a template.
        draft.write_text(manifest.dumps(), encoding="utf-8")
        draft.replace(target.with_suffix(".json"))

    def forget(self, name: str) -> None:
        # The manifest first: without it the file is no template.
        for suffix in (".json", ".sqlite"):
            (self._kept / f"{name}{suffix}").unlink(missing_ok=True)

    def _copy(self, source: Path, target: Path) -> None:
        self._kind.copy_file(source, target)
        target.chmod(0o600)

    def make_role(self, name: str) -> None:
        """SQLite has no roles."""
        raise NotImplementedError(name)


def _made(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
