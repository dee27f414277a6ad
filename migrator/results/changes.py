"""A difference between models and database, or a step of a new revision, in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """One change to the database.

    `kind` is one of `add_table`, `drop_table`, `add_column`, `drop_column`, `alter_column`, `add_index`,
    `drop_index`, `add_constraint`, `drop_constraint`, `table_comment`, `add_enum`, `drop_enum`, `alter_enum`,
    `execute` and `other`; `table` is qualified with its schema if it has one, and empty where no table is
    concerned. `destructive` means that a table or a column goes, with what it holds, or a value of an enum.
    """

    kind: str
    text: str
    table: str = ""
    destructive: bool = False
