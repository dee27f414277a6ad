"""What commands, fleets and the API ask of one database: plain values that processes can exchange."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar, get_args

from migrator.config.settings import Against
from migrator.durations import is_duration
from migrator.errors import UsageError
from migrator.results.environment_status import Goal
from migrator.results.events import Direction


def require_text(name: str, value: object) -> None:
    """Raise UsageError for a value that is no text."""
    if not isinstance(value, str):
        raise UsageError(f"{name} is a text, not {value!r}.", hint="Give it in quotes.")


def _require_bool(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise UsageError(f"{name} is True or False, not {value!r}.", hint=f"For example: {name}=True.")


def _require_seconds(name: str, value: object) -> None:
    """What is not a number of seconds, such as "60s", would be found out only in the middle of a run."""
    if not is_duration(value):
        raise UsageError(
            f"{name} is a number of seconds, not {value!r}.",
            hint=f"For example: {name}=60, up to 24 days; or math.inf for no limit.",
        )


def _require_known(name: str, known: tuple[str, ...], value: object) -> None:
    if value not in known:
        raise UsageError(f"{name} {value!r} is not known.", hint=f"Give one of: {', '.join(known)}.")


# What the fields of requests have to be, by their names.
_REQUIRED: dict[str, Callable[[object], None]] = {
    **{name: partial(require_text, name) for name in ("target", "tag", "confirm")},
    **{name: partial(_require_bool, name) for name in ("dry_run", "backup", "allow_ahead", "fresh", "yes")},
    "lock_wait": partial(_require_seconds, "lock_wait"),
    "seconds": partial(_require_seconds, "timeout"),
    "against": partial(_require_known, "against", get_args(Against)),
    "goal": partial(_require_known, "goal", get_args(Goal)),
}


@dataclass(frozen=True, kw_only=True)
class DatabaseRequest:
    """What is asked of a database."""

    writes: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse values of another type before a process is started for them. Raises UsageError."""
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in _REQUIRED and not (value is None and each.default is None):
                _REQUIRED[each.name](value)

    def is_yes(self, _result: Any) -> bool | None:
        """Whether a result says that something was done or, of a command that reads, that all is well.

        None where nothing is asked that could be no.
        """
        return None


@dataclass(frozen=True, kw_only=True)
class ChangeRequest(DatabaseRequest):
    """To move a database through revisions, or to write into its version table that it is at some.

    `verb` is the command's name. `lock_wait` is in seconds, None for what the configuration says, infinite
    for no limit. With `backup` an SQLite file is copied first. `tag` is for env.py.
    """

    verb: ClassVar[Direction]
    writes = True
    dry_run: bool = False
    lock_wait: float | None = None
    backup: bool = True
    tag: str | None = None

    def is_yes(self, result: Any) -> bool:
        """Whether any revision was applied."""
        return bool(result.applied)


@dataclass(frozen=True, kw_only=True)
class UpgradeRequest(ChangeRequest):
    """To move a database to a later revision, also one that is ahead of this checkout with `allow_ahead`.

    `confirm` is the environment's name, as consent to what is destroyed.
    """

    verb = "upgrade"
    target: str
    allow_ahead: bool = False
    confirm: str | None = None


@dataclass(frozen=True, kw_only=True)
class DowngradeRequest(ChangeRequest):
    """To move a database back to an earlier revision.

    `confirm` is the environment's name, if it is protected; `yes` is consent to deleting rows in any other.
    """

    verb = "downgrade"
    target: str
    confirm: str | None = None
    yes: bool = False


@dataclass(frozen=True, kw_only=True)
class StampRequest(ChangeRequest):
    """To write revisions into the version table, after `purge` empties it. `confirm` as in a downgrade."""

    verb = "stamp"
    targets: tuple[str, ...]
    purge: bool = False
    confirm: str | None = None


@dataclass(frozen=True, kw_only=True)
class MarkRequest(DatabaseRequest):
    """To mark a database. `force` takes one over that another environment's mark was written in.

    `accept` are revisions whose files are right as they are, `accept_all` means every edited one. `confirm`
    is the name of the database, or with tenants of the environment.
    """

    writes = True
    confirm: str | None = None
    force: bool = False
    accept: tuple[str, ...] = ()
    accept_all: bool = False

    @property
    def accepts(self) -> bool:
        """Whether files are to be accepted, and not the database marked."""
        return bool(self.accept) or self.accept_all

    def is_yes(self, result: Any) -> bool:
        """Whether a mark was written, or a file accepted."""
        return bool(result.changed)


@dataclass(frozen=True, kw_only=True)
class CurrentRequest(DatabaseRequest):
    """To tell where a database stands and, with `check_heads`, whether that is at all heads."""

    check_heads: bool = False

    def is_yes(self, result: Any) -> bool | None:
        """Whether the database is at all heads, where that is asked."""
        return bool(result.at_heads) if self.check_heads else None


@dataclass(frozen=True, kw_only=True)
class LogRequest(DatabaseRequest):
    """To read the newest `limit` rows of the log, or those of a revision."""

    limit: int
    revision: str | None = None


@dataclass(frozen=True, kw_only=True)
class StatusRequest(DatabaseRequest):
    """To tell where a database stands, which may take `seconds` to answer."""

    seconds: float

    def is_yes(self, result: Any) -> bool:
        """Whether nothing is pending or wrong."""
        return bool(result.ok)


@dataclass(frozen=True, kw_only=True)
class CheckRequest(DatabaseRequest):
    """To compare models, database and history. `against` None is what the configuration says."""

    against: Against | None = None
    fresh: bool = False

    def is_yes(self, result: Any) -> bool:
        """Whether they agree."""
        return bool(result.ok)


@dataclass(frozen=True, kw_only=True)
class WaitRequest(DatabaseRequest):
    """To wait for a database, for at most `seconds`."""

    seconds: float
    goal: Goal


@dataclass(frozen=True, kw_only=True)
class RevisionsRequest(DatabaseRequest):
    """To load all version files, where reading their headers does not tell what they are."""
