"""What an operation tells while it works. The command line turns these into lines on stderr."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from migrator.results.fleet import TenantAnswer

Direction = Literal["upgrade", "downgrade", "stamp"]


@dataclass(frozen=True)
class Connecting:
    """A database is about to be used."""

    environment: str
    config_file: str
    address: str
    origin: str


@dataclass(frozen=True)
class Waiting:
    """Something slow has begun, such as the first start of the embedded PostgreSQL."""

    text: str


@dataclass(frozen=True)
class StepStarted:
    """A revision is about to run. `index` counts from 1 up to `total`.

    `earlier` is how many seconds it took here the last time, None where that is not known.
    """

    direction: Direction | Literal["verify"]
    index: int
    total: int
    revision: str
    message: str
    earlier: float | None = None


@dataclass(frozen=True)
class LossAhead:
    """A revision that is about to run destroys something, such as `drop table orders`."""

    revision: str
    what: str


@dataclass(frozen=True)
class StepFinished:
    """A revision has run; `seconds` is the time it took."""

    step: StepStarted
    seconds: float


@dataclass(frozen=True)
class Retrying:
    """A revision was rolled back and will be begun again after `seconds`; `attempt` of `attempts`, from 1."""

    revision: str
    reason: str
    attempt: int
    attempts: int
    seconds: float


@dataclass(frozen=True)
class Noticed:
    """Something that whoever runs the command should know."""

    text: str


@dataclass(frozen=True)
class FleetChanged:
    """A tenant was begun or is done. `running` are those at work, `answer` what came in.

    `done`, `failed` and `total` count tenants, `seconds` the time since the first one began.
    """

    running: tuple[str, ...]
    done: int
    failed: int
    total: int
    seconds: float
    answer: TenantAnswer | None = None


Event = Connecting | Waiting | LossAhead | StepStarted | StepFinished | Retrying | Noticed | FleetChanged
Report = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Report to nobody."""
