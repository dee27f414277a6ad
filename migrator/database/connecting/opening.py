"""Makes an environment's database reachable for the length of a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

from migrator.config.environments import Environment
from migrator.config.url import DatabaseSource, address
from migrator.database.connecting.second_connection import INTERNAL, SecondConnection
from migrator.database.connecting.timeouts import run_plainly
from migrator.database.kinds import kind_of
from migrator.database.kinds.postgresql import session_of_login
from migrator.errors import DatabaseError
from migrator.results.events import Connecting, Report, Waiting


class AbsentFileError(DatabaseError):
    """The SQLite database does not exist."""

    def __init__(self, file: str) -> None:
        super().__init__(
            f"The SQLite database {file} does not exist.",
            hint="Create it with: migrator upgrade, and the same options",
        )
        self.file = file


@contextmanager
def no_files_made() -> Iterator[None]:
    """Let no engine of this process make an SQLite file in the block: connecting raises AbsentFileError."""

    def refuse(dialect: Any, _record: object, args: list[Any], _parameters: object) -> None:
        file = _absent_file(dialect, args)
        if file is not None:
            raise AbsentFileError(str(file))

    with _before_connecting(refuse):
        yield


@contextmanager
def no_empty_files_left() -> Iterator[None]:
    """Remove those SQLite files that connecting made in the block, and nothing was written into."""
    made: set[Path] = set()

    def note(dialect: Any, _record: object, args: list[Any], _parameters: object) -> None:
        file = _absent_file(dialect, args)
        if file is not None:
            made.add(file.absolute())

    try:
        with _before_connecting(note):
            yield
    finally:
        for file in made:
            if file.exists() and file.stat().st_size == 0:
                file.unlink()


@contextmanager
def no_transactions_left() -> Iterator[None]:
    """End the transactions that connections made in the block have left open, by an error or not.

    An env.py runs several times: what its statements have locked, the next run would wait for.
    """
    made: list[Connection] = []

    def note(connection: Connection) -> None:
        made.append(connection)

    event.listen(Engine, "engine_connect", note)
    try:
        yield
    finally:
        event.remove(Engine, "engine_connect", note)
        _end_transactions(made)


def _end_transactions(made: list[Connection]) -> None:
    for connection in made:
        if not connection.in_transaction() or connection.get_execution_options().get(INTERNAL):
            continue
        with suppress(SQLAlchemyError, OSError):
            if not connection.dialect.is_async:
                connection.rollback()
            elif (session := session_of_login(connection.connection.dbapi_connection)) is not None:
                # Its event loop has ended: it can send nothing any more.
                end = kind_of(connection.dialect.name).end_session(session)
                SecondConnection(connection.engine, lambda it, end=end: run_plainly(it, end)).end()


@contextmanager
def _before_connecting(listener: Any) -> Iterator[None]:
    event.listen(Engine, "do_connect", listener)
    try:
        yield
    finally:
        event.remove(Engine, "do_connect", listener)


def _absent_file(dialect: Any, args: list[Any]) -> Path | None:
    file = kind_of(dialect.name).file_named(str(args[0]) if args else None)
    return file if file is not None and not file.exists() else None


@contextmanager
def open_database(
    environment: Environment,
    source: DatabaseSource,
    report: Report,
    *,
    writes: bool = True,
    offline: bool = False,
    absent_is_empty: bool = False,
) -> Iterator[URL]:
    """Give the URL of a database, starting the embedded PostgreSQL where that is what it is.

    With `offline` nothing is started: only the kind of database matters then. With `writes` false a missing
    SQLite file is an error, because connecting would make it; or, with `absent_is_empty`, an empty database
    in memory stands in for it. Raises DatabaseError.
    """
    if offline:
        yield source.url or _embedded_url(environment, 5432, None)
    elif source.url is None:
        with _embedded(environment, report) as url:
            _announce(environment, source, url, report)
            yield url
    else:
        _announce(environment, source, source.url, report)
        _refuse_missing_folder(source.url, source.origin)
        if writes:
            with _no_empty_file_left(source.url):
                yield source.url
        elif not is_missing_file(source.url):
            yield source.url
        elif absent_is_empty:
            yield source.url.set(database=":memory:")
        else:
            raise AbsentFileError(str(source.url.database))


@contextmanager
def _no_empty_file_left(url: URL) -> Iterator[None]:
    """Remove the SQLite file that connecting made, where nothing was written into it."""
    file = _file(url) if is_missing_file(url) else None
    try:
        yield
    finally:
        if file is not None and file.exists() and file.stat().st_size == 0:
            file.unlink()


@contextmanager
def _embedded(environment: Environment, report: Report) -> Iterator[URL]:
    from migrator.database.embedded import embedded_server

    with embedded_server(environment.root, announce=lambda text: report(Waiting(text))) as server:
        server.ensure_database(environment.name)
        yield _embedded_url(environment, server.port, server.password)


def _embedded_url(environment: Environment, port: int, password: str | None) -> URL:
    from migrator import secrets

    secrets.register(password)
    return URL.create(
        "postgresql",
        username="postgres",
        password=password,
        host="127.0.0.1",
        port=port,
        database=environment.name,
    )


def _announce(environment: Environment, source: DatabaseSource, url: URL, report: Report) -> None:
    report(
        Connecting(
            environment=environment.name,
            config_file=environment.shown(environment.config_file),
            address=address(url),
            origin=source.origin,
        )
    )


def _file(url: URL | None) -> Path | None:
    return None if url is None else kind_of(url).file_named(url.database)


def is_missing_file(url: URL | None) -> bool:
    """Whether a database is an SQLite file that does not exist yet; connecting would make it."""
    file = _file(url)
    return file is not None and not file.exists()


def _refuse_missing_folder(url: URL, origin: str) -> None:
    """aiosqlite's thread writes a traceback of its own where it cannot open the file."""
    file = _file(url)
    if file is not None and not file.absolute().parent.is_dir():
        raise DatabaseError(
            f"The folder of the SQLite database {file} does not exist.",
            hint=f"Make it, or correct the path in: {origin}",
        )
