import os
from typing import Any

import psycopg
from alembic import context
from models import Base
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool


def connect() -> psycopg.Connection[Any]:
    # The URL says nothing: where the database is, only this function knows.
    return psycopg.connect(os.environ["SHOP_DSN"])


engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
