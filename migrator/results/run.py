"""Results of the commands that change a database."""

from __future__ import annotations

from dataclasses import dataclass

from migrator.results.events import Direction


@dataclass(frozen=True)
class Holder:
    """A session of the database that holds a lock, as far as our role may see it.

    `transaction_since` and `connected_since` are the server's times; `hidden` says that the role may see no
    more than pid, user and application name.
    """

    pid: int
    user: str | None = None
    application_name: str | None = None
    state: str | None = None
    client: str | None = None
    transaction_since: str | None = None
    connected_since: str | None = None
    hidden: bool = False


def describe_holder(holder: Holder) -> str:
    """Name a session as far as it may be seen: pid, user and application, then where from and since when."""
    parts = [
        f"user {holder.user}" if holder.user else "",
        f"application {holder.application_name or '(none)'}",
    ]
    if not holder.hidden:
        parts += [
            holder.state or "",
            f"from {holder.client}" if holder.client else "",
            f"in a transaction since {holder.transaction_since}" if holder.transaction_since else "",
        ]
    return f"pid {holder.pid} ({', '.join(part for part in parts if part)})"


@dataclass(frozen=True)
class Step:
    """One revision of a run. `seconds` is None for one that has not been run.

    `destroys` says what the revision's text destroys, such as `drop table orders`.
    """

    revision: str
    message: str
    path: str
    seconds: float | None = None
    destroys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loss:
    """What a run would destroy and needs consent for, by which rule, and where in which file."""

    what: str
    rule: str
    file: str
    line: int


@dataclass(frozen=True)
class RunPlan:
    """What a run would do: its steps in their order, from the revisions in `before`.

    `losses` need somebody's consent. `notes` say what else is to be known, such as files that were edited
    after they had been applied.
    """

    direction: Direction
    target: str
    database: str
    before: tuple[str, ...]
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()


@dataclass(frozen=True)
class Failure:
    """Why a run failed: the cause, and the statement, file and line where they are known.

    `step` is None where every revision ran and the commit at the end failed. `committed` are statements of
    the failed revision that could not be rolled back; `blocked_by` are the sessions that it waited for.
    """

    step: Step | None
    cause: str
    statement: str | None
    file: str | None
    line: int | None
    committed: tuple[str, ...] = ()
    blocked_by: tuple[Holder, ...] = ()


@dataclass(frozen=True)
class RunResult:
    """What a run did to a database.

    `before` and `after` are the revisions in the version table; where something was done `after` was read on
    a new connection, and it is None where that was not possible. What was not done because a step failed is
    in `remaining`. `retries` counts how often a revision was begun again after it had waited for a lock in
    vain. `notes` say what else happened, or could not be done. `ahead` is by how many revisions the database
    is ahead of this checkout, where that was allowed.
    """

    direction: Direction
    target: str
    before: tuple[str, ...]
    after: tuple[str, ...] | None
    applied: tuple[Step, ...] = ()
    failed: Failure | None = None
    remaining: tuple[Step, ...] = ()
    retries: int = 0
    notes: tuple[str, ...] = ()
    ahead: int | None = None


@dataclass(frozen=True)
class SqlScript:
    """The SQL that a run would execute, as Alembic's offline mode writes it."""

    sql: str


@dataclass(frozen=True)
class VersionTableEnsured:
    """The version table is there; `created` says whether it was made just now."""

    table: str
    created: bool


@dataclass(frozen=True)
class CommandRun:
    """A command that was run with the database's address in its environment."""

    command: tuple[str, ...]
    code: int
