"""Chooses where scratch databases of an environment are made, and makes those that are on a server.

The environment's own database is not contacted for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from migrator import secrets
from migrator.config.select import Workspace
from migrator.config.url import address, named_database, parse_url
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


def open_store(workspace: Workspace, report: Report) -> AbstractContextManager[Store]:
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
        return _server_store(url, origin, own=False)
    if kind.in_files:
        return file_store(workspace.environment.root, like.drivername if like else kind.name)
    if kind.has_own_server:
        return _on_own_server(workspace, like, report)
    raise NoScratchError(
        f"There is no scratch server for a {kind.name} database.",
        hint="Name one where databases may be made: scratch_url = URL, in the [migrator] section.",
    )


@contextmanager
def _on_own_server(workspace: Workspace, like: URL | None, report: Report) -> Iterator[Store]:
    environment = workspace.environment
    system = environment.settings.scratch == "system"
    if not system:
        try:
            wheel_binaries()
        except MissingExtraError as exc:
            missing = MissingExtraError("A scratch database", "embedded")
            raise NoScratchError(missing.message, hint=missing.hint) from exc
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


def _like(workspace: Workspace) -> URL | None:
    """Give the URL of the environment's own database, where files and variables tell it."""
    environment, choice = workspace.environment, workspace.choice
    if choice.url is not None:
        return workspace.database.url
    if not environment.managed:
        said = environment.file.option("sqlalchemy.url")
        return parse_url(said, f"sqlalchemy.url in {environment.config_file}") if said else None
    return workspace.database.url if named_database(environment, choice.process) else None


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
    with closing(connection):
        store = ServerStore(connection, url, own=own)
        store.sweep()
        yield store


class ServerStore(Store):
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
        name = new_name()
        try:
            self._connection.call(lambda c: self._kind.create_database(c, name, template))
        except DBAPIError as exc:
            if template is not None and means(exc, ErrorMeaning.IN_USE, ErrorMeaning.NO_DATABASE):
                raise TemplateGoneError from exc
            raise
        return self._url.set(database=name)

    def copy(self, url: URL) -> URL | None:
        return self.create(str(url.database)) if self._kind.copies_databases else None

    def drop(self, url: URL) -> None:
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
        found = self._connection.call(lambda c: self._kind.described(c, TEMPLATE))
        return {name: manifest for name, said in found if (manifest := Manifest.loads(said)) is not None}

    def open(self, name: str) -> URL | None:
        return self._url.set(database=name) if self._kind.copies_databases else None

    def keep(self, url: URL, manifest: Manifest) -> None:
        if not self._kind.copies_databases:
            return
        name = TEMPLATE + manifest.key
        # It has another name until it is whole.
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
        try:
            # Whoever reads or copies it is not to be thrown out: it stays for the next time.
            self._drop(name, force=False)
        except DBAPIError as exc:
            if not means(exc, ErrorMeaning.IN_USE):
                raise

    def make_role(self, name: str) -> None:
        try:
            self._connection.call(lambda c: self._kind.create_role(c, name))
        except DBAPIError as exc:
            # Another process may have made it in this very moment.
            if not means(exc, ErrorMeaning.EXISTS):
                raise
