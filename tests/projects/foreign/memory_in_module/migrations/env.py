from pathlib import Path

from alembic import context
from database import engine

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
    rows = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY 1")
    Path("schema.sql").write_text("".join(f"{row[0]};\n" for row in rows))
