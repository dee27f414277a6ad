"""Scratch databases on a PostgreSQL, MariaDB or MySQL server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from migrator.config.url import address
from migrator.database.connecting.engine import SessionOptions, any_engine
from migrator.database.connecting.second_connection import SecondConnection
from migrator.database.failures import causes, database_error
from migrator.scratch.manifest import Manifest
from migrator.scratch.store import TEMPLATE, TemplateGoneError, is_stale, new_name

_IN_USE = "55006"
_GONE = "3D000"
_EXISTS = "42P04"
_ROLE_EXISTS = "42710"
_TWICE = "23505"


def connect(url: URL) -> SecondConnection:
    """Connect to a database, in autocommit and in a thread of its own. Raises what the driver raises."""
    return SecondConnection(any_engine(url, SessionOptions()), lambda _connection: None)


@contextmanager
def server_store(url: URL, origin: str, *, own: bool) -> Iterator[ServerStore]:
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
    """A server. Templates are databases with their manifest as a comment, and stay as they are."""

    def __init__(self, connection: SecondConnection, url: URL, *, own: bool) -> None:
        self._connection = connection
        self._url = url
        self.makes_roles = own
        self.backend = "postgresql" if url.get_backend_name() == "postgresql" else "mysql"
        version = "SHOW server_version_num" if self._is_postgresql else "SELECT version()"
        number = self._scalar(version)
        self.server = f"{self.backend} {number}"
        self.major = str(int(number) // 10000) if self._is_postgresql else ""

    @property
    def _is_postgresql(self) -> bool:
        return self.backend == "postgresql"

    def create(self, template: str | None = None) -> URL:
        """Make a database, empty or as a copy of a template. Raises TemplateGoneError."""
        name = new_name()
        if not self._is_postgresql:
            self._run(f"CREATE DATABASE {name}")
            return self._url.set(database=name)
        try:
            self._run(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'}{self._strategy(template)}")
        except DBAPIError as exc:
            if template is not None and _is(exc, _IN_USE, _GONE):
                raise TemplateGoneError from exc
            raise
        # What is lost in a crash of the server is thrown away anyway.
        self._run(f"ALTER DATABASE {name} SET synchronous_commit = off")
        return self._url.set(database=name)

    def copy(self, url: URL) -> URL | None:
        """Make a copy of a database; None on a server that copies none. Raises TemplateGoneError."""
        return self.create(str(url.database)) if self._is_postgresql else None

    def _strategy(self, template: str | None) -> str:
        """Copying a database of many tables as files takes a fraction of logging each of its pages."""
        version = int(self.server.rpartition(" ")[2])
        return " STRATEGY FILE_COPY" if template is not None and version >= 150000 else ""

    def drop(self, url: URL) -> None:
        """Take a database away, whoever is connected to it."""
        self._drop(str(url.database))

    def _drop(self, name: str) -> None:
        if self._is_postgresql and int(self.server.rpartition(" ")[2]) < 130000:
            self._scalar(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = :name",
                name=name,
            )
            self._run(f"DROP DATABASE IF EXISTS {name}")
            return
        self._run(f"DROP DATABASE IF EXISTS {name}{' WITH (FORCE)' if self._is_postgresql else ''}")

    def sweep(self) -> None:
        """Take away what processes that have ended left behind."""
        question = "SELECT datname FROM pg_database" if self._is_postgresql else "SHOW DATABASES"
        for name in self._connection.call(lambda c: list(map(str, c.scalars(text(question))))):
            if is_stale(name):
                # Another process may be sweeping too.
                with contextlib.suppress(DBAPIError):
                    self._drop(name)

    def templates(self) -> dict[str, Manifest]:
        """Give the templates by name, the oldest first."""
        if not self._is_postgresql:
            return {}
        question = text(
            "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database"
            " WHERE starts_with(datname, :prefix) ORDER BY oid"
        )
        rows = self._connection.call(lambda c: c.execute(question, {"prefix": TEMPLATE}).all())
        found = {str(name): Manifest.loads(said) for name, said in rows if said}
        return {name: manifest for name, manifest in found.items() if manifest is not None}

    def open(self, name: str) -> URL | None:
        """Give the URL of a template itself."""
        return self._url.set(database=name) if self._is_postgresql else None

    def keep(self, url: URL, manifest: Manifest) -> None:
        """Keep a copy of a database as a template, made under another name until it is whole."""
        if not self._is_postgresql:
            return
        name = TEMPLATE + manifest.key
        try:
            draft = str(self.create(url.database).database)
        except TemplateGoneError:
            # A connection that closes late is no reason to fail: the next run may keep it.
            return
        try:
            comment = manifest.dumps().replace("'", "''")
            self._run(f"COMMENT ON DATABASE {draft} IS '{comment}'")
            self._run(f"ALTER DATABASE {draft} RENAME TO {name}")
        except DBAPIError as exc:
            self._drop(draft)
            if not _is(exc, _EXISTS, _TWICE):
                raise

    def forget(self, name: str) -> None:
        """Take a template away; one that is being copied stays for the next time."""
        try:
            # Whoever reads it is not to be thrown out.
            self._run(f"DROP DATABASE IF EXISTS {name}")
        except DBAPIError as exc:
            if not _is(exc, _IN_USE):
                raise

    def make_role(self, name: str) -> None:
        """Make a role that may do nothing; it stays on the server."""
        quoted = name.replace('"', '""')
        try:
            self._run(f'CREATE ROLE "{quoted}" NOLOGIN')
        except DBAPIError as exc:
            # Another process may have made it in this very moment.
            if not _is(exc, _ROLE_EXISTS, _TWICE):
                raise

    def _run(self, statement: str) -> None:
        # As plain text: a manifest may hold colons.
        self._connection.call(lambda c: c.exec_driver_sql(statement).close())

    def _scalar(self, statement: str, **values: str) -> str:
        return str(self._connection.call(lambda c: c.execute(text(statement), values).scalar_one()))


def _is(exc: BaseException, *sqlstates: str) -> bool:
    return any(getattr(each, "sqlstate", None) in sqlstates for each in causes(exc))
