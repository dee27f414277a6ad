"""Side-by-side measurements of migrator and plain Alembic, on the same version files and the same server."""
