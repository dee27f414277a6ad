"""Tells of a database that takes its time to answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Dialect, Engine, event
from sqlalchemy.pool import Pool

from migrator.database.kinds import kind_of
from migrator.results.events import Report, Waiting, ignore

_TOLD_AFTER = 1.0


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
    event.listen(Engine, "do_connect", silence.begins)
    event.listen(Pool, "connect", silence.ends)
    try:
        yield
    finally:
        event.remove(Engine, "do_connect", silence.begins)
        event.remove(Pool, "connect", silence.ends)
        silence.ends()


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
        self._timer = threading.Timer(_TOLD_AFTER, self._tell, [f"waiting for {where} to answer"])
        self._timer.daemon = True
        self._timer.start()

    def ends(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self, text: str) -> None:
        self._told = True
        self._report(Waiting(text))
