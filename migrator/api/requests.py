"""What a call asks of the process that does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict, get_args

from migrator.config.select import Choice, Workspace, choose
from migrator.errors import UsageError
from migrator.results.environment_status import Goal

Against = Literal["history", "database"]


@dataclass(frozen=True, kw_only=True)
class ChangeRequest:
    """To move a database through revisions; the fields are those of `migrator.api.requests`."""

    target: str
    dry_run: bool
    lock_wait: float | None = None
    backup: bool = True
    tag: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is of another kind. Raises UsageError."""
        require_text("target", self.target)
        _refuse_no_bool("dry_run", self.dry_run)
        _refuse_no_bool("backup", self.backup)
        if self.tag is not None:
            require_text("tag", self.tag)
        if self.lock_wait is not None:
            _refuse_no_seconds("lock_wait", self.lock_wait)


@dataclass(frozen=True, kw_only=True)
class UpgradeRequest(ChangeRequest):
    """To move it to a later revision."""

    allow_ahead: bool = False

    def __post_init__(self) -> None:
        """Refuse what is of another kind. Raises UsageError."""
        super().__post_init__()
        _refuse_no_bool("allow_ahead", self.allow_ahead)


@dataclass(frozen=True, kw_only=True)
class DowngradeRequest(ChangeRequest):
    """To move it back to an earlier one."""

    confirm: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is of another kind. Raises UsageError."""
        super().__post_init__()
        if self.confirm is not None:
            require_text("confirm", self.confirm)


@dataclass(frozen=True)
class CurrentRequest:
    """To tell where a database stands."""


@dataclass(frozen=True)
class StatusRequest:
    """To tell where the databases of all environments stand, or that of the one that is named."""

    seconds: float

    def __post_init__(self) -> None:
        """Refuse a time that is none. Raises UsageError."""
        _refuse_no_seconds("timeout", self.seconds)


@dataclass(frozen=True)
class CheckRequest:
    """To compare models, database and history."""

    against: Against | None
    fresh: bool

    def __post_init__(self) -> None:
        """Refuse what is of another kind, and what is not known. Raises UsageError."""
        _refuse_no_bool("fresh", self.fresh)
        if self.against is not None:
            _refuse_unknown("against", self.against, get_args(Against))


@dataclass(frozen=True)
class WaitRequest:
    """To wait for a database."""

    seconds: float
    goal: Goal

    def __post_init__(self) -> None:
        """Refuse a time that is none, and what is not known. Raises UsageError."""
        _refuse_no_seconds("timeout", self.seconds)
        _refuse_unknown("goal", self.goal, get_args(Goal))


@dataclass(frozen=True)
class RevisionsRequest:
    """To load all version files, where reading their headers does not tell what they are."""


AnyRequest = (
    UpgradeRequest
    | DowngradeRequest
    | CurrentRequest
    | StatusRequest
    | CheckRequest
    | WaitRequest
    | RevisionsRequest
)


@dataclass(frozen=True)
class Request:
    """What is asked, and of which environment, or of which one of its tenants."""

    choice: Choice
    asked: AnyRequest
    tenant: str | None = None

    def workspace(self) -> Workspace:
        """Choose the environment as a command does. Raises ConfigurationError and UsageError."""
        workspace = choose(self.choice)
        if self.tenant is None:
            return workspace
        from migrator.config.tenants import tenants_of

        (tenant,) = tenants_of([self.tenant], workspace.environment)
        return workspace.for_tenant(tenant)


def require_text(name: str, value: object) -> None:
    """Refuse what is no text, before a process is started for it. Raises UsageError."""
    if not isinstance(value, str):
        raise UsageError(f"{name} is a text, not {value!r}.", hint="Give it in quotes.")


def _refuse_no_bool(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise UsageError(f"{name} is True or False, not {value!r}.", hint=f"For example: {name}=True.")


def _refuse_no_seconds(name: str, value: object) -> None:
    """What is not a number of seconds, such as "60s", would be found out only in the middle of a run."""
    if not isinstance(value, int | float) or not value >= 0:
        raise UsageError(
            f"{name} is a number of seconds, not {value!r}.", hint=f"For example: {name}=60, or math.inf."
        )


def _refuse_unknown(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{name} {value!r} is not known.", hint=f"Give one of: {', '.join(known)}.")


class ChangeOptions(TypedDict, total=False):
    """`lock_wait`: for how many seconds another run is waited for, None for what the configuration says.

    `backup`: whether an SQLite file is copied first. `tag` is for env.py (`context.get_tag_argument`).
    """

    lock_wait: float | None
    backup: bool
    tag: str | None


class UpgradeOptions(ChangeOptions, total=False):
    """`allow_ahead`: accept a database that a newer version has upgraded."""

    allow_ahead: bool


class DowngradeOptions(ChangeOptions, total=False):
    """`confirm`: the environment's name, where it is protected."""

    confirm: str | None


class HeadOptions(TypedDict, total=False):
    """`version_table`, `version_table_schema`: those that env.py computes, so that they cannot be read in it.

    `allow_ahead`: accept a revision that has no file here.
    """

    version_table: str | None
    version_table_schema: str | None
    allow_ahead: bool
