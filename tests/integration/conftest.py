"""Servers and processes that only these tests use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mariadb import mariadb_database, mariadb_server, new_mariadb
from tests.projects.foreign.alembic_processes import AlembicProcesses, alembic_processes

__all__ = ["mariadb_database", "mariadb_server", "new_mariadb"]


@pytest.fixture(scope="module")
def processes() -> Iterator[AlembicProcesses]:
    """Where plain Alembic runs."""
    with alembic_processes() as running:
        yield running
