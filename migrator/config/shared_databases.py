"""Keeps two environments from naming one database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from migrator.config.environments import Environment
from migrator.config.url import DatabaseSource, names_file, own_variable, places, search
from migrator.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import URL


_LOCAL = ("127.0.0.1", "::1", "localhost.")


def refuse_shared(
    chosen: Environment,
    source: DatabaseSource,
    others: list[Environment],
    process: Mapping[str, str],
) -> None:
    """Refuse two environments whose own sources name one database.

    A source that environments share (a container's DATABASE_URL) belongs to the chosen one alone. Raises
    ConfigurationError, naming both places.
    """
    if not source.own or source.url is None:
        return
    for other in others:
        if other.name == chosen.name or _may_share(chosen, other):
            continue
        try:
            theirs = _own_database(other, process)
        except ConfigurationError:
            # Their own trouble; it is said when they are asked for.
            continue
        if theirs is not None and theirs.url is not None and identity(theirs.url) == identity(source.url):
            raise ConfigurationError(
                f"The environments {chosen.name} ({source.origin}) and {other.name} ({theirs.origin}) name"
                " the same database.",
                hint="Correct one of them, or allow it with shares_database_with in the [migrator] section.",
            )


def _own_database(environment: Environment, process: Mapping[str, str]) -> DatabaseSource | None:
    """Find what an environment's own sources say, leaving out those that environments share."""
    own = own_variable(environment.name)
    looked = [
        place
        if place.own
        else replace(place, values={name: value for name, value in place.values.items() if name == own})
        for place in places(environment, process)
    ]
    return search(environment, looked)


def _may_share(one: Environment, other: Environment) -> bool:
    return any(other.answers_to(name) for name in one.settings.shares_database_with) or any(
        one.answers_to(name) for name in other.settings.shares_database_with
    )


def identity(url: URL) -> tuple[object, ...]:
    """Give what tells databases apart: two URLs of one database give the same, whatever their drivers."""
    backend = url.get_backend_name()
    if names_file(url):
        file = (url.database or ":memory:").removeprefix("file:").partition("?")[0]
        return (backend, file if ":" in file[:8] else os.path.realpath(file))
    host = url.host or str(url.query.get("host", "localhost"))
    defaults = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}
    port = url.port or defaults.get(backend)
    return (backend, "localhost" if host in _LOCAL else host.lower(), port, url.database or url.username)
