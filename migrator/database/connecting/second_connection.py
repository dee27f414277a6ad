"""Connections beside those of an env.py, each in a thread of its own."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import SingletonThreadPool, StaticPool
from sqlalchemy.util import greenlet_spawn

from migrator.database.connecting.engine import Role, SessionOptions, any_engine
from migrator.database.connecting.timeouts import run_plainly
from migrator.database.failures import first_line, is_database_failure
from migrator.database.kinds import kind_of
from migrator.database.round_trips.kept_connections import RESET

T = TypeVar("T")
_Job = Callable[[Connection], None]
INTERNAL = "migrator_internal"
_ANSWER_SECONDS = 30.0
_LOOK_SECONDS = 0.1


class SecondConnection:
    """A connection in autocommit that is made as an engine makes its own, in a pool of its own.

    It lives in a thread, and with an async driver in an event loop of that thread: env.py's own loop may be
    busy, or have ended. While a `watch` is set it is called in that thread every tenth of a second.
    """

    def __init__(
        self,
        engine: Engine,
        prepare: Callable[[Connection], None],
        take_back: Callable[[SecondConnection], bool] | None = None,
    ) -> None:
        """Connect as `engine` does, and call `prepare` with the new connection.

        Raises what either raises, and TimeoutError.

        `take_back` is asked when it is closed: where it gives True the connection stays.
        """
        self._take_back = take_back
        # The listeners for connecting come along.
        self._engine = Engine(
            engine.pool.recreate(),
            engine.dialect,
            engine.url,
            hide_parameters=True,
            execution_options={INTERNAL: True},
        )
        self._prepare = prepare
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._connected: Future[None] = Future()
        self._watch: _Job | None = None
        self._thread = threading.Thread(target=self._run, name="migrator-second", daemon=True)
        self._thread.start()
        answer_of(self._connected)

    def call(self, work: Callable[[Connection], T]) -> T:
        """Give what `work` gives. Raises what it raises, ConnectionError and TimeoutError."""
        return answer_of(self.ask(work))

    def ask(self, work: Callable[[Connection], T]) -> Future[T]:
        """Begin `work` with the connection in its thread. Raises ConnectionError where that has ended."""
        answer: Future[T] = Future()

        def job(connection: Connection) -> None:
            try:
                answer.set_result(work(connection))
            except BaseException as exc:
                answer.set_exception(exc)

        if not self._thread.is_alive():
            raise ConnectionError("The second connection has ended.")
        self._jobs.put(job)
        return answer

    def watch(self, look: _Job | None) -> None:
        """Call `look` again and again while nothing else is asked for, until None is set."""
        if self._watch is not look:
            self._watch = look
            self._jobs.put(lambda _connection: None)

    def close(self) -> None:
        """Close the connection and end the thread, unless somebody takes it back."""
        self._watch = None
        if self._take_back is None or not self._take_back(self):
            self.end()

    def end(self) -> None:
        """Close the connection and end the thread."""
        self._jobs.put(None)
        # A server that no longer answers must not keep the process.
        self._thread.join(timeout=5)

    def _run(self) -> None:
        try:
            if self._engine.dialect.is_async:
                asyncio.run(greenlet_spawn(self._serve))
            else:
                self._serve()
        except BaseException as exc:
            if not self._connected.done():
                self._connected.set_exception(exc)

    def _serve(self) -> None:
        try:
            with self._engine.connect() as plain:
                connection = plain.execution_options(isolation_level="AUTOCOMMIT")
                self._prepare(connection)
                self._connected.set_result(None)
                while (job := self._next(connection)) is not None:
                    job(connection)
        finally:
            self._engine.pool.dispose()

    def _next(self, connection: Connection) -> _Job | None:
        while True:
            try:
                return self._jobs.get(timeout=_LOOK_SECONDS if self._watch else None)
            except queue.Empty:
                self._look(connection)

    def _look(self, connection: Connection) -> None:
        look = self._watch
        if look is None:
            return
        try:
            look(connection)
        except (SQLAlchemyError, OSError):
            # Whether the connection still serves is found out by whoever asks it for something.
            self._watch = None


def as_one_transaction(work: Callable[[Connection], T]) -> Callable[[Connection], T]:
    """Give `work` as one transaction, for a connection that is in autocommit otherwise."""

    def in_transaction(connection: Connection) -> T:
        connection.exec_driver_sql("BEGIN")
        try:
            done = work(connection)
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")
        return done

    return in_transaction


def answer_of(asked: Future[T]) -> T:
    """Wait for what was asked of a second connection. Raises what the work raises, and TimeoutError."""
    try:
        return asked.result(_ANSWER_SECONDS)
    except TimeoutError as exc:
        raise TimeoutError("The second connection did not answer in time.") from exc


def can_connect_again(engine: Engine) -> bool:
    """Whether a second connection would see the same database: one in memory is gone with its connection."""
    if isinstance(engine.pool, StaticPool | SingletonThreadPool):
        return False
    return not kind_of(engine.dialect.name).is_in_memory(engine.url)


# One holds the lock of a run, the other looks at the database when that has ended.
_MOST = 2


class HeldSeconds:
    """The second connections to one PostgreSQL database that nobody uses at the moment."""

    def __init__(self) -> None:
        self._database: object = None
        self._idle: list[SecondConnection] = []

    def connect(
        self, database: object, engine: Engine, prepare: Callable[[Connection], None]
    ) -> SecondConnection | None:
        """Give a connection to a database, prepared; None where there can be none.

        `database` tells it from others. Raises what the driver raises.
        """
        if database != self._database:
            self.close()
            self._database = database
        while self._idle:
            connection = self._idle.pop()
            try:
                connection.call(prepare)
            except Exception as exc:
                connection.end()
                if not is_database_failure(exc):
                    raise
                # It was lost while nobody looked.
            else:
                return connection
        try:
            return SecondConnection(engine, prepare, lambda connection: self._take_back(connection, database))
        except RuntimeError:
            return None

    def _take_back(self, connection: SecondConnection, database: object) -> bool:
        # An env.py of several databases has one to each at a time.
        if database != self._database or len(self._idle) >= _MOST:
            return False
        try:
            connection.call(lambda c: run_plainly(c, RESET))
        except Exception as exc:
            if not is_database_failure(exc):
                raise
            return False
        self._idle.append(connection)
        return True

    def close(self) -> None:
        """Close all that are not in use."""
        while self._idle:
            self._idle.pop().end()


class QueryError(Exception):
    """What is wrong with a query."""


def first_column(url: URL, query: str, role: Role | None) -> list[str]:
    """Run a query on a connection that cannot write, and give its first column as texts, without NULLs.

    Raises QueryError for a query that fails, what the driver raises where it cannot connect, and
    ConfigurationError for a missing driver or a role that cannot be had.
    """
    options = SessionOptions(role=role, writes=False)
    engine = any_engine(url, options)
    connection = SecondConnection(engine, kind_of(engine.dialect.name).only_read)
    try:
        return connection.call(lambda c: _column(c, query))
    except SQLAlchemyError as exc:
        raise QueryError(first_line(exc)) from exc
    finally:
        connection.close()


def _column(connection: Connection, query: str) -> list[str]:
    # Not text(): a colon in the query is the query's own.
    result = connection.exec_driver_sql(query)
    if not result.returns_rows or not result.keys():
        raise QueryError("it gives no column")
    return [str(row[0]) for row in result.all() if row[0] is not None]
