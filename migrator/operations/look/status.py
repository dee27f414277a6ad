"""`migrator status`: where the databases of all environments stand."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from migrator.bridge.tenant_cache import cached, has_tenant_cache
from migrator.config.environments import BrokenEnvironment, discover
from migrator.config.folders import shared_folder
from migrator.config.select import (
    Choice,
    ChosenBy,
    Workspace,
    chosen_or_none,
    project_root,
    refuse_none_of_many,
    workspace_among,
)
from migrator.errors import ConfigurationError, MigratorError
from migrator.processes.child import Do
from migrator.processes.side_by_side import LateError, SideBySide
from migrator.processes.start_up import imports_done
from migrator.results.environment_status import EnvironmentStatus, StatusList
from migrator.results.events import Connecting, Event

# A workspace, what is known of it, and whether it is the chosen one of all; None where it was named.
_Asked = tuple[Workspace, EnvironmentStatus, bool | None]
_Processes = SideBySide[_Asked, EnvironmentStatus]


def status_of_one(workspace: Workspace, seconds: float) -> StatusList:
    """Ask the database of one environment, writing nothing, for at most `seconds`.

    Raises ConfigurationError where it has no database here, and UsageError where it has tenants.
    """
    refuse_none_of_many(workspace)
    return StatusList(_answers([(workspace, _blank(workspace), None)], seconds))


def status_of_all(choice: Choice, seconds: float) -> StatusList:
    """Ask the databases of all environments at once, for at most `seconds` each, writing nothing.

    What is wrong with one stands in its status, and does not hide the others. Raises ConfigurationError
    outside of a project.
    """
    # All are asked, whether or not one would be taken where none is named.
    chosen = chosen_or_none(choice)
    if chosen is not None and chosen.by_file:
        return status_of_one(chosen, seconds)
    root = project_root(choice)
    found, broken = discover(root, section=choice.section)
    workspaces = [workspace_among(found, each, ChosenBy.LISTING, choice) for each in found]
    asked = statuses(workspaces, None if chosen is None else chosen.environment.name, seconds)
    known = [_broken(each) for each in broken]
    return StatusList(tuple(sorted((*asked, *known), key=lambda each: each.config_file)))


def statuses(
    workspaces: Sequence[Workspace], chosen: str | None, seconds: float
) -> tuple[EnvironmentStatus, ...]:
    """Ask the databases of workspaces at once, for at most `seconds` each, writing nothing, in their order.

    `chosen` is the environment that a shared source of the URL belongs to. What is wrong with one stands in
    its status.
    """
    return _answers([(each, _blank(each), each.environment.name == chosen) for each in workspaces], seconds)


def _blank(workspace: Workspace) -> EnvironmentStatus:
    environment = workspace.environment
    shared = [each.name for each in workspace.others if shared_folder(environment, each) is not None]
    file = environment.shown(environment.config_file)
    return EnvironmentStatus(environment.name, file, "wrong", shared_with=tuple(shared))


def _broken(broken: BrokenEnvironment) -> EnvironmentStatus:
    file = f"configs/{broken.config_file.name}"
    return EnvironmentStatus(broken.name, file, "wrong").failed(broken.error)


def _answers(asked: Sequence[_Asked], seconds: float) -> tuple[EnvironmentStatus, ...]:
    databases: dict[str, str] = {}

    def note(event: Event) -> None:
        if isinstance(event, Connecting):
            databases[event.config_file] = event.address

    requests = [(workspace.portable(), known, is_chosen) for workspace, known, is_chosen in asked]
    with _processes(len(asked)) as processes:
        answers = processes.ask(requests, seconds, report=note)
    return tuple(
        answer
        if isinstance(answer, EnvironmentStatus)
        else _unanswered(replace(known, database=databases.get(known.config_file)), answer)
        for (_, known, _), answer in zip(asked, answers, strict=True)
    )


def _processes(count: int) -> AbstractContextManager[_Processes]:
    processes = _Processes(_load, count)
    if has_tenant_cache() and count == 1:
        # One for all tenants that this process serves.
        return nullcontext(cached(SideBySide, lambda: processes, SideBySide.end))
    return processes


def _load() -> AbstractContextManager[Do]:
    from migrator.operations.look.asked_databases import database_status

    imports_done()
    return nullcontext(database_status)


def _unanswered(known: EnvironmentStatus, error: MigratorError) -> EnvironmentStatus:
    if isinstance(error, ConfigurationError):
        raise error
    if not isinstance(error, LateError):
        return known.failed(error)
    hint = "Look whether it waits for a lock; or give it longer with --timeout."
    return replace(known, state="unreachable", reachable=False, error=error.what, hint=hint)
