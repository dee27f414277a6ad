"""The application's settings, read from the environment."""

import os
from dataclasses import dataclass, field
from functools import cache

from sqlalchemy import URL


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings, named like the environment variables that hold them."""

    POSTGRES_DB: str
    POSTGRES_USER: str = "postgres"
    POSTGRES_PASSWORD: str | None = field(default=None, repr=False)
    POSTGRES_HOST: str = "localhost"
    POSTGRES_PORT: int = 5432

    @property
    def DATABASE_URL(self) -> URL:
        """The database's URL, for an async engine; built from its parts, so any password is safe."""
        return URL.create(
            "postgresql+asyncpg",
            username=self.POSTGRES_USER,
            password=self.POSTGRES_PASSWORD,
            host=self.POSTGRES_HOST,
            port=self.POSTGRES_PORT,
            database=self.POSTGRES_DB,
        )


@cache
def get_settings() -> Settings:
    """The settings of this process, read once, on first use.

    Raises RuntimeError when POSTGRES_DB is missing: guessing a database is worse than not starting.
    """
    if not os.environ.get("POSTGRES_DB"):
        raise RuntimeError("POSTGRES_DB is not set: it names the database of the shop.")
    return Settings(
        POSTGRES_DB=os.environ["POSTGRES_DB"],
        POSTGRES_USER=os.environ.get("POSTGRES_USER", "postgres"),
        POSTGRES_PASSWORD=os.environ.get("POSTGRES_PASSWORD"),
        POSTGRES_HOST=os.environ.get("POSTGRES_HOST", "localhost"),
        POSTGRES_PORT=int(os.environ.get("POSTGRES_PORT", "5432")),
    )
