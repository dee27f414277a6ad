"""Which checks of which environments are asked for, on the command line and in the configuration file."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from migrator.config.environments import discover, find_root
from migrator.errors import ConfigurationError


def wanted(config: pytest.Config) -> tuple[Path, dict[str, tuple[str, ...]]] | None:
    """Read the options: the project's root, and the names of the checks of each environment.

    It is None where the checks go with a run of all tests, and this is one of a few.

    Raises pytest.UsageError for an unknown environment or check, or where there is no project.
    """
    asked = [str(each) for each in config.getoption("migrator_env")]
    if not config.getoption("migrator") and not asked and _names_tests(config):
        return None
    # Imported here: the checks import Alembic, which a run of single tests does not need.
    from migrator.testing.migration_checks import CHECKS

    root = find_root(config.rootpath)
    if root is None:
        raise pytest.UsageError(
            f"--migrator: there is no configs/alembic_*.ini in {config.rootpath} or any folder above it."
            " Make one: migrator init, or over an Alembic project migrator init --from alembic.ini"
        )
    names = _environments(root)
    chosen = _chosen(names, asked, "--migrator-env") or _chosen(
        names, config.getini("migrator_environments"), "migrator_environments"
    )
    skipped = _skipped(names, CHECKS, config.getini("migrator_skip"))
    environments = [name for name in dict.fromkeys(names.values()) if not chosen or name in chosen]
    return root, {
        name: tuple(check for check in CHECKS if (name, check) not in skipped) for name in environments
    }


def _names_tests(config: pytest.Config) -> bool:
    """Whether the command line names files or single tests, rather than folders."""
    where = config.invocation_params.dir
    return any("::" in each or (where / each).is_file() for each in config.args)


def _environments(root: Path) -> dict[str, str]:
    """Give each name of each environment with the canonical one, those that cannot be read too."""
    try:
        found, broken = discover(root)
    except ConfigurationError as exc:
        raise pytest.UsageError(f"--migrator: {exc.message} {exc.hint}".strip()) from exc
    names = {name: each.name for each in found for name in (each.name, *each.aliases)}
    for each in broken:
        names |= {name: each.name for name in each.names if name not in names}
    return names


def _chosen(names: dict[str, str], said: Sequence[str], option: str) -> list[str]:
    return [names[_known(name, names, f"environment {name} (from {option})")] for name in said]


def _skipped(names: dict[str, str], checks: Collection[str], said: Sequence[str]) -> set[tuple[str, str]]:
    skipped = set()
    for each in said:
        environment, colon, check = each.rpartition(":")
        _known(check, checks, f"check {check} (from migrator_skip)")
        of = _chosen(names, [environment], "migrator_skip") if colon else names.values()
        skipped |= {(name, check) for name in of}
    return skipped


def _known(name: str, known: Collection[str], what: str) -> str:
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    meant = f"Did you mean {near[0]}? " if near else ""
    raise pytest.UsageError(f"There is no {what}. {meant}There are: {', '.join(known)}.")
