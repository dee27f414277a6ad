"""What differs: models and a database in words, two databases, and names that may be renames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Added = Literal["add_table", "add_column", "add_index", "add_constraint", "add_enum"]
Dropped = Literal["drop_table", "drop_column", "drop_index", "drop_constraint", "drop_enum"]
Altered = Literal["alter_column", "alter_enum"]


@dataclass(frozen=True)
class Change:
    """One change to the database.

    `table` is qualified with its schema if it has one, and empty where no table is concerned. `destructive`
    means that a table or a column goes, with what it holds, or a value of an enum.
    """

    kind: Added | Dropped | Altered | Literal["table_comment", "execute", "other"]
    text: str
    table: str = ""
    destructive: bool = False


@dataclass(frozen=True)
class Difference:
    """One object that two databases do not have alike.

    `kind` is `table`, `column`, `constraint`, `index`, `sequence`, `enum`, `domain`, `composite type`,
    `range type`, `view`, `materialized view`, `function`, `aggregate`, `trigger`, `rule`, `policy`,
    `row security`, `statistics`, `extension`, `schema`, `partition` or `comment`. `name` is qualified with
    the schema where that is not the default one: `orders`, `orders.total`, `billing.invoices`,
    `ix_a on orders`. `left` and `right` are its definitions on one line, None where it is missing.
    """

    kind: str
    name: str
    left: str | None
    right: str | None

    @property
    def text(self) -> str:
        """The difference in words, on one line."""
        return self.describe("the first", "the second")

    def describe(self, left: str, right: str) -> str:
        """Give the difference in words, on one line, with names for the two databases."""
        what = f"{self.kind} {self.name}"
        if self.left is None:
            return f"{what}: only in {right}"
        if self.right is None:
            return f"{what}: only in {left}"
        return f"{what}: {self.left} | {self.right}"


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
