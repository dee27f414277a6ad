"""Where a database stands, and whose it is."""
