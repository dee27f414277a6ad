"""The tests of killed runs and of races once more, with larger numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Database
from tests.faults.least import Least, least_databases
from tests.faults.test_kills import kill_on_postgres, kill_on_sqlite
from tests.faults.test_races import race_on_postgres, race_on_sqlite

pytestmark = pytest.mark.soak

# Read when the module is imported: tests see none of the machine's variables.
_WHOLE = bool(os.environ.get("MIGRATOR_SOAK"))
KILLS = int(os.environ.get("MIGRATOR_SOAK_KILLS") or (1000 if _WHOLE else 20))
PROCESSES = int(os.environ.get("MIGRATOR_SOAK_PROCESSES") or (40 if _WHOLE else 4))
SEED = int(os.environ.get("MIGRATOR_SOAK_SEED", "1"))
# Enough of them that each run is begun often, at the first statements too, and not only gone on with.
KILLS_OF_ONE_DATABASE = 25


@pytest.fixture
def make_least(new_database: Callable[[], Database]) -> Iterator[Callable[..., Least]]:
    """Makes empty databases with a role each."""
    with least_databases(new_database) as make:
        yield make


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_after_every_one_of_many_kills_the_next_run_goes_on(
    driver: str, tmp_path: Path, make_least: Callable[..., Least]
) -> None:
    done = inside = 0
    for number in range(0, KILLS // 2, KILLS_OF_ONE_DATABASE):
        count = min(KILLS_OF_ONE_DATABASE, KILLS // 2 - number)
        kills = kill_on_postgres(tmp_path / str(number), make_least, count, SEED * 100_000 + number, driver)
        done, inside = done + kills.all, inside + kills.inside

    assert done == KILLS // 2
    assert inside >= 0.6 * done


def test_after_every_one_of_many_kills_the_next_run_of_sqlite_goes_on(tmp_path: Path) -> None:
    for number in range(0, KILLS // 5, KILLS_OF_ONE_DATABASE):
        count = min(KILLS_OF_ONE_DATABASE, KILLS // 5 - number)
        assert kill_on_sqlite(tmp_path / str(number), count, SEED * 100_000 + number).all == count


def test_many_processes_upgrade_one_empty_database_at_once(
    tmp_path: Path, make_least: Callable[..., Least]
) -> None:
    race_on_postgres(tmp_path / "a project", make_least(), PROCESSES)


def test_many_processes_upgrade_one_new_file_of_sqlite_at_once(tmp_path: Path) -> None:
    race_on_sqlite(tmp_path / "a project", PROCESSES // 2)
