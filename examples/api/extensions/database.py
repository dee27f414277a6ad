"""The engine, the sessions, and the dependency that hands a session to a route."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from examples.api.config import get_settings


@cache
def get_engine() -> AsyncEngine:
    """The process's one engine, made on first use, so that importing this module connects to nothing."""
    return create_async_engine(
        get_settings().DATABASE_URL,
        pool_size=50,
        max_overflow=20,
        pool_timeout=60,
        pool_recycle=3600,
    )


@cache
def get_session_factory() -> async_sessionmaker[AsyncSession]:
    """The factory of the sessions; what they loaded stays readable after the commit."""
    return async_sessionmaker(get_engine(), expire_on_commit=False)


@asynccontextmanager
async def get_session_async_with() -> AsyncIterator[AsyncSession]:
    """A session in a transaction of its own: committed at the end of the block, rolled back on an error."""
    async with get_session_factory().begin() as session:
        yield session


async def get_session() -> AsyncIterator[AsyncSession]:
    """The same session, as a FastAPI dependency."""
    async with get_session_async_with() as session:
        yield session


# The scope makes FastAPI leave the dependency, and so commit, before the response is sent:
# nobody is told "created" about a row whose commit then fails.
Session = Annotated[AsyncSession, Depends(get_session, scope="function")]


async def dispose_engine() -> None:
    """Close the pool, if there is one; the next use makes a new engine."""
    if get_engine.cache_info().currsize:
        await get_engine().dispose()
    get_session_factory.cache_clear()
    get_engine.cache_clear()
