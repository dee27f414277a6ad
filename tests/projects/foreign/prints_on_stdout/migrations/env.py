import os
import sys
from logging.config import fileConfig

from alembic import context
from models import Base
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

fileConfig(context.config.config_file_name)
print("[shop] migrating", os.environ["DATABASE_URL"].rpartition("@")[2])  # noqa: T201
sys.stdout.write("[shop] no newline")
sys.stdout.write("\n")
os.write(1, b"[shop] past Python's own stream\n")
engine = create_engine(os.environ["DATABASE_URL"], poolclass=NullPool)

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()

print("[shop] done")  # noqa: T201
