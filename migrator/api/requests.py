"""What a call asks of the process that does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from migrator.config.select import Choice, Workspace, choose
from migrator.operations.command_requests import DatabaseRequest


@dataclass(frozen=True)
class Request:
    """What is asked, and of which environment, or of which one of its tenants."""

    choice: Choice
    asked: DatabaseRequest
    tenant: str | None = None

    def workspace(self) -> Workspace:
        """Choose the environment as a command does. Raises ConfigurationError and UsageError."""
        workspace = choose(self.choice)
        if self.tenant is None:
            return workspace
        from migrator.config.tenants import tenants_of

        (tenant,) = tenants_of([self.tenant], workspace.environment)
        return workspace.for_tenant(tenant)


class ChangeOptions(TypedDict, total=False):
    """`lock_wait`: for how many seconds another run is waited for, None for what the configuration says.

    `backup`: whether an SQLite file is copied first. `tag` is for env.py (`context.get_tag_argument`).
    """

    lock_wait: float | None
    backup: bool
    tag: str | None


class UpgradeOptions(ChangeOptions, total=False):
    """`allow_ahead`: accept a database that a newer version has upgraded.

    `confirm`: the environment's name, as consent to what is destroyed.
    """

    allow_ahead: bool
    confirm: str | None


class DowngradeOptions(ChangeOptions, total=False):
    """`confirm`: the environment's name, where it is protected.

    `yes`: consent to the loss of rows elsewhere.
    """

    confirm: str | None
    yes: bool


class HeadOptions(TypedDict, total=False):
    """`version_table`, `version_table_schema`: those that env.py computes, so that they cannot be read in it.

    `allow_ahead`: accept a revision that has no file here.
    """

    version_table: str | None
    version_table_schema: str | None
    allow_ahead: bool
