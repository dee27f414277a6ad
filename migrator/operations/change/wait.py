"""`migrator wait`: waits until a database answers, or is at head."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from migrator.config.select import Workspace
from migrator.config.url import address
from migrator.errors import DatabaseError, MigratorError
from migrator.processes.child import Do
from migrator.processes.side_by_side import LateError, SideBySide
from migrator.processes.start_up import imports_done
from migrator.results.environment_status import Goal, Waited
from migrator.results.events import Connecting, Report, Waiting

# In seconds. A database that hangs is given up and asked again; the first time is long enough to connect.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0
_SHORTEST_ATTEMPT, _LONGEST_ATTEMPT = 2.0, 15.0
_TOLD_AFTER = 1.0
_Request = tuple[Workspace, Goal]


def wait(workspace: Workspace, report: Report, *, seconds: float, goal: Goal) -> Waited:
    """Ask the environment's database until it answers or, with `head`, has nothing pending; never writing.

    `seconds` is how long; it is asked once at least. A database that is ahead of this checkout counts as at
    head. Where time is up while it is not at head, that is the result. Raises DatabaseError where time is up
    and it does not answer; ConfigurationError, RevisionsError and RefusedError at once.
    """
    # A process, because a server that hangs could not be left otherwise.
    with SideBySide[_Request, Waited](_load, 1) as process:
        process.start()
        request = (workspace.portable(), goal)
        where = _announce(workspace, report)
        process.await_ready()
        return _DatabaseWait(process, request, report, seconds, where).run()


def _announce(workspace: Workspace, report: Report) -> str:
    """Report which database will be asked, and return how messages name it."""
    environment = workspace.environment
    if not workspace.resolves_url:
        return f"of {environment.name}"
    source = workspace.database
    where = address(source.url) if source.url is not None else "embedded"
    file = environment.shown(environment.config_file)
    report(Connecting(environment.name, file, where, source.origin))
    return where


@dataclass
class _DatabaseWait:
    process: SideBySide[_Request, Waited]
    request: _Request
    report: Report
    seconds: float
    where: str

    def __post_init__(self) -> None:
        self._text = f"waiting for the database {self.where}"
        self._told = ""
        self._began = time.monotonic()

    def run(self) -> Waited:
        """Ask until there is an end to it."""
        pause = _FIRST_PAUSE
        while True:
            found = self._attempt()
            if isinstance(found, Waited) and (found.reached or self._left() <= 0):
                return replace(found, seconds=round(time.monotonic() - self._began, 3))
            if isinstance(found, DatabaseError) and self._left() <= 0:
                text = f"{found.message} Waited {self.seconds:g}s."
                raise DatabaseError(text, hint=found.hint) from found
            if isinstance(found, MigratorError) and not isinstance(found, DatabaseError):
                raise found
            if isinstance(found, Waited):
                at, left = ", ".join(found.current) or "base", len(found.pending)
                self._text = f"waiting until {self.where} is at head: it is at {at}, {left} pending"
            else:
                self._text = f"waiting for the database {self.where}"
            self._tell()
            time.sleep(max(0.0, min(pause, self._left())))
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _left(self) -> float:
        return self._began + self.seconds - time.monotonic()

    def _attempt(self) -> Waited | MigratorError:
        bound = min(max(self._left(), _SHORTEST_ATTEMPT), _LONGEST_ATTEMPT)
        (answer,) = self.process.ask([self.request], bound, self._tell)
        if isinstance(answer, LateError):
            return DatabaseError(
                f"The database {self.where} cannot be used. {answer.message}",
                hint="Check the network, and host and port in the URL.",
            )
        return answer

    def _tell(self) -> None:
        """Say what is waited for, as soon as it has taken a while."""
        if self._text != self._told and time.monotonic() - self._began >= _TOLD_AFTER:
            self._told = self._text
            self.report(Waiting(self._text))


def _load() -> AbstractContextManager[Do]:
    from migrator.operations.look.asked_databases import database_goal

    imports_done()
    return nullcontext(database_goal)
