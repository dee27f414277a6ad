"""`migrator status`: where the databases of all environments stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace

from migrator.bridge.tenant_cache import cached, has_tenant_cache
from migrator.config.environments import BrokenEnvironment, discover
from migrator.config.folders import shared_folder
from migrator.config.select import Choice, Workspace, choose, project_root, refuse_none_of_many
from migrator.config.url import DatabaseSource, address, find_database, names_database
from migrator.errors import ConfigurationError, MigratorError
from migrator.processes.child import Do
from migrator.processes.side_by_side import LateError, SideBySide
from migrator.processes.start_up import imports_done
from migrator.results.environment_status import EnvironmentStatus, StatusList
from migrator.results.events import Report

# A workspace to ask, and what is known of it before that.
_Asked = tuple[Workspace, EnvironmentStatus]
_Processes = SideBySide[_Asked, EnvironmentStatus]


def status_of_one(workspace: Workspace, seconds: float) -> StatusList:
    """Ask the database of one environment, writing nothing, for at most `seconds`.

    Raises ConfigurationError where it has no database here, and UsageError where it has tenants.
    """
    refuse_none_of_many(workspace)
    with _processes(1) as processes:
        known = replace(_blank(workspace), database=_address(workspace))
        return StatusList(_answers(processes, [(workspace, known)], seconds))


def status_of_tenant(workspace: Workspace, report: Report, *, seconds: float) -> StatusList:  # noqa: ARG001
    """Do as `status_of_one`, in the form that a task has: there is nothing to report on the way."""
    return status_of_one(workspace, seconds)


def status_of_all(choice: Choice, seconds: float) -> StatusList:
    """Ask the databases of all environments at once, for at most `seconds` each, writing nothing.

    What is wrong with one stands in its status, and does not hide the others. Raises ConfigurationError
    outside of a project.
    """
    chosen = _chosen(choice)
    if chosen is not None and chosen.by_file:
        return status_of_one(chosen, seconds)
    root = project_root(choice)
    found, broken = discover(root, section=choice.section)
    workspaces = [
        Workspace(environment, tuple(each for each in found if each is not environment), "status", choice)
        for environment in found
    ]
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
    with _processes(len(workspaces)) as processes:
        looked = [_look(each, is_chosen=each.environment.name == chosen) for each in workspaces]
        asked = [each for each in looked if isinstance(each, tuple)]
        answers = iter(_answers(processes, asked, seconds))
    return tuple(next(answers) if isinstance(each, tuple) else each for each in looked)


def _chosen(choice: Choice) -> Workspace | None:
    try:
        return choose(choice)
    except ConfigurationError:
        # All are asked, whether or not one would be taken where none is named.
        return None


def _look(workspace: Workspace, *, is_chosen: bool) -> EnvironmentStatus | _Asked:
    """Say what is to be asked of an environment, or why nothing is."""
    blank, environment, process = _blank(workspace), workspace.environment, workspace.choice.process
    if environment.settings.tenants is not None:
        again = workspace.again("status", "--tenants", "all")
        return replace(blank, state="not configured", notes=(f"it has tenants: {again}",))
    try:
        if is_chosen and (workspace.choice.url is not None or not workspace.resolves_url):
            return workspace, replace(blank, database=_address(workspace))
        if not names_database(environment, process):
            return replace(blank, state="not configured")
        source = find_database(environment, process)
        if not is_chosen and not source.own:
            # What environments share is the database of the one that is chosen.
            return replace(blank, state="not configured", notes=(f"{source.origin} is not its own",))
        return workspace, replace(blank, database=_address(workspace))
    except ConfigurationError as exc:
        return blank.failed(exc)


def _address(workspace: Workspace) -> str | None:
    return _shown(workspace.database) if workspace.resolves_url else None


def _shown(source: DatabaseSource) -> str:
    return address(source.url) if source.url is not None else "embedded"


def _blank(workspace: Workspace) -> EnvironmentStatus:
    environment = workspace.environment
    shared = [each.name for each in workspace.others if shared_folder(environment, each) is not None]
    file = environment.shown(environment.config_file)
    return EnvironmentStatus(environment.name, file, "wrong", shared_with=tuple(shared))


def _broken(broken: BrokenEnvironment) -> EnvironmentStatus:
    file = f"configs/{broken.config_file.name}"
    return EnvironmentStatus(broken.name, file, "wrong").failed(broken.error)


@contextmanager
def _processes(count: int) -> Iterator[_Processes]:
    """Yield processes that ask. They are started at once, to import what they need in the meantime."""
    if has_tenant_cache() and count == 1:
        # One for all tenants that this process serves.
        yield cached(SideBySide, lambda: _Processes(_load, 1), SideBySide.end)
        return
    with _Processes(_load, count) as processes:
        if count:
            processes.start()
        yield processes


def _answers(processes: _Processes, asked: Sequence[_Asked], seconds: float) -> tuple[EnvironmentStatus, ...]:
    answers = processes.ask([(workspace.portable(), known) for workspace, known in asked], seconds)
    return tuple(
        _unanswered(known, answer) if isinstance(answer, MigratorError) else answer
        for (_, known), answer in zip(asked, answers, strict=True)
    )


def _load() -> AbstractContextManager[Do]:
    from migrator.operations.asked_databases import database_status

    imports_done()
    return nullcontext(database_status)


def _unanswered(known: EnvironmentStatus, error: MigratorError) -> EnvironmentStatus:
    if not isinstance(error, LateError):
        return known.failed(error)
    hint = "Look whether it waits for a lock; or give it longer with --timeout."
    return replace(known, state="unreachable", reachable=False, error=error.message, hint=hint)
