"""What Alembic remembers within one run, such as the enum types that it has made.

A type is made with the first table that has it. Within a run that goes up, down and up again the second time
would pass for done.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from alembic.runtime.migration import MigrationContext


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
