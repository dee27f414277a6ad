"""Opens a test's session in the event loop that runs the test: one that is closed in another loop hangs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

# The first pytest-asyncio that says which loop a test runs in, and the key with which it does.
_OLDEST, _LOOP_OF_TESTS = "0.26", "asyncio_default_test_loop_scope"


def has_test_loops(config: pytest.Config) -> bool:
    """Whether there is a pytest-asyncio that is new enough for `async_session`."""
    if not config.pluginmanager.hasplugin("asyncio"):
        return False
    try:
        config.getini(_LOOP_OF_TESTS)
    except ValueError:
        return False
    return True


def session_fixture(request: pytest.FixtureRequest) -> str:
    """Give the name of the fixture whose session belongs to the loop of the test.

    Fails the test where neither anyio nor pytest-asyncio runs it.
    """
    if "anyio_backend" in request.fixturenames:
        return "_migrator_session_under_anyio"
    if not has_test_loops(request.config):
        pytest.fail(_no_loops(request.config), pytrace=False)
    marker = request.node.get_closest_marker("asyncio")
    said = marker.kwargs if marker is not None else {}
    scope = said.get("loop_scope") or said.get("scope")
    return f"_migrator_session_in_{scope or request.config.getini(_LOOP_OF_TESTS)}_loop"


def _no_loops(config: pytest.Config) -> str:
    found = "which is not installed"
    if config.pluginmanager.hasplugin("asyncio"):
        found = f"and {version('pytest-asyncio')} is installed"
    return (
        f"error: async_session needs pytest-asyncio {_OLDEST} or later, {found}.\n"
        f"hint: Install it: pip install 'pytest-asyncio>={_OLDEST}'; or run the test with anyio:"
        " @pytest.mark.anyio"
    )


@asynccontextmanager
async def session_on(url: str) -> AsyncIterator[AsyncSession]:
    """Have a session on a database for the block; what it loaded stays readable after a commit."""
    from sqlalchemy import make_url
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
    from sqlalchemy.pool import NullPool

    from migrator.database.connecting.engine import with_async_driver

    engine = create_async_engine(with_async_driver(make_url(url)), poolclass=NullPool)
    try:
        async with AsyncSession(engine, expire_on_commit=False) as session:
            yield session
    finally:
        await engine.dispose()
