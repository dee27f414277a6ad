"""The command that comes after `init`."""

from __future__ import annotations

from collections.abc import Sequence

from migrator.config.environments import Environment
from migrator.database.embedded.binaries import wheel_binaries
from migrator.errors import MissingExtraError
from migrator.operations.init.layout import developing
from migrator.operations.init.names import Named
from migrator.operations.init.questions import Settled

EXAMPLE = "USER:PASSWORD@HOST:5432/DATABASE"


def first_revision(named: Sequence[Named], settled: Settled, there: Sequence[Environment]) -> str:
    """Give what writes the first revision of a new project and applies it; nothing where nothing is new."""
    if not named:
        return ""
    if there:
        return "migrator envs"
    first = developing(named) or named[0]
    env = f" --env {first.name}" if first.protected else ""
    commands = f"migrator generate -m initial{env} && migrator upgrade{env}"
    if not settled.models:
        return f"write models = ... into {first.file.as_posix()}, then: {commands}"
    if first.protected or settled.database == "url":
        return with_url(first, commands)
    return commands


def after_adoption(named: Sequence[Named], *, has_database: bool, scheme: str, has_revisions: bool) -> str:
    """Give what brings the developers' database to head; `scheme` is how a URL for its env.py begins."""
    if not named:
        return ""
    first = developing(named) or named[0]
    env = f" --env {first.name}" if first.protected else ""
    commands = f"migrator upgrade{env}"
    if not has_revisions:
        commands = f"migrator generate -m initial{env} && {commands}"
    return commands if has_database else with_url(first, commands, scheme)


def with_url(named: Named, commands: str, scheme: str = "postgresql+asyncpg") -> str:
    """Give commands behind the one that says where the database of an environment is."""
    return f"export {named.variable}={scheme}://{EXAMPLE} && {commands}"


def missing_wheel() -> list[str]:
    """Say what to install, where the embedded PostgreSQL is not."""
    try:
        wheel_binaries()
    except MissingExtraError as exc:
        return [f"{exc.message} {exc.hint}"]
    return []
