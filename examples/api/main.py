"""The application: `uvicorn examples.api.main:app`, started at the repository's root."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from examples.api.extensions.database import dispose_engine
from examples.api.routes import orders, products, users


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Give the database its connections back when the server stops."""
    try:
        yield
    finally:
        await dispose_engine()


app = FastAPI(title="Shop", lifespan=lifespan)
app.include_router(users.router)
app.include_router(products.router)
app.include_router(orders.router)
