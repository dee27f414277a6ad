"""Environments: one ini file each, found by its name under `configs/`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from migrator.config.configfile import ConfigFile, read_config_file
from migrator.config.settings import Settings, read_settings, split_words
from migrator.errors import ConfigurationError

_KNOWN_SUFFIXES = {"online": ("production", ("prod", "online")), "test": ("testing", ("test",))}
DEFAULT_NAME = "testing"


@dataclass(frozen=True)
class Environment:
    """One environment: a configuration file and what follows from it.

    `root` is the folder that relative paths and `.env` files are read from. `managed` is False for a plain
    Alembic configuration given with `--config`: there, nothing of Alembic's is resolved or overridden.
    `drafts` are folders that stand in for the version folders, where files are tried out before they count.
    """

    name: str
    aliases: tuple[str, ...]
    file: ConfigFile
    root: Path
    managed: bool
    settings: Settings
    protected: bool
    drafts: tuple[Path, ...] = ()

    @property
    def config_file(self) -> Path:
        """The path of the configuration file."""
        return self.file.path

    @property
    def suffix(self) -> str:
        """The part of the file's name after `alembic_`: the name of the version folder by default."""
        return suffix_of(self.config_file) or self.name

    def answers_to(self, name: str) -> bool:
        """Whether `name` is this environment's canonical name or one of its aliases."""
        return name == self.name or name in self.aliases

    def shown(self, path: Path | str) -> str:
        """Give a path relative to the root where it lies under it, for messages."""
        return shown(path, self.root)


@dataclass(frozen=True)
class BrokenEnvironment:
    """A configuration file under `configs/` that cannot be read, and why.

    `names` are all that it may answer to, as far as it can be read; `default` whether it says so.
    """

    name: str
    names: frozenset[str]
    default: bool
    config_file: Path
    error: ConfigurationError


def shown(path: Path | str, root: Path) -> str:
    """Give `path` relative to `root` where it lies under it, else whole."""
    # As texts: `history` does this for each revision, and as paths it took most of its own time.
    whole, top = _absolute(str(path)), _absolute(str(root))
    if whole == top:
        return "."
    inside = whole.removeprefix(top.rstrip(os.sep) + os.sep)
    return str(path) if inside == whole else inside


# A path in which no part is empty, `.` or `..`.
_ABSOLUTE = re.compile(r"(?:/(?!\.\.?(?:/|\Z))[^/]+)+")


def _absolute(path: str) -> str:
    return path if _ABSOLUTE.fullmatch(path) else os.path.abspath(path)  # noqa: PTH100


def suffix_of(path: Path) -> str | None:
    """Give `test` for `alembic_test.ini`, None for a file that is not named so."""
    if path.suffix == ".ini" and path.stem.startswith("alembic_"):
        return path.stem.removeprefix("alembic_") or None
    return None


def file_suffix(name: str) -> str:
    """Give the suffix of the file that an environment of this name gets: `online` for `prod`."""
    for suffix, (canonical, aliases) in _KNOWN_SUFFIXES.items():
        if name in (canonical, *aliases):
            return suffix
    return name


def canonical_name(suffix: str) -> tuple[str, tuple[str, ...]]:
    """Give the name and the aliases that an environment has by its file's suffix alone."""
    return _KNOWN_SUFFIXES.get(suffix, (suffix, ()))


def find_root(start: Path) -> Path | None:
    """Give the nearest folder at or above `start` that has `configs/alembic_*.ini`."""
    for folder in (start, *start.parents):
        if any(config_files(folder)):
            return folder
    return None


def config_files(root: Path) -> list[Path]:
    """List `configs/alembic_*.ini` of a project, by name."""
    return sorted((root / "configs").glob("alembic_*.ini"))


def read_environment(path: Path, root: Path, *, section: str = "alembic") -> Environment:
    """Read one environment of a project from its ini file. Raises ConfigurationError."""
    file = read_config_file(path, section)
    return _environment(file, root, read_settings(file.migrator or {}, file.path))


def read_foreign(path: Path, root: Path, *, section: str = "alembic") -> Environment:
    """Read any Alembic configuration file, as `--config` names it. Raises ConfigurationError.

    With a `[migrator]` section it is an environment like the others; without one it stays plain Alembic.
    """
    file = read_config_file(path, section)
    if file.migrator is not None:
        settings = read_settings(file.migrator, file.path)
        # Its env.py has had its own way with transactions so far.
        by_env = settings if "transaction" in file.migrator else replace(settings, transaction="env")
        return _environment(file, root, by_env)
    plain = Settings(transaction="env", lock_timeout=None)
    return replace(_environment(file, root, plain), managed=False, protected=False)


def _environment(file: ConfigFile, root: Path, settings: Settings) -> Environment:
    # A file that is not called `alembic_<suffix>.ini` has the name of its folder.
    suffix = suffix_of(file.path) or file.path.absolute().parent.name or file.path.stem
    name, aliases = canonical_name(suffix)
    if settings.environment is not None and settings.environment != name:
        name, aliases = settings.environment, (suffix,)
    every = dict.fromkeys((*aliases, *settings.aliases))
    protected = name == "production" if settings.protected is None else settings.protected
    return Environment(
        name=name,
        aliases=tuple(alias for alias in every if alias != name),
        file=file,
        root=root,
        managed=True,
        settings=settings,
        protected=protected,
    )


def discover(root: Path, *, section: str = "alembic") -> tuple[list[Environment], list[BrokenEnvironment]]:
    """Read every environment of a project; files that cannot be read come apart.

    Raises ConfigurationError where two files claim one name, or two say `default = true`.
    """
    found: list[Environment] = []
    broken: list[BrokenEnvironment] = []
    for path in config_files(root):
        try:
            found.append(read_environment(path, root, section=section))
        except ConfigurationError as exc:
            broken.append(_broken(path, section, exc))
    _refuse_clashes(found, root)
    return found, broken


def _broken(path: Path, section: str, error: ConfigurationError) -> BrokenEnvironment:
    suffix = suffix_of(path) or path.stem
    name, aliases = canonical_name(suffix)
    try:
        said = read_config_file(path, section).migrator or {}
    except ConfigurationError:
        said = {}
    told = split_words(f"{said.get('environment', '')} {said.get('aliases', '')}")
    default = said.get("default", "").strip().lower() not in ("", "false", "no", "off", "0")
    return BrokenEnvironment(name, frozenset({name, suffix, *aliases, *told}), default, path, error)


def _refuse_clashes(found: Iterable[Environment], root: Path) -> None:
    owner: dict[str, Environment] = {}
    for environment in found:
        for name in (environment.name, *environment.aliases):
            other = owner.setdefault(name, environment)
            if other is not environment:
                raise ConfigurationError(
                    f"{shown(other.config_file, root)} and {shown(environment.config_file, root)} both name"
                    f" the environment {name}.",
                    hint="Change 'environment' or 'aliases' in the [migrator] section of one of them.",
                )
    defaults = [environment for environment in found if environment.settings.default]
    if len(defaults) > 1:
        names = " and ".join(shown(environment.config_file, root) for environment in defaults)
        raise ConfigurationError(f"{names} both say default = true.", hint="Only one environment can.")
