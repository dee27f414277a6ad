"""The commands, by group. Each imports its operation when it is called: help needs no Alembic."""
