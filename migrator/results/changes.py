"""A difference between models and database, or a step of a new revision, in words."""

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
