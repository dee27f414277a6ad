"""The only package that imports Alembic."""
