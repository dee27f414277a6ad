"""Called by Alembic and by migrator. Options of Alembic's context.configure() may be passed on."""

from migrator.env import run_migrations

run_migrations()
