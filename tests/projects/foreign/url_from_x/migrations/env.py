from alembic import context
from models import Base
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

url = context.get_x_argument(as_dictionary=True).get("url")
if url is None:
    raise SystemExit("usage: alembic -x url=postgresql+psycopg://... COMMAND")
engine = create_engine(url, poolclass=NullPool)

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
