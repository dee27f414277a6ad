"""Parsing in several threads."""

from __future__ import annotations

import ast
import gc
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from migrator.syntax import parse


class Garbage:
    """Runs Python when it is collected, which lets another thread have its turn."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        for _ in range(100):
            pass


@pytest.fixture
def unruly() -> Iterator[None]:
    """Has threads change places, and garbage collected, as often as can be."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(10)
    yield
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("unruly")
def test_threads_parse_at_the_same_time() -> None:
    source = Path(__file__).read_bytes()

    def parsed(_number: int) -> ast.Module:
        for _ in range(20):
            Garbage()
        return parse(source)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(parsed, range(100)))

    assert {len(tree.body) for tree in found} == {len(ast.parse(source).body)}
