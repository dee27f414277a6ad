"""Servers that only these tests use."""

from tests.mariadb import mariadb_database, mariadb_server, new_mariadb

__all__ = ["mariadb_database", "mariadb_server", "new_mariadb"]
