from alembic import context
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

options = context.config.cmd_opts
given = dict(pair.split("=", 1) for pair in options.x or [])
command = options.cmd[0].__name__
asked = getattr(options, "revision", "nothing")
if command == "downgrade" and given.get("really") != "yes":
    raise SystemExit("say -x really=yes")
engine = create_engine(given["url"], poolclass=NullPool)

with engine.connect() as connection:
    said = {"said": f"{command} {asked}"}
    connection.execute(text("SELECT set_config('shop.command', :said, false)"), said)
    connection.commit()
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
