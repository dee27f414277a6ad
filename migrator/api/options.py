"""The options of the methods that change a database, for type checkers; `asked` has their defaults."""

from __future__ import annotations

from typing import TypedDict


class ChangeOptions(TypedDict, total=False):
    """`lock_wait`: for how many seconds another run is waited for, None for what the configuration says.

    `backup`: whether an SQLite file is copied first. `tag` is for env.py (`context.get_tag_argument`).
    """

    lock_wait: float | None
    backup: bool
    tag: str | None


class UpgradeOptions(ChangeOptions, total=False):
    """`allow_ahead`: accept a database that a newer version has upgraded."""

    allow_ahead: bool


class DowngradeOptions(ChangeOptions, total=False):
    """`confirm`: the environment's name, where it is protected."""

    confirm: str | None


class HeadOptions(TypedDict, total=False):
    """`version_table`, `version_table_schema`: those that env.py computes, so that they cannot be read in it.

    `allow_ahead`: accept a revision that has no file here.
    """

    version_table: str | None
    version_table_schema: str | None
    allow_ahead: bool
