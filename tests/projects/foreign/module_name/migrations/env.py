import os

from alembic import context
from models import Base
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool


def run_migrations() -> None:
    engine = create_engine(os.environ["DATABASE_URL"], poolclass=NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata)
        with context.begin_transaction():
            context.run_migrations()


# The application's tests import this file; only Alembic itself gives it this name.
if __name__ == "env_py":
    run_migrations()
