"""What a store of scratch databases can do, and how it names them."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
import time
from typing import Protocol

from sqlalchemy import URL

from migrator.errors import MigratorError
from migrator.scratch.manifest import Manifest


class TemplateGoneError(MigratorError):
    """A template cannot be copied: another process has taken it away, or reads it just now."""


class Store(Protocol):
    """A server, or a folder, where scratch databases are made and templates are kept.

    `server` names its kind and version, `major` is the first part of PostgreSQL's, empty for other kinds.
    `makes_roles` tells whether roles may be made there.
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
        """Make a role that may do nothing, for a history that grants it something."""


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
        return True
    return True
