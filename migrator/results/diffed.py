"""Result of `diff`: what two environments do not have alike."""

from __future__ import annotations

from dataclasses import dataclass

from migrator.results.differences import Difference


@dataclass(frozen=True)
class Single:
    """A revision that only one of two environments has."""

    environment: str
    revision: str
    message: str
    path: str


@dataclass(frozen=True)
class Twin:
    """Two files: of one content under two ids, or of one id with two contents."""

    left: str
    right: str
    left_path: str
    right_path: str


@dataclass(frozen=True)
class Diffed:
    """What the histories of `left` and `right` have otherwise, and what the schemas that they make have.

    `renamed` are revisions that do the same under another id, `changed` those that do something else under
    the same; neither counts as one that only one environment has. In the differences `left` is what the first
    environment has.
    """

    left: str
    right: str
    only: tuple[Single, ...] = ()
    renamed: tuple[Twin, ...] = ()
    changed: tuple[Twin, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the two schemas are equal."""
        return not self.differences
