"""Chooses the environment that a command works on."""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.config.configfile import read_dotenv
from migrator.config.environments import (
    DEFAULT_NAME,
    BrokenEnvironment,
    Environment,
    discover,
    find_root,
    read_foreign,
)
from migrator.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from migrator.config.tenants import Tenant
    from migrator.config.url import DatabaseSource


class ChosenBy(Enum):
    """How an environment was chosen. The values are for messages."""

    ENV = "--env"
    CONFIG = "--config"
    ENV_VARIABLE = "ALEMBIC_ENV"
    CONFIG_VARIABLE = "ALEMBIC_CONFIG"
    ENV_IN_DOTENV = "ALEMBIC_ENV in .env"
    INI = "default = true"
    NOTHING = "default"
    # Plain Alembic was started with a configuration file.
    ALEMBIC = "alembic -c"
    # A command goes through all environments of a project.
    LISTING = "status"


@dataclass(frozen=True)
class Choice:
    """What the command line says about where to work. `process` are the process's variables.

    `env_by` is what has named the environment `env`, for messages: `--env`, or another option or argument.
    """

    env: str | None = None
    env_by: str = "--env"
    config: str | None = None
    section: str = "alembic"
    url: str | None = None
    x: tuple[str, ...] = ()
    cwd: Path = field(default_factory=Path.cwd)
    process: Mapping[str, str] = field(default_factory=dict)

    @property
    def says_where(self) -> bool:
        """Whether it names one environment or one database, rather than leaving it to what is found."""
        return any(each is not None for each in (self.env, self.config, self.url))


@dataclass(frozen=True)
class Workspace:
    """The chosen environment, the others of its project, and how to reach the database.

    With a `tenant` it is that tenant's database, or its schema of the environment's.
    """

    environment: Environment
    others: tuple[Environment, ...]
    chosen_by: ChosenBy
    choice: Choice
    tenant: Tenant | None = None

    @cached_property
    def database(self) -> DatabaseSource:
        """The database of the environment. Raises ConfigurationError, see `find_database`."""
        from migrator.config.shared_databases import refuse_shared
        from migrator.config.url import DatabaseSource, find_database, parse_url

        if self.tenant is not None and self.tenant.url is not None:
            origin = f"the tenants of {self.environment.name}"
            return DatabaseSource(parse_url(self.tenant.url, origin), origin, own=True)
        source = find_database(self.environment, self.choice.process, self.choice.url)
        refuse_shared(self.environment, source, list(self.others), self.choice.process)
        return source

    @property
    def by_file(self) -> bool:
        """Whether a configuration file was named, rather than an environment of a project."""
        return self.chosen_by in (ChosenBy.CONFIG, ChosenBy.CONFIG_VARIABLE)

    @property
    def choice_in_words(self) -> str:
        """What has chosen the environment, for messages."""
        if self.chosen_by is ChosenBy.INI:
            return f"{self.chosen_by.value} in {self.environment.shown(self.environment.config_file)}"
        return _in_words(self.chosen_by, self.choice)

    def for_tenant(self, tenant: Tenant) -> Workspace:
        """Give the workspace of one tenant. An env.py that knows tenants is told by `-x tenant=`."""
        choice = replace(self.choice, x=(*self.choice.x, f"tenant={tenant.name}"))
        return replace(self, choice=choice, tenant=tenant)

    def without_tenant(self) -> Workspace:
        """Give the workspace as it was before a tenant was named."""
        if self.tenant is None:
            return self
        said = f"tenant={self.tenant.name}"
        kept = tuple(each for each in self.choice.x if each != said)
        return replace(self, choice=replace(self.choice, x=kept), tenant=None)

    def portable(self) -> Workspace:
        """Give one that can be handed to another process: `os.environ` cannot."""
        return replace(self, choice=replace(self.choice, process=dict(self.choice.process)))

    def again(self, *words: str) -> str:
        """Give a command line to type for this workspace: `migrator upgrade head --env testing`."""
        where = ["--config", self.environment.shown(self.environment.config_file)]
        if not self.by_file:
            where = ["--env", self.environment.name]
        if self.choice.url is not None:
            # Not the URL itself, which may hold a password.
            where += ["--url", "URL"]
        if self.tenant is not None:
            where += ["--tenants", escape(self.tenant.name)]
        return shlex.join(["migrator", *words, *where])

    @property
    def resolves_url(self) -> bool:
        """Whether migrator says which database it is; a plain Alembic configuration does so itself."""
        has_own = self.tenant is not None and self.tenant.url is not None
        return self.environment.managed or self.choice.url is not None or has_own


def refuse_none_of_many(workspace: Workspace) -> None:
    """Refuse to take the database that tenants live in for one of them. Raises UsageError."""
    environment = workspace.environment
    if environment.settings.tenants is None or workspace.tenant is not None:
        return
    raise UsageError(
        f"The environment {environment.name} has tenants, and none was named.",
        hint="Give --tenants all, or a name, to upgrade, downgrade, stamp, mark, current, check, status or"
        " log; no other command takes tenants.",
    )


