"""`migrator envs`: the environments of a project."""

from __future__ import annotations

from migrator.config.environments import BrokenEnvironment, Environment, discover
from migrator.config.folders import version_folders
from migrator.config.select import Choice, Workspace, choose, project_root
from migrator.config.url import find_database, masked, places, search
from migrator.errors import ConfigurationError, MigratorError
from migrator.results.environment_status import EnvironmentInfo, EnvironmentList


def envs(choice: Choice) -> EnvironmentList:
    """List every environment; one that is broken or has no URL here does not hide the others.

    Raises ConfigurationError outside of a project.
    """
    chosen = _chosen(choice)
    if chosen is not None and chosen.by_file:
        info = _info(chosen.environment, chosen, choice, default=False)
        return EnvironmentList(str(chosen.environment.root), (info,))
    root = project_root(choice)
    found, broken = discover(root, section=choice.section)
    default = _default(choice)
    infos = [_info(each, chosen, choice, default=each.name == default) for each in found]
    infos += [_broken_info(each) for each in broken]
    return EnvironmentList(str(root), tuple(sorted(infos, key=lambda info: info.config_file)))


def _chosen(choice: Choice) -> Workspace | None:
    try:
        return choose(choice)
    except MigratorError:
        # The list is what helps to correct a wrong name; a wrong file of --config has nothing to list.
        if choice.config is not None:
            raise
        return None


def _default(choice: Choice) -> str | None:
    unnamed = Choice(section=choice.section, cwd=choice.cwd)
    try:
        return choose(unnamed).environment.name
    except ConfigurationError:
        return None


def _info(
    environment: Environment, chosen: Workspace | None, choice: Choice, *, default: bool
) -> EnvironmentInfo:
    is_chosen = chosen is not None and chosen.environment.config_file == environment.config_file
    url, origin, error = _url(environment, choice, choice.url if is_chosen else None)
    folders: tuple[str, ...] = ()
    try:
        folders = tuple(environment.shown(folder) for folder in version_folders(environment))
    except ConfigurationError as exc:
        error = exc.message
    return EnvironmentInfo(
        name=environment.name,
        aliases=environment.aliases,
        config_file=environment.shown(environment.config_file),
        version_folders=folders,
        url=url,
        origin=origin,
        protected=environment.protected,
        default=default,
        chosen_by=chosen.choice_in_words if is_chosen and chosen is not None else None,
        error=error,
    )


def _url(
    environment: Environment, choice: Choice, override: str | None
) -> tuple[str | None, str | None, str | None]:
    """Give the masked URL, the place it came from, and what is wrong with it."""
    if not environment.managed and override is None:
        return None, "env.py", None
    try:
        source = (
            search(environment, places(environment, choice.process))
            if override is None
            else find_database(environment, choice.process, override)
        )
    except ConfigurationError as exc:
        return None, None, exc.message
    if source is None:
        return None, None, None
    return ("embedded" if source.url is None else masked(source.url)), source.origin, None


def _broken_info(broken: BrokenEnvironment) -> EnvironmentInfo:
    return EnvironmentInfo(
        name=broken.name,
        aliases=(),
        config_file=f"configs/{broken.config_file.name}",
        version_folders=(),
        url=None,
        origin=None,
        protected=False,
        default=False,
        chosen_by=None,
        error=broken.error.message,
    )
