"""Result of `verify`: what became of each revision, run up, down and up on a scratch database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from migrator.results.changes import Change
from migrator.results.differences import Difference

Phase = Literal["upgrade", "downgrade", "second upgrade"]


@dataclass(frozen=True)
class Irreversible:
    """A revision that was only run up. `reason` says what its file has in place of a way back."""

    revision: str
    message: str
    path: str
    reason: str


@dataclass(frozen=True)
class Unlike:
    """A revision after which the database is not as it was before.

    `phase` is `downgrade` where it does not give back what was there before the upgrade, and `second upgrade`
    where that makes something else than the first one. In the differences `left` is what was there before.
    """

    revision: str
    message: str
    path: str
    phase: Phase
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class DoesNotRun:
    """A revision that failed, in which direction, why, and what to do."""

    revision: str
    message: str
    path: str
    phase: Phase
    cause: str
    hint: str


@dataclass(frozen=True)
class Verified:
    """What `verify` found.

    `revisions` were run up, down and up, and left nothing behind. `not_verified` come after one that does not
    run. `changes` are what the models have otherwise than the end of the history; `compared` is false where
    there was no end, or there are no models. `seed` is the file that rows came from, and where; None
    where none were loaded.
    """

    revisions: tuple[str, ...]
    irreversible: tuple[Irreversible, ...] = ()
    unlike: tuple[Unlike, ...] = ()
    failed: tuple[DoesNotRun, ...] = ()
    not_verified: tuple[str, ...] = ()
    compared: bool = False
    changes: tuple[Change, ...] = ()
    seed: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the answer is yes."""
        return not (self.unlike or self.failed or self.changes)
