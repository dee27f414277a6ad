"""Result of `diff`: what two environments do not have alike."""

from __future__ import annotations

from dataclasses import dataclass

from migrator.errors import ExitCode, MigratorError
from migrator.results.differences import Difference


@dataclass(frozen=True)
class OneSided:
    """A revision that only one of two environments has."""

    environment: str
    revision: str
    message: str
    path: str


@dataclass(frozen=True)
class SameContent:
    """Two files: of one content under two ids, or of one id with two contents."""

    left: str
    right: str
    left_path: str
    right_path: str


@dataclass(frozen=True)
class EnvironmentPosition:
    """Where an environment's database stands; where it is not `known`, `note` says why."""

    environment: str
    known: bool
    current: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True)
class Diffed:
    """What the histories of `left` and `right` have otherwise, and what the schemas that they make have.

    `renamed` are revisions that do the same under another id, `changed` those that do something else under
    the same; neither counts as one that only one environment has. In the differences `left` is what the first
    environment has.

    Where both have one version folder, `shared_folder`, there are no two histories: `positions` are what can
    differ.
    """

    left: str
    right: str
    only: tuple[OneSided, ...] = ()
    renamed: tuple[SameContent, ...] = ()
    changed: tuple[SameContent, ...] = ()
    differences: tuple[Difference, ...] = ()
    shared_folder: str | None = None
    positions: tuple[EnvironmentPosition, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the two schemas are equal, or it is known of both databases that they are at one place."""
        known = all(each.known for each in self.positions)
        return not self.differences and known and len({each.current for each in self.positions}) < 2


class UnknownPositionError(MigratorError):
    """Where a database stands could not be asked, so that two cannot be compared. `result` has the other."""

    def __init__(self, message: str, result: Diffed, exit_code: ExitCode, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.result = result
        self.exit_code = exit_code
