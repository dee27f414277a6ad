"""What a process that serves many tenants keeps from one to the next, such as the version files."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
_KEPT: ContextVar[dict[Hashable, Any] | None] = ContextVar("kept", default=None)


@contextmanager
def keeping() -> Iterator[None]:
    """Keep things while the block runs."""
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


def keeps() -> bool:
    """Whether this process serves many tenants."""
    return _KEPT.get() is not None


def once(key: Hashable, make: Callable[[], T]) -> T:
    """Give what `make` gives: made once where things are kept, under a key, and each time elsewhere."""
    store = _KEPT.get()
    if store is None:
        return make()
    if key not in store:
        store[key] = make()
    made: T = store[key]
    return made
