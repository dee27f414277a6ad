"""What migrator does: one verb a file. Each takes a workspace and a request, and returns a result."""
