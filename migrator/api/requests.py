"""What a call asks, and how the process that was made for it does that."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypedDict

from migrator.config.select import Choice, Workspace, choose
from migrator.operations.command_requests import DatabaseRequest, StatusRequest
from migrator.operations.dispatch import operation_of
from migrator.processes.child import Do
from migrator.processes.start_up import imports_done
from migrator.results.events import Report


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


def load() -> AbstractContextManager[Do]:
    """Return `perform`, for a process of a pool: each request imports the operation that it asks for."""
    return nullcontext(perform)


def perform(request: Request, report: Report) -> object:
    """Do what is asked and give its result, one of `migrator.results`. Raises what the operation raises.

    Nobody can be asked: what the call does not consent to is refused, as in a pipe.
    """
    if isinstance(request.asked, StatusRequest) and not request.choice.says_where and request.tenant is None:
        from migrator.operations.look.status import status_of_all

        imports_done()
        return status_of_all(request.choice, request.asked.seconds)
    workspace = request.workspace()
    # As a command does: where a relative path in env.py leads to must not depend on who calls.
    os.chdir(workspace.environment.root)
    work = operation_of(request.asked)
    imports_done()
    return work(workspace, report=report)


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

    `yes`: consent to deleting rows in any other environment.
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
