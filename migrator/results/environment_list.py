"""The result of `envs`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EnvironmentInfo:
    """One environment. `url` is masked; `error` says why it cannot be used here.

    `chosen_by` says what made a command started here choose it (`--env`, ALEMBIC_ENV, ...), None for others.
    """

    name: str
    aliases: tuple[str, ...]
    config_file: str
    version_folders: tuple[str, ...]
    url: str | None
    origin: str | None
    protected: bool
    default: bool
    chosen_by: str | None
    error: str | None = None


@dataclass(frozen=True)
class EnvironmentList:
    """All environments of a project, by the name of their files."""

    root: str
    environments: tuple[EnvironmentInfo, ...]
