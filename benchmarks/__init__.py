"""Side-by-side measurements of migrator, plain Alembic and others, on the same version files and server."""
