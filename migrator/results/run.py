"""Results of the commands that change a database."""

from __future__ import annotations

from dataclasses import dataclass

from migrator.results.events import Direction


@dataclass(frozen=True)
class Step:
    """One revision of a run. `seconds` is None for one that has not been run."""

    revision: str
    message: str
    path: str
    seconds: float | None = None


@dataclass(frozen=True)
class Failure:
    """Why a run failed: the cause, and the statement, file and line where they are known.

    `step` is None where every revision ran and the commit at the end failed.
    """

    step: Step | None
    cause: str
    statement: str | None
    file: str | None
    line: int | None


@dataclass(frozen=True)
class RunResult:
    """What a run did to a database.

    `before` and `after` are the revisions in the version table; where something was done `after` was read on
    a new connection, and it is None where that was not possible. What was not done because a step failed is
    in `remaining`.
    """

    direction: Direction
    target: str
    before: tuple[str, ...]
    after: tuple[str, ...] | None
    applied: tuple[Step, ...] = ()
    failed: Failure | None = None
    remaining: tuple[Step, ...] = ()


@dataclass(frozen=True)
class SqlScript:
    """The SQL that a run would execute, as Alembic's offline mode writes it."""

    sql: str


@dataclass(frozen=True)
class VersionTable:
    """The version table is there; `created` says whether it was made just now."""

    table: str
    created: bool


@dataclass(frozen=True)
class CommandRun:
    """A command that was run with the database's address in its environment."""

    command: tuple[str, ...]
    code: int
