"""A small shop: FastAPI, SQLAlchemy and asyncpg."""
