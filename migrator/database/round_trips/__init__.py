"""Saves round trips with private names of SQLAlchemy and asyncpg."""
