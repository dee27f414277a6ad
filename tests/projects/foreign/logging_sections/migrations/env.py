import logging
import os
from logging.config import fileConfig

from alembic import context
from models import Base
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

fileConfig(context.config.config_file_name)
logging.getLogger("alembic.env").warning("migrating %s", os.environ["DATABASE_URL"].rpartition("/")[2])
engine = create_engine(os.environ["DATABASE_URL"], poolclass=NullPool)

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
