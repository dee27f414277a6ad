"""What `lint` found in the SQL of revisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
