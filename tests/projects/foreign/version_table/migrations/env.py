import os

from alembic import context
from models import Base
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

engine = create_engine(os.environ["DATABASE_URL"], poolclass=NullPool)

with engine.connect() as connection:
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS bookkeeping"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        version_table="shop_version",
        version_table_schema="bookkeeping",
    )
    with context.begin_transaction():
        context.run_migrations()
