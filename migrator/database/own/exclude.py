"""Tables that belong to other applications."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase


def excluder(patterns: Sequence[str]) -> Callable[[str, str | None], bool]:
    """Give the function that says whether a table is excluded, from its name and its schema (or None).

    The patterns are case-sensitive globs. One with a dot is compared with `schema.table` as well as with
    `table`, one without a dot with `table` only.
    """
    # A star also matches a dot: else `audit*` would take every table of the schema `audit`.
    qualified = tuple(pattern for pattern in patterns if "." in pattern)

    def excluded(table: str, schema: str | None) -> bool:
        if any(fnmatchcase(table, pattern) for pattern in patterns):
            return True
        return schema is not None and any(fnmatchcase(f"{schema}.{table}", pattern) for pattern in qualified)

    return excluded
