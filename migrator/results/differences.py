"""A difference between two databases: one object, as each of them has it."""

from __future__ import annotations

from dataclasses import dataclass


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
