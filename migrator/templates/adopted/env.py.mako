"""Called by Alembic and by migrator. ${theirs} stays for ${tool}, without which it cannot run."""

from migrator.env import run_migrations

run_migrations(${options})
