"""Reads durations, all in one way: ini keys, options, comments in version files, the Python API's seconds."""

from __future__ import annotations

import math
import re

# In seconds: PostgreSQL's own timeouts end there, and Python's waits not much later.
_LONGEST = (2**31 - 1) / 1000
_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Return `500ms`, `3s`, `3`, `2m` or `1h` in seconds; `none` and `off` are infinite, which is no limit.

    Raises ValueError for anything else.
    """
    said = text.strip().lower()
    if said in ("none", "off"):
        return math.inf
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|)", said)
    if found is None:
        raise ValueError(f"{text!r} is not a duration such as 500ms, 3s or 2m, nor none for no limit")
    seconds = float(found[1]) * _UNITS[found[2]]
    if seconds > _LONGEST:
        raise ValueError(f"{text!r} is longer than 24 days; none is no limit")
    return seconds


def parse_running_time(text: str) -> float:
    """Return how long something may run, as `parse_duration` does. Raises ValueError for no time at all."""
    seconds = parse_duration(text)
    if not seconds:
        raise ValueError(f"nothing runs within {text}; none is no limit")
    return seconds


def is_duration(value: object) -> bool:
    """Return whether a value is a number of seconds that `parse_duration` may return."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= _LONGEST or value == math.inf
