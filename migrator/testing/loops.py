"""Opens a test's session in the event loop that runs the test: one that is closed in another loop hangs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

# What a sync driver is replaced with: an AsyncSession needs an async one.
_ASYNC_DRIVERS = {"postgresql": "asyncpg", "sqlite": "aiosqlite", "mysql": "asyncmy", "mariadb": "asyncmy"}


def session_fixture(request: pytest.FixtureRequest) -> str:
    """Give the name of the fixture whose session belongs to the loop of the test.

    Fails the test where neither anyio nor pytest-asyncio runs it.
    """
    if "anyio_backend" in request.fixturenames:
        return "_migrator_session_under_anyio"
    if not request.config.pluginmanager.hasplugin("asyncio"):
        pytest.fail(
            "error: async_session needs pytest-asyncio, which is not installed.\n"
            "hint: Install it: pip install pytest-asyncio; or run the test with anyio: @pytest.mark.anyio",
            pytrace=False,
        )
    marker = request.node.get_closest_marker("asyncio")
    said = marker.kwargs if marker is not None else {}
    scope = said.get("loop_scope") or said.get("scope")
    return f"_migrator_session_in_{scope or request.config.getini('asyncio_default_test_loop_scope')}_loop"


@asynccontextmanager
async def session_on(url: str) -> AsyncIterator[AsyncSession]:
    """Have a session on a database for the block; what it loaded stays readable after a commit."""
    from sqlalchemy import make_url
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
    from sqlalchemy.pool import NullPool

    parsed = make_url(url)
    if not parsed.get_dialect().is_async:
        backend = parsed.get_backend_name()
        parsed = parsed.set(drivername=f"{backend}+{_ASYNC_DRIVERS.get(backend, '')}".rstrip("+"))
    engine = create_async_engine(parsed, poolclass=NullPool)
    try:
        async with AsyncSession(engine, expire_on_commit=False) as session:
            yield session
    finally:
        await engine.dispose()
