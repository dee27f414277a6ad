import os
from typing import Any

from alembic import context
from models import Base
from sqlalchemy import create_engine, event, make_url
from sqlalchemy.pool import NullPool

url = make_url(os.environ["DATABASE_URL"])
engine = create_engine(url.set(password="not this one"), poolclass=NullPool)


@event.listens_for(engine, "do_connect")
def token(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
    # As with a cloud's tokens: every connection asks for a password of its own.
    parameters["password"] = url.password


with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
