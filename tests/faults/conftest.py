"""A database for each test of a fault, and a role that may do no more than it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Database
from tests.faults.least import Least, least_databases


@pytest.fixture
def new_least_database(new_database: Callable[[], Database]) -> Iterator[Callable[..., Least]]:
    """Makes empty databases with a role each: `new_least_database("CREATE ON SCHEMA public")`."""
    with least_databases(new_database) as make:
        yield make


@pytest.fixture
def least_database(new_least_database: Callable[..., Least]) -> Least:
    """An empty database, and a role that may create schemas, and tables in the schema `public`."""
    return new_least_database()
