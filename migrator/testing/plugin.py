"""What pytest loads (entry point `pytest11`): options, checks and fixtures, all of it off until asked for.

Every run of pytest in a project that has migrator installed imports this file.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from migrator.testing.fixtures import (
    async_session,
    has_test_loops,
    migrated_copies,
    migrated_database,
    session_under_anyio,
)

__all__ = ["async_session", "migrated_copies", "migrated_database", "session_under_anyio"]

_wanted: pytest.StashKey[tuple[Path, dict[str, tuple[str, ...]]] | None] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of the command line and of the configuration file."""
    group = parser.getgroup("migrator", "migrations")
    group.addoption(
        "--migrator",
        action="store_true",
        default=False,
        help="check the migrations of each environment, on scratch databases",
    )
    group.addoption(
        "--migrator-env",
        action="append",
        default=[],
        metavar="NAME",
        help="check only this environment (repeatable; means --migrator)",
    )
    parser.addini("migrator", "check the migrations whenever all tests run, as --migrator does", type="bool")
    parser.addini("migrator_environments", "environments that are checked (all)", type="args")
    parser.addini("migrator_skip", "checks that are left out: CHECK, or ENVIRONMENT:CHECK", type="args")
    parser.addini("migrator_database", "environment of the fixture migrated_database (the project's default)")


def pytest_configure(config: pytest.Config) -> None:
    """Read what is asked for, so that a wrong name ends the run before its first test."""
    if has_test_loops(config):
        from migrator.testing import asyncio_loops

        config.pluginmanager.register(asyncio_loops, "migrator-asyncio-loops")
    if config.getoption("migrator") or config.getoption("migrator_env") or _always(config):
        from migrator.testing.wanted_checks import wanted

        config.stash[_wanted] = wanted(config)


def _always(config: pytest.Config) -> bool:
    """Whether pytest's configuration asks for the checks. Raises pytest.UsageError where that is unclear."""
    try:
        return bool(config.getini("migrator"))
    # pytest says itself what is wrong with the value, but not of which key it is.
    except (ValueError, TypeError, pytest.UsageError) as exc:
        raise pytest.UsageError(f"The key migrator is to be true or false: {exc}.") from exc


# First, so that `-k` and `--last-failed` choose among the checks too.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the checks behind the tests."""
    found = config.stash.get(_wanted, None)
    if found is not None:
        from migrator.testing.migration_checks import check_items

        items.extend(check_items(session, *found))
