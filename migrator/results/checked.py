"""Result of `check`: whether models, history and database agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from migrator.results.changes import Change
from migrator.results.differences import Difference

Part = Literal["models", "history", "edited files", "files", "heads"]


@dataclass(frozen=True)
class Skipped:
    """A part of the answer that could not be had, why, and what to do about it."""

    what: Part
    why: str
    hint: str = ""


@dataclass(frozen=True)
class Checked:
    """Whether the models agree with the database or the history, and the database with its history.

    `compared` names what the answer is made of: `models`; with a database `history`, the database against its
    own history replayed, and `edited files`; with a history `files` and `heads`. `skipped` is what it lacks.

    `drift` is what the database (`left`) and its history (`right`) have otherwise, `edited` the revisions
    whose files were changed after they had been applied. With `pending` revisions the models were not
    compared. `not_compared` names what models and database may differ in unseen; `problems` say what is
    wrong with the history itself, such as several heads, or a file that does not load.
    """

    against: Literal["history", "database"]
    compared: tuple[Part, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    changes: tuple[Change, ...] = ()
    pending: tuple[str, ...] = ()
    drift: tuple[Difference, ...] = ()
    edited: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the answer is yes."""
        return not (self.changes or self.pending or self.drift or self.edited or self.problems)
