"""What Alembic's autogenerate finds, corrected and written."""
