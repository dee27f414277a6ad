"""The application: `uvicorn examples.api.main:app`, started at the repository's root."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from examples.api.extensions.database import dispose_engine, get_engine
from examples.api.routes import orders, products, users
from migrator import Migrator

# Of the environment that ALEMBIC_ENV names (`migrator run` sets it), else of `testing`.
migrator = Migrator(directory=Path(__file__).parent)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Start on a database that is at head only, and give its connections back when the server stops.

    Raises NotAtHeadError, which says what to type, before the first request is served.
    """
    try:
        await migrator.arequire_head(get_engine())
        yield
    finally:
        await dispose_engine()


app = FastAPI(title="Shop", lifespan=lifespan)
app.include_router(users.router)
app.include_router(products.router)
app.include_router(orders.router)
