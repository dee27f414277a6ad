"""The session of a test that pytest-asyncio runs: one fixture for each kind of loop that a test may ask for.

Loaded only where pytest-asyncio is, and new enough.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Literal

import pytest_asyncio

from migrator.testing.fixtures import session_on

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


def _in_loop_of(scope: Literal["function", "class", "module", "package", "session"]) -> Any:
    @pytest_asyncio.fixture(loop_scope=scope, name=f"_migrator_session_in_{scope}_loop")
    async def session_in_loop(migrated_database: str) -> AsyncIterator[AsyncSession]:
        async with session_on(migrated_database) as session:
            yield session

    return session_in_loop


in_loop_of_function = _in_loop_of("function")
in_loop_of_class = _in_loop_of("class")
in_loop_of_module = _in_loop_of("module")
in_loop_of_package = _in_loop_of("package")
in_loop_of_session = _in_loop_of("session")
