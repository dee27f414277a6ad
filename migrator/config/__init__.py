"""Environments, the `[migrator]` section and the database URL: the only place that knows precedence."""
