"""What a process that serves many tenants keeps from one to the next, such as the version files."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")


class _Kept:
    """What is kept, and how it is put away."""

    def __init__(self) -> None:
        self.things: dict[Hashable, Any] = {}
        self.end = ExitStack()


_KEPT: ContextVar[_Kept | None] = ContextVar("kept", default=None)


@contextmanager
def keeping() -> Iterator[None]:
    """Keep things while the block runs."""
    kept = _Kept()
    token = _KEPT.set(kept)
    try:
        with kept.end:
            yield
    finally:
        _KEPT.reset(token)


def keeps() -> bool:
    """Whether this process serves many tenants."""
    return _KEPT.get() is not None


def once(key: Hashable, make: Callable[[], T], close: Callable[[T], None] | None = None) -> T:
    """Give what `make` gives: made once where things are kept, under a key, and each time elsewhere.

    `close` puts it away in the end, where it is kept.
    """
    kept = _KEPT.get()
    if kept is None:
        return make()
    if key not in kept.things:
        thing = kept.things[key] = make()
        if close is not None:
            kept.end.callback(close, thing)
    made: T = kept.things[key]
    return made
