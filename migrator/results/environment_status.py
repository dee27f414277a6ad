"""Results of `envs`, `status`, `wait` and `doctor`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from migrator import secrets
from migrator.errors import DatabaseError, MigratorError


@dataclass(frozen=True)
class EnvironmentInfo:
    """One environment. `url` is masked; `error` says why it cannot be used here.

    `chosen_by` says what made a command started here choose it (`--env`, ALEMBIC_ENV, ...), None for others.
    """

    name: str
    aliases: tuple[str, ...]
    config_file: str
    version_folders: tuple[str, ...] = ()
    url: str | None = None
    origin: str | None = None
    protected: bool = False
    default: bool = False
    chosen_by: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class EnvironmentList:
    """All environments of a project, by the name of their files."""

    root: str
    environments: tuple[EnvironmentInfo, ...]


State = Literal["ok", "ahead", "pending", "edited", "wrong", "unreachable", "not configured"]
Goal = Literal["database", "head"]
_BAD: frozenset[State] = frozenset({"pending", "edited", "wrong", "unreachable"})


@dataclass(frozen=True)
class LastRun:
    """The newest step in a log. `started_at` is ISO 8601 in UTC; `duration_ms` is that of the step."""

    direction: str
    revision: str | None
    started_at: str
    duration_ms: int | None
    user_name: str | None
    host: str | None


@dataclass(frozen=True)
class EnvironmentStatus:
    """One environment and its database, which is named without a password.

    `reachable` is None where that is not known. `mark` is the environment that the database is marked for.
    `ahead` is by how many revisions it is ahead of this checkout. `shared_with` names the environments that
    have the same version folder. `error` says what is wrong and `hint` what
    to do; `notes` say what else is to be known.
    """

    name: str
    config_file: str
    state: State
    database: str | None = None
    reachable: bool | None = None
    mark: str | None = None
    current: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    ahead: int | None = None
    last_run: LastRun | None = None
    shared_with: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None
    hint: str = ""

    def failed(self, error: MigratorError) -> EnvironmentStatus:
        """Return this status with what is wrong, without passwords: it may go to another process."""
        down = isinstance(error, DatabaseError)
        return replace(
            self,
            state="unreachable" if down else "wrong",
            reachable=False if down else self.reachable,
            # What an error did not do was not asked of it.
            error=secrets.scrub(error.what),
            hint=secrets.scrub(error.hint),
        )


@dataclass(frozen=True)
class StatusList:
    """The environments, asked or not configured here, by the name of their files."""

    environments: tuple[EnvironmentStatus, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing that was asked is pending or wrong."""
        return not any(each.state in _BAD for each in self.environments)


@dataclass(frozen=True)
class Waited:
    """What a database was waited for, whether that came about, and after how many seconds.

    `current`, `pending` and `ahead` are only asked where it was waited for `head`.
    """

    goal: Goal
    reached: bool
    database: str
    seconds: float = 0.0
    current: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    ahead: int | None = None


FindingSeverity = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what was found, and what to type where it is not as it should be.

    A `note` keeps nothing from working; `hint` is empty where all is well.
    """

    topic: str
    severity: FindingSeverity
    text: str
    hint: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All that was found about an environment, in the order in which it was looked at."""

    environment: str
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether there is no problem."""
        return all(finding.severity != "problem" for finding in self.findings)
