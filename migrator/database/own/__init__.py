"""What migrator reads, writes and locks in a database for itself."""
