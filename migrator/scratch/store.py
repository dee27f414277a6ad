"""What a place for scratch databases can do, whatever its kind."""

from __future__ import annotations

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
    major: str
    makes_roles: bool

    def create(self, template: str | None = None) -> URL:
        """Make a database, empty or as a copy of a template; gives its URL, password and all."""

    def copy(self, url: URL) -> URL | None:
        """Make a copy of a database that nobody is connected to; None where that cannot be done."""

    def drop(self, url: URL) -> None:
        """Take a database away."""

    def templates(self) -> dict[str, Manifest]:
        """Give the templates by name, the oldest first."""

    def open(self, name: str) -> URL | None:
        """Give the URL of a template itself, to be read; None where only copies can be reached."""

    def keep(self, url: URL, manifest: Manifest) -> None:
        """Keep a copy of a database as a template; nothing is done where there is an equal one."""

    def forget(self, name: str) -> None:
        """Take a template away."""

    def make_role(self, name: str) -> None:
        """Make a role that may do nothing, for a history that grants it something."""
