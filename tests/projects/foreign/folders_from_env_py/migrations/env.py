import os
from pathlib import Path

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

# Every edition of the shop has revisions of its own on top of the common ones.
folders = ["common", os.environ.get("EDITION", "small")]
context.script.version_locations = [str(Path(__file__).parent / folder) for folder in folders]
engine = create_engine(os.environ["DATABASE_URL"], poolclass=NullPool)

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
