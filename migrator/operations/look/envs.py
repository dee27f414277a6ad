"""`migrator envs`: the environments of a project."""

from __future__ import annotations

from dataclasses import replace

from migrator.config.environments import BrokenEnvironment, Environment, discover
from migrator.config.folders import version_folders
from migrator.config.select import Choice, Workspace, choose, chosen_or_none, project_root
from migrator.config.url import masked, named_database
from migrator.errors import ConfigurationError
from migrator.results.environment_status import EnvironmentInfo, EnvironmentList


def envs(choice: Choice) -> EnvironmentList:
    """List every environment; one that is broken or has no URL here does not hide the others.

    Raises ConfigurationError outside of a project.
    """
    # The list is what helps to correct a wrong name; a wrong file of --config has nothing to list.
    chosen = chosen_or_none(choice) if choice.config is None else choose(choice)
    if chosen is not None and chosen.by_file:
        info = _info(chosen.environment, chosen, choice, default=False)
        return EnvironmentList(str(chosen.environment.root), (info,))
    root = project_root(choice)
    found, broken = discover(root, section=choice.section)
    unnamed = chosen_or_none(Choice(section=choice.section, cwd=choice.cwd))
    default = None if unnamed is None else unnamed.environment.name
    infos = [_info(each, chosen, choice, default=each.name == default) for each in found]
    infos += [_broken_info(each) for each in broken]
    return EnvironmentList(str(root), tuple(sorted(infos, key=lambda info: info.config_file)))


def _info(
    environment: Environment, chosen: Workspace | None, choice: Choice, *, default: bool
) -> EnvironmentInfo:
    is_chosen = chosen is not None and chosen.environment.config_file == environment.config_file
    info = EnvironmentInfo(
        name=environment.name,
        aliases=environment.aliases,
        config_file=environment.shown(environment.config_file),
        protected=environment.protected,
        default=default,
        chosen_by=chosen.choice_in_words if is_chosen and chosen is not None else None,
    )
    try:
        info = _with_url(info, environment, choice, choice.url if is_chosen else None)
    except ConfigurationError as exc:
        info = replace(info, error=exc.message)
    try:
        folders = version_folders(environment)
    except ConfigurationError as exc:
        return replace(info, error=exc.message)
    return replace(info, version_folders=tuple(environment.shown(folder) for folder in folders))


def _with_url(
    info: EnvironmentInfo, environment: Environment, choice: Choice, override: str | None
) -> EnvironmentInfo:
    """Add the masked URL, and the place it came from."""
    if not environment.managed and override is None:
        return replace(info, origin="env.py")
    source = named_database(environment, choice.process, override)
    if source is None:
        return info
    return replace(info, url="embedded" if source.url is None else masked(source.url), origin=source.origin)


def _broken_info(broken: BrokenEnvironment) -> EnvironmentInfo:
    file = f"configs/{broken.config_file.name}"
    return EnvironmentInfo(broken.name, (), file, error=broken.error.message)
