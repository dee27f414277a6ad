"""Alembic migrations that know environments."""

from typing import TYPE_CHECKING

__all__ = ["Migrator", "__version__"]
__version__ = "0.1.0"

if TYPE_CHECKING:
    from migrator.api.migrator import Migrator
else:

    def __getattr__(name: str) -> object:
        """Import what is asked for; the command line starts without it."""
        if name != "Migrator":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from migrator.api.migrator import Migrator

        return Migrator
