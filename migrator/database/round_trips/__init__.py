"""Fewer round trips to a server, by private names of SQLAlchemy and asyncpg: used here, and nowhere else."""
