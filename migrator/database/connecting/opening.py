"""Makes an environment's database reachable for the length of a command, and tells of one that is slow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import Pool

from migrator import secrets
from migrator.config.environments import Environment
from migrator.config.url import DatabaseSource, address
from migrator.database.connecting.connected_url import session_of_login
from migrator.database.connecting.second_connection import INTERNAL, SecondConnection
from migrator.database.connecting.timeouts import run_plainly
from migrator.database.kinds import kind_of
from migrator.errors import DatabaseError
from migrator.results.events import Connecting, Report, Waiting, ignore

_TOLD_AFTER_SECONDS = 1.0


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

    def refuse(file: Path) -> None:
        raise AbsentFileError(str(file))

    with _before_making_a_file(refuse):
        yield


@contextmanager
def no_empty_files_left() -> Iterator[None]:
    """Remove those SQLite files that connecting made in the block, and nothing was written into."""
    made: set[Path] = set()
    with _removing_empty(made), _before_making_a_file(lambda file: made.add(file.absolute())):
        yield


@contextmanager
def _before_making_a_file(act: Callable[[Path], None]) -> Iterator[None]:
    def before(dialect: Dialect, _record: object, args: Sequence[Any], _parameters: object) -> None:
        file = kind_of(dialect.name).file_named(str(args[0]) if args else None)
        if file is not None and not file.exists():
            act(file)

    with _listening(Engine, "do_connect", before):
        yield


@contextmanager
def _removing_empty(files: Collection[Path]) -> Iterator[None]:
    try:
        yield
    finally:
        for file in files:
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

    with _listening(Engine, "engine_connect", note):
        try:
            yield
        finally:
            for connection in made:
                _end_transaction(connection)


def _end_transaction(connection: Connection) -> None:
    if not connection.in_transaction() or connection.get_execution_options().get(INTERNAL):
        return
    with suppress(SQLAlchemyError, OSError):
        if not connection.dialect.is_async:
            connection.rollback()
        elif (session := session_of_login(connection.connection.dbapi_connection)) is not None:
            # Its event loop has ended: it can send nothing any more.
            end = kind_of(connection.dialect.name).end_session(session)
            SecondConnection(connection.engine, lambda it: run_plainly(it, end)).end()


@contextmanager
def report_slow_answers(report: Report) -> Iterator[None]:
    """Report which server is waited for, where a connection of the block takes more than a second to make.

    It is reported once, in another thread.
    """
    if report is ignore:
        yield
        return
    silence = _Silence(report)
    # Whoever makes the engine: env.py may be anybody's.
    with _listening(Engine, "do_connect", silence.begins), _listening(Pool, "connect", silence.ends):
        try:
            yield
        finally:
            silence.ends()


@contextmanager
def _listening(target: type, name: str, listener: Callable[..., None]) -> Iterator[None]:
    event.listen(target, name, listener)
    try:
        yield
    finally:
        event.remove(target, name, listener)


class _Silence:
    """The time from an attempt to connect to its success."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._told = False
        self._timer: threading.Timer | None = None

    def begins(
        self, dialect: Dialect, _record: object, _args: Sequence[Any], parameters: Mapping[str, Any]
    ) -> None:
        self.ends()
        host, port = parameters.get("host"), parameters.get("port")
        if kind_of(dialect.name).in_files or self._told:
            return
        where = f"{host}:{port}" if host and port else host or "the database"
        self._timer = threading.Timer(_TOLD_AFTER_SECONDS, self._tell, [f"waiting for {where} to answer"])
        self._timer.daemon = True
        self._timer.start()

    def ends(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self, text: str) -> None:
        self._told = True
        self._report(Waiting(text))


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
        file = _file(source.url)
        if file is None or file.exists():
            yield source.url
        elif writes:
            with _removing_empty([file]):
                yield source.url
        elif absent_is_empty:
            yield source.url.set(database=":memory:")
        else:
            raise AbsentFileError(str(source.url.database))


@contextmanager
def _embedded(environment: Environment, report: Report) -> Iterator[URL]:
    from migrator.database.embedded import embedded_server

    with embedded_server(environment.root, announce=lambda text: report(Waiting(text))) as server:
        server.ensure_database(environment.name)
        yield _embedded_url(environment, server.port, server.password)


def _embedded_url(environment: Environment, port: int, password: str | None) -> URL:
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
