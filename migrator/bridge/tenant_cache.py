"""What a process that serves many tenants keeps from one to the next: version files, enum types."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from copy import deepcopy
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    # `status` imports this module, and leaves Alembic to the processes that it starts.
    from alembic.runtime.migration import MigrationContext

T = TypeVar("T")


# The things that are kept, and how they are put away.
_KEPT: ContextVar[tuple[dict[Hashable, Any], ExitStack] | None] = ContextVar("kept", default=None)


@contextmanager
def tenant_cache() -> Iterator[None]:
    """Keep things while the block runs."""
    with ExitStack() as end:
        end.callback(_KEPT.reset, _KEPT.set(({}, end)))
        yield


def has_tenant_cache() -> bool:
    """Whether this process serves many tenants."""
    return _KEPT.get() is not None


def cached(key: Hashable, make: Callable[[], T], close: Callable[[T], None] | None = None) -> T:
    """Give what `make` gives: made once where things are kept, under a key, and each time elsewhere.

    `close` puts it away in the end, where it is kept.
    """
    kept = _KEPT.get()
    if kept is None:
        return make()
    things, end = kept
    if key not in things:
        things[key] = make()
        if close is not None:
            end.callback(close, things[key])
    made: T = things[key]
    return made


# Alembic creates an enum type with the first table that has it, and remembers it. In a run that goes up, down
# and up again it would skip the type the second time.
def remembers(context: MigrationContext) -> bool:
    """Whether a context remembers anything: what its operations send may depend on that."""
    return bool(context.impl.memo)


class Remembered:
    """Lets a step that is taken back be forgotten, as it is between two runs."""

    def __init__(self, context: MigrationContext) -> None:
        self._memo: dict[str, Any] = context.impl.memo
        self._before: dict[str, dict[str, Any]] = {}

    def begin(self, revision: str) -> None:
        """Come before the upgrade of a revision."""
        self._before[revision] = deepcopy(self._memo)

    def undone(self, revision: str) -> None:
        """Come after the downgrade of a revision."""
        self._memo.clear()
        self._memo.update(self._before.get(revision, {}))
