from alembic import context

# The application's own command migrates: it makes the connection and commits.
context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
