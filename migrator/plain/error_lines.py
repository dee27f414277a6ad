"""Errors as plain lines."""

from __future__ import annotations

from collections.abc import Iterator

from migrator.errors import MigratorError


def error_lines(error: MigratorError) -> Iterator[str]:
    """Give what happened, then what to do about it, where the error says so."""
    yield f"error: {error.message}"
    if error.hint:
        yield f"hint: {error.hint}"
