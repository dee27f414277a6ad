"""Environments as plain lines."""

from __future__ import annotations

from collections.abc import Iterator

from migrator.plain import How
from migrator.results.environment_list import EnvironmentInfo, EnvironmentList


def lines(result: EnvironmentList, _how: How) -> Iterator[str]:
    """Give a line for each environment, its facts separated by tabs."""
    for info in result.environments:
        yield "\t".join(environment_cells(info))


def environment_cells(info: EnvironmentInfo) -> tuple[str, ...]:
    """Give the facts of an environment, one text for each column."""
    chosen = f"chosen by {info.chosen_by}"
    flags = (("default", info.default), (chosen, info.chosen_by), ("protected", info.protected))
    return (
        ", ".join((info.name, *info.aliases)),
        info.config_file,
        ", ".join(info.version_folders) or "-",
        _database_cell(info),
        info.origin or "-",
        ", ".join(name for name, true in flags if true) or "-",
    )


def _database_cell(info: EnvironmentInfo) -> str:
    if info.error:
        return f"error: {info.error}"
    return info.url or ("as env.py says" if info.origin else "not configured here")
