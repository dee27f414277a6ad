"""The command that comes after `init`."""

from __future__ import annotations

from collections.abc import Sequence

from migrator.config.environments import Environment
from migrator.database.embedded.binaries import wheel_binaries
from migrator.errors import MissingExtraError
from migrator.operations.init.environment_names import EnvironmentName
from migrator.operations.init.layout import developing
from migrator.operations.init.questions import ProjectChoices

# What shows a project that is there already.
LOOK = "migrator envs"
EXAMPLE = "USER:PASSWORD@HOST:5432/DATABASE"


def first_revision(
    named: Sequence[EnvironmentName], settled: ProjectChoices, there: Sequence[Environment]
) -> str:
    """Give what writes the first revision of a new project and applies it; of an old one, what there is."""
    if there or not named:
        return LOOK
    first = developing(named) or named[0]
    env = f" --env {first.name}" if first.protected else ""
    commands = f"migrator generate -m initial{env} && migrator upgrade{env}"
    if first.protected or settled.database == "url":
        commands = with_url(first, commands)
    return commands if settled.models else with_models(first, commands)


def with_models(named: EnvironmentName, commands: str) -> str:
    """Give commands behind what has to be written before them into the file of an environment."""
    return f"write models = ... into {named.file.as_posix()}, then: {commands}"


def with_url(named: EnvironmentName, commands: str, scheme: str = "postgresql+asyncpg") -> str:
    """Give commands behind the one that says where the database of an environment is."""
    return f"export {named.variable}={scheme}://{EXAMPLE} && {commands}"


def missing_wheel() -> list[str]:
    """Say what to install, where the embedded PostgreSQL is not."""
    try:
        wheel_binaries()
    except MissingExtraError as exc:
        return [f"{exc.message} {exc.hint}"]
    return []
