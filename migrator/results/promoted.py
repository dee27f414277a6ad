"""Result of `promote`: what went from one environment to another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PromotedRevision:
    """A file in the target's folder."""

    revision: str
    down_revisions: tuple[str, ...]
    message: str
    path: str


@dataclass(frozen=True)
class Promoted:
    """What was written, or would be with `--dry-run`, oldest first; nothing where nothing is lacking.

    `equal` says whether both histories were proved to make the same schema; it is False for a part of the
    history, of which it was proved that it can be applied, taken back and applied again.
    """

    source: str
    target: str
    revisions: tuple[PromotedRevision, ...] = ()
    equal: bool = False
    dry_run: bool = False
    notes: tuple[str, ...] = ()
