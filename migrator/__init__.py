"""Alembic migrations that know environments."""

__version__ = "0.1.0"
