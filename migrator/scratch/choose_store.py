"""Chooses where scratch databases of an environment are made, and makes those that are on a server.

The environment's own database is not contacted for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from migrator import secrets
from migrator.config.select import Workspace
from migrator.config.url import address, names_database, parse_url
from migrator.database.connecting.engine import SessionOptions, any_engine
from migrator.database.connecting.second_connection import SecondConnection
from migrator.database.embedded import scratch_server
from migrator.database.embedded.binaries import wheel_binaries
from migrator.database.failures import database_error, means
from migrator.database.kinds import kind_of
from migrator.database.kinds.interface import DatabaseKind, ErrorMeaning
from migrator.errors import ConfigurationError, MissingExtraError
from migrator.results.events import Report, Waiting
from migrator.scratch.failures_in_words import NoScratchError
from migrator.scratch.manifest import Manifest
from migrator.scratch.store import TEMPLATE, Store, TemplateGoneError, file_store, is_stale, new_name


@contextmanager
def open_store(workspace: Workspace, report: Report) -> Iterator[Store]:
    """Open the place that the configuration names, of the same kind as the environment's database.

    Raises NoScratchError where there is none for that kind, or the embedded PostgreSQL is needed and not
    installed, ConfigurationError and DatabaseError.
    """
    settings = workspace.environment.settings
    like = _like(workspace)
    kind = _kind(like)
    if settings.scratch_url is not None:
        origin = f"scratch_url in {workspace.environment.shown(workspace.environment.config_file)}"
        url = parse_url(settings.scratch_url, origin)
        if like is not None and _kind(url).name != kind.name:
            raise ConfigurationError(
                f"The {origin} is a {_kind(url).name}, but the database of {workspace.environment.name} is a"
                f" {kind.name}.",
                hint="Name a server of the same kind.",
            )
        with _server_store(url, origin, own=False) as store:
            yield store
    elif kind.in_files:
        with file_store(workspace.environment.root, like.drivername if like else kind.name) as store:
            yield store
    elif kind.has_own_server:
        with _on_own_server(workspace, like, report) as store:
            yield store
    else:
        raise NoScratchError(
            f"There is no scratch server for a {kind.name} database.",
            hint="Name one where databases may be made: scratch_url = URL, in the [migrator] section.",
        )


@contextmanager
def _on_own_server(workspace: Workspace, like: URL | None, report: Report) -> Iterator[Store]:
    environment = workspace.environment
    system = environment.settings.scratch == "system"
    if not system:
        _require_wheel()
    running = scratch_server(environment.root, announce=lambda text: report(Waiting(text)), system=system)
    with running as server:
        secrets.register(server.password)
        url = URL.create(
            # Through the environment's own driver, as its revisions may use what only that one has.
            like.drivername if like is not None else "postgresql",
            username=server.user,
            password=server.password,
            host=server.host,
            port=server.port,
            database="postgres",
        )
        with _server_store(url, "scratch", own=True) as store:
            yield store


def _require_wheel() -> None:
    try:
        wheel_binaries()
    except MissingExtraError as exc:
        missing = MissingExtraError("A scratch database", "embedded")
        raise NoScratchError(missing.message, hint=missing.hint) from exc


def _like(workspace: Workspace) -> URL | None:
    """Give the URL of the environment's own database, where files and variables tell it."""
    environment, choice = workspace.environment, workspace.choice
    if choice.url is not None:
        return workspace.database.url
    if not environment.managed:
        said = environment.file.option("sqlalchemy.url")
        return parse_url(said, f"sqlalchemy.url in {environment.config_file}") if said else None
    return workspace.database.url if names_database(environment, choice.process) else None


def _kind(url: URL | None) -> DatabaseKind:
    # Without a URL it is the embedded PostgreSQL.
    return kind_of(url if url is not None else "postgresql")


def connect(url: URL) -> SecondConnection:
    """Connect to a database, in autocommit and in a thread of its own. Raises what the driver raises."""
    return SecondConnection(any_engine(url, SessionOptions()), lambda _connection: None)


