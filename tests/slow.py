"""Marks parameters of tests as slow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def first_is_fast(values: Iterable[Any]) -> list[Any]:
    """Return the parameters of a test: the first one unmarked, all others marked slow.

    A tuple holds one value for each argument of the test.
    """
    first, *more = values
    return [_parameter(first), *(slow(value) for value in more)]


def slow(value: Any) -> Any:
    """Return a parameter marked slow. A tuple holds one value for each argument of the test."""
    return _parameter(value, pytest.mark.slow)


def _parameter(value: Any, *marks: pytest.MarkDecorator) -> Any:
    return pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=marks)
