"""What `doctor` found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FindingSeverity = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what was found, and what to type where it is not as it should be.

    A `note` keeps nothing from working; `hint` is empty where all is well.
    """

    topic: str
    severity: FindingSeverity
    text: str
    hint: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All that was found about an environment, in the order in which it was looked at."""

    environment: str
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether there is no problem."""
        return all(finding.severity != "problem" for finding in self.findings)
