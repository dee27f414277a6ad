"""Loads, plans and writes revision files through Alembic."""
