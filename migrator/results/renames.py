"""What may have been renamed, or is said to have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Rename:
    """One rename: of a column of the table `where`, of a table, or of a value of the enum `where`.

    Tables and enums are qualified with their schema if they have one.
    """

    kind: Literal["column", "table", "value"]
    where: str
    old: str
    new: str

    @property
    def option(self) -> str:
        """The option that says it."""
        if self.kind == "table":
            return f"--rename-table {self.old}={self.new}"
        return f"--rename{'-value' if self.kind == 'value' else ''} {self.where}.{self.old}={self.new}"

    @property
    def question(self) -> str:
        """The sentence that asks about it."""
        if self.kind == "table":
            return f"Is {self.new} the table {self.old} renamed?"
        what = "column" if self.kind == "column" else "value"
        return f"Is {self.where}.{self.new} the {what} {self.where}.{self.old} renamed?"
