"""The result of `envs`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EnvironmentInfo:
    """One environment. `error` says why it cannot be used here; `url` is masked."""

    name: str
    aliases: tuple[str, ...]
    config_file: str
    version_folders: tuple[str, ...]
    url: str | None
    origin: str | None
    protected: bool
    default: bool
    chosen: bool
    error: str | None = None


@dataclass(frozen=True)
class EnvironmentList:
    """All environments of a project, by the name of their files."""

    root: str
    environments: tuple[EnvironmentInfo, ...]
