"""Holds the lock of a run on a connection of its own."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from migrator.bridge.env_py.connected_database import ConnectedDatabase, ask, connect_again
from migrator.config.url import address
from migrator.database.connecting.pooled_sessions import leave_session
from migrator.database.connecting.pooler import failed_by_pooler, hands_sessions_around
from migrator.database.connecting.second_connection import SecondConnection, answer_of
from migrator.database.failures import database_error
from migrator.database.own.facts import LockName
from migrator.database.own.own_tables import OWN_SCHEMA
from migrator.errors import Effect, LockedError
from migrator.results.events import Report, Waiting
from migrator.results.run import Holder, describe_holder

T = TypeVar("T")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5
_GRANT = "To see where from and since when: GRANT pg_read_all_stats TO {role}"


class RunLock:
    """The lock of one database while it is held, by `connection`; None where there can be none."""

    def __init__(self, found: ConnectedDatabase, connection: SecondConnection | None) -> None:
        self.found = found
        self.connection = connection
        self._asked: Future[int | None] | None = None
        self._session = ask(connection, found, found.kind.session_id) if connection else None

    @property
    def excludes_others(self) -> bool:
        """Whether it keeps other runs out from the first revision to the last."""
        return self.connection is not None and self.found.kind.has_session_locks

    def begin_check(self) -> None:
        """Ask for the lock's session, while the migrating connection has other things to do."""
        if self.connection is not None:
            with suppress(ConnectionError):
                self._asked = self.connection.ask(self.found.kind.session_id)

    def check(self) -> None:
        """Raise LockedError where the lock is lost: with its connection, or to a pooler's other session."""
        if self.connection is None:
            return
        if self._asked is None:
            self.begin_check()
        asked, self._asked = self._asked, None
        try:
            session = answer_of(asked) if asked is not None else None
        except (SQLAlchemyError, OSError) as exc:
            raise self._lost(_MOVED if failed_by_pooler(exc) is not None else _ENDED) from exc
        if asked is None:
            raise self._lost(_ENDED)
        if session != self._session:
            raise self._lost(_MOVED)

    def check_apart(self, session: int | None) -> None:
        """Raise LockedError where the session of the migrating connection is that of the lock, too."""
        if session is not None and session == self._session:
            raise self._lost(_MOVED)

    def _lost(self, why: str) -> LockedError:
        return LockedError(
            f"The lock of this run was lost: {why}; it stopped before its next revision.",
            hint=f"Another run may have begun. {self.found.past_pooler}; then run it again.",
        )


_ENDED = "its connection ended"
_MOVED = "a connection pooler moved it to another session"


@contextmanager
def run_lock(found: ConnectedDatabase, wait: float, asked: float, report: Report) -> Iterator[RunLock]:
    """Hold the lock on a database while the block runs.

    `wait` is for how many seconds it is waited for, `asked` the number that messages name. Raises LockedError
    when time is up, naming who holds it, and DatabaseError where no second connection can be made.
    """
    try:
        if found.facts.through_pooler:
            _refuse_pooler(found)
        connection = connect_again(found, application_name())
    except (SQLAlchemyError, OSError) as exc:
        raise database_error(exc, address(found.url), "env.py") from exc
    if connection is None:
        yield RunLock(found, None)
        return
    try:
        ask(connection, found, lambda c: found.kind.wait_no_longer(c, wait))
        _LockWait(connection, found, time.monotonic() + wait, asked, report).run()
        yield RunLock(found, connection)
    finally:
        if found.facts.through_pooler:
            with suppress(SQLAlchemyError, OSError):
                connection.call(lambda c: leave_session(c.connection.dbapi_connection))
        connection.close()


def _refuse_pooler(found: ConnectedDatabase) -> None:
    """Refuse to lock through a pooler that hands sessions around, before anything is set or locked there."""
    try:
        if not hands_sessions_around(found.engine, found.kind):
            return
    except (SQLAlchemyError, OSError) as exc:
        if failed_by_pooler(exc) is None:
            raise
    raise LockedError(
        "A pooler in front of the server hands sessions around: no lock of a run holds there.",
        effect=Effect.NOTHING_DONE,
        hint=f"{found.past_pooler}; then run it again.",
    )


@contextmanager
def exclusive_lock(
    connection: SecondConnection, found: ConnectedDatabase, wait: float, report: Report
) -> Iterator[None]:
    """Keep the runs of all tenants of a database out while the block runs, for what they share.

    `connection` holds the lock; `wait` is for how many seconds it is waited for. Raises as `run_lock` does.
    """
    name = LockName(replace(found.facts, schema=None), OWN_SCHEMA)
    _LockWait(connection, found, time.monotonic() + wait, wait, report).poll(name)
    try:
        yield
    finally:
        ask(connection, found, lambda c: found.kind.unlock(c, name))


def application_name() -> str:
    """Give the name under which the server shows our sessions: whence and since when, in 63 bytes."""
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    host = socket.gethostname().encode("ascii", "replace").decode()
    return f"migrator {host[:24]} pid {os.getpid()} {since}"


@dataclass(frozen=True)
class _LockWait:
    """Waits for a lock by asking again and again until the `deadline`; messages name `asked` seconds."""

    connection: SecondConnection
    found: ConnectedDatabase
    deadline: float
    asked: float
    report: Report

    def run(self) -> None:
        """Wait for the lock of the run, and keep it."""
        table = self.found.qualified_version_table
        self.poll(LockName(self.found.facts, table))
        # A killed run has left no lock of its own, but its server process may still be at a statement.
        working = LockName(self.found.facts, table, working=True)
        self.poll(working)
        self._ask(lambda c: self.found.kind.unlock(c, working))

    def _ask(self, work: Callable[[Connection], T]) -> T:
        return ask(self.connection, self.found, work)

    def poll(self, name: LockName) -> None:
        """Wait for one lock. Raises LockedError when time is up."""
        pause, told, kind = _FIRST_PAUSE, False, self.found.kind
        while not self._ask(lambda c: kind.try_lock(c, name)):
            holder = self._ask(lambda c: kind.holder_of(c, name))
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise _not_free(name, holder, self.asked)
            if not told and holder is not None:
                self.report(Waiting(f"waiting for another run: {describe_holder(holder)}"))
                told = True
            time.sleep(min(pause * random.uniform(0.7, 1.3), left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)


def _not_free(name: LockName, holder: Holder | None, wait: float) -> LockedError:
    who = f": {describe_holder(holder)}" if holder is not None else ""
    what = "Another run's last statement still works on" if name.working else "Another run works on"
    hint = "Wait until it ends, or longer: --lock-wait 10m, or lock_wait in the [migrator] section"
    if holder is not None and holder.hidden:
        hint += f". {_GRANT.format(role=name.facts.role)}"
    return LockedError(f"{what} the database {name.facts.database}{who}; waited {wait:g}s.", hint=hint)
