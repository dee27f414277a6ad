"""Results of the commands that judge: `check`, `diff`, `lint` and `verify`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from migrator.errors import ExitCode, MigratorError
from migrator.results.differences import Change, Difference

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


Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class LintFinding:
    """A statement that can hurt, and which rule says so.

    `statement` is on one line and without secrets. `message` says why it hurts, `lock` what it locks on
    PostgreSQL (`ACCESS EXCLUSIVE on orders`, or empty), `remedy` how to write it safely. `excused_by` is the
    reason of the comment that allows it, or None.
    """

    rule: str
    severity: Severity
    revision: str
    file: str
    line: int | None
    operation: str
    statement: str
    message: str
    lock: str = ""
    remedy: str = ""
    excused_by: str | None = None


@dataclass(frozen=True)
class Linted:
    """The findings in the statements of some revisions.

    `statements` is how many were judged, `tool` who judged them besides migrator (`squawk 2.70.0`, or empty).
    `notes` say what else is to be known.
    """

    environment: str
    revisions: tuple[str, ...]
    findings: tuple[LintFinding, ...] = ()
    statements: int = 0
    tool: str = ""
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no error is left that is not excused."""
        return not any(each.severity == "error" and each.excused_by is None for each in self.findings)


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
