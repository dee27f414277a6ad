"""Marks parameters of tests as slow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def first_is_fast(values: Iterable[Any]) -> list[Any]:
    """Return the parameters of a test: the first as it is, and all others marked slow."""
    first, *more = values
    return [first, *(slow(value) for value in more)]


def slow(value: Any) -> Any:
    """Return a parameter marked slow. A tuple holds one value for each argument of the test."""
    return pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow)