@contextmanager
def _server_store(url: URL, origin: str, *, own: bool) -> Iterator[ServerStore]:
    """Connect to a server's database `url`, from which others are made; `own` says that it is migrator's.

    Raises DatabaseError where it cannot be used; `origin` names the place of the URL.
    """
    try:
        connection = connect(url)
    except (SQLAlchemyError, OSError) as exc:
        raise database_error(exc, address(url), origin) from exc
    try:
        store = ServerStore(connection, url, own=own)
        store.sweep()
        yield store
    finally:
        connection.close()


class ServerStore:
    """A server. Templates are databases with their manifest as a description, and stay as they are."""

    def __init__(self, connection: SecondConnection, url: URL, *, own: bool) -> None:
        self._connection = connection
        self._url = url
        self._kind = kind_of(url)
        self.makes_roles = own
        self.backend = self._kind.name
        version = connection.call(self._kind.server_version)
        self.server = f"{self.backend} {version}"
        self.major = self._kind.major(version)

    def create(self, template: str | None = None) -> URL:
        """Make a database, empty or as a copy of a template. Raises TemplateGoneError."""
        name = new_name()
        try:
            self._connection.call(lambda c: self._kind.create_database(c, name, template))
        except DBAPIError as exc:
            if template is not None and means(exc, ErrorMeaning.IN_USE, ErrorMeaning.NO_DATABASE):
                raise TemplateGoneError from exc
            raise
        return self._url.set(database=name)

    def copy(self, url: URL) -> URL | None:
        """Make a copy of a database; None on a server that copies none. Raises TemplateGoneError."""
        return self.create(str(url.database)) if self._kind.copies_databases else None

    def drop(self, url: URL) -> None:
        """Take a database away, whoever is connected to it."""
        self._drop(str(url.database), force=True)

    def _drop(self, name: str, *, force: bool) -> None:
        self._connection.call(lambda c: self._kind.drop_database(c, name, force=force))

    def sweep(self) -> None:
        """Take away what processes that have ended left behind."""
        for name in self._connection.call(self._kind.database_names):
            if is_stale(name):
                # Another process may be sweeping too.
                with suppress(DBAPIError):
                    self._drop(name, force=True)

    def templates(self) -> dict[str, Manifest]:
        """Give the templates by name, the oldest first."""
        found = self._connection.call(lambda c: self._kind.described(c, TEMPLATE))
        read = {name: Manifest.loads(said) for name, said in found}
        return {name: manifest for name, manifest in read.items() if manifest is not None}

    def open(self, name: str) -> URL | None:
        """Give the URL of a template itself."""
        return self._url.set(database=name) if self._kind.copies_databases else None

    def keep(self, url: URL, manifest: Manifest) -> None:
        """Keep a copy of a database as a template, made under another name until it is whole."""
        if not self._kind.copies_databases:
            return
        name = TEMPLATE + manifest.key
        try:
            draft = str(self.create(url.database).database)
        except TemplateGoneError:
            # A connection that closes late is no reason to fail: the next run may keep it.
            return
        try:
            self._connection.call(lambda c: self._kind.describe(c, draft, manifest.dumps(), name))
        except DBAPIError as exc:
            self._drop(draft, force=True)
            if not means(exc, ErrorMeaning.EXISTS):
                raise

    def forget(self, name: str) -> None:
        """Take a template away; one that is being copied stays for the next time."""
        try:
            # Whoever reads it is not to be thrown out.
            self._drop(name, force=False)
        except DBAPIError as exc:
            if not means(exc, ErrorMeaning.IN_USE):
                raise

    def make_role(self, name: str) -> None:
        """Make a role that may do nothing; it stays on the server."""
        try:
            self._connection.call(lambda c: self._kind.create_role(c, name))
        except DBAPIError as exc:
            # Another process may have made it in this very moment.
            if not means(exc, ErrorMeaning.EXISTS):
                raise