def choose(choice: Choice) -> Workspace:
    """Choose the environment: `--env` or `--config`, then ALEMBIC_ENV, ALEMBIC_CONFIG, `.env`, the default.

    Raises UsageError for `--env` with `--config`, ConfigurationError for an unknown name or no project.
    """
    if choice.env is not None and choice.config is not None:
        raise UsageError(
            "--env and --config cannot be given together.",
            hint="--env names an environment under configs/, --config any Alembic configuration file.",
        )
    if choice.config is not None:
        return _foreign(choice, choice.config, ChosenBy.CONFIG)
    if choice.env is not None:
        return _named(choice, choice.env, ChosenBy.ENV)
    if choice.process.get("ALEMBIC_ENV"):
        return _named(choice, choice.process["ALEMBIC_ENV"], ChosenBy.ENV_VARIABLE)
    if choice.process.get("ALEMBIC_CONFIG"):
        return _foreign(choice, choice.process["ALEMBIC_CONFIG"], ChosenBy.CONFIG_VARIABLE)
    return _by_default(choice)


def _in_words(chosen_by: ChosenBy, choice: Choice) -> str:
    return choice.env_by if chosen_by is ChosenBy.ENV else chosen_by.value


def _foreign(choice: Choice, said: str, chosen_by: ChosenBy) -> Workspace:
    path = Path(os.path.normpath(choice.cwd / said))
    if path.is_dir():
        raise ConfigurationError(
            f"{path} is a folder, not a configuration file.", hint=f"Name the file: {path / 'alembic.ini'}"
        )
    environment = read_foreign(path, choice.cwd, section=choice.section)
    ours = _of_project(path, chosen_by, choice) if environment.managed else None
    return ours or Workspace(environment, (), chosen_by, choice)


def _of_project(path: Path, chosen_by: ChosenBy, choice: Choice) -> Workspace | None:
    """Give the workspace of a file that is one of a project's `configs/alembic_*.ini`, else None.

    The project's other environments and its `.env` come along: the same rules hold, however it was named.
    """
    root = find_root(path.absolute().parent)
    if root is None:
        return None
    found, _broken = discover(root, section=choice.section)
    for environment in found:
        if environment.config_file.samefile(path):
            return _workspace(environment, found, chosen_by, choice)
    return None


def project_root(choice: Choice) -> Path:
    """Give the root of the project that `choice.cwd` lies in. Raises ConfigurationError."""
    root = find_root(choice.cwd)
    if root is not None:
        return root
    plain = choice.cwd / "alembic.ini"
    hint = "Start in a project that has configs/alembic_<environment>.ini"
    if (choice.cwd / "configs").is_file():
        hint = "configs is a file here, where the folder of the environments goes: move it out of the way"
    if plain.is_file():
        hint = "This folder has an alembic.ini: give --config alembic.ini"
    raise ConfigurationError(
        f"There is no configs/alembic_*.ini in {choice.cwd} or any folder above it.", hint=hint
    )


def _named(choice: Choice, name: str, chosen_by: ChosenBy) -> Workspace:
    root = project_root(choice)
    found, broken = discover(root, section=choice.section)
    return _pick(found, broken, name, chosen_by, choice)


def _by_default(choice: Choice) -> Workspace:
    root = project_root(choice)
    found, broken = discover(root, section=choice.section)
    in_file = read_dotenv(root / ".env").get("ALEMBIC_ENV")
    if in_file:
        return _pick(found, broken, in_file, ChosenBy.ENV_IN_DOTENV, choice)
    for each in broken:
        # Without its word another environment would be taken in silence.
        if each.default:
            raise each.error
    for environment in found:
        if environment.settings.default:
            return _workspace(environment, found, ChosenBy.INI, choice)
    if DEFAULT_NAME not in [each.name for each in found] + [each.name for each in broken]:
        raise ConfigurationError(
            f"No environment was named, and there is none called {DEFAULT_NAME}.",
            hint=f"Name one with --env: {_known(found, broken)}, or write default = true into its ini.",
        )
    return _pick(found, broken, DEFAULT_NAME, ChosenBy.NOTHING, choice)


def _pick(
    found: list[Environment],
    broken: list[BrokenEnvironment],
    name: str,
    chosen_by: ChosenBy,
    choice: Choice,
) -> Workspace:
    for environment in found:
        if environment.answers_to(name):
            return _workspace(environment, found, chosen_by, choice)
    for each in broken:
        if name in each.names:
            raise each.error
    names = [known for each in found for known in (each.name, *each.aliases)]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    meant = f"Did you mean {near[0]}? " if near else ""
    raise ConfigurationError(
        f"There is no environment {name} (from {_in_words(chosen_by, choice)}).",
        hint=f"{meant}The environments are: {_known(found, broken)}.",
    )


def _workspace(environment: Environment, found: list[Environment], by: ChosenBy, choice: Choice) -> Workspace:
    others = tuple(each for each in found if each is not environment)
    return Workspace(environment, others, by, choice)


def _known(found: list[Environment], broken: list[BrokenEnvironment]) -> str:
    texts = [f"{each.name} ({', '.join(each.aliases)})" if each.aliases else each.name for each in found] + [
        f"{each.name} (unreadable)" for each in broken
    ]
    return ", ".join(texts)


def workspace_for_file(path: Path, process: Mapping[str, str], *, section: str, url: str | None) -> Workspace:
    """Give the workspace of an ini file that plain Alembic was started with."""
    choice = Choice(cwd=path.absolute().parent, process=process, section=section, url=url)
    ours = _of_project(path, ChosenBy.ALEMBIC, choice)
    if ours is not None:
        return ours
    environment = read_foreign(path, path.absolute().parent, section=section)
    return Workspace(environment, (), ChosenBy.ALEMBIC, choice)
