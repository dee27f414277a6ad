"""Where an environment's version files are."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from migrator.config.environments import Environment, suffix_of
from migrator.errors import ConfigurationError

_SEPARATORS = {"space": " ", "newline": "\n", "os": os.pathsep, ":": ":", ";": ";"}


def version_folders(environment: Environment) -> tuple[Path, ...]:
    """Give the absolute version folders of an environment.

    They are what the ini says under `version_locations`, or under `versions`, the key that many guides use
    and Alembic does not know, else `migrations/<suffix>/versions`. A configuration that is not named
    `alembic_<suffix>.ini`, or is plain Alembic's, has `versions` under its `script_location`. Raises
    ConfigurationError.
    """
    if environment.drafts:
        return environment.drafts
    file = environment.file
    said = file.option("version_locations") or file.option("versions")
    if said:
        return tuple(_absolute(part, environment) for part in split_paths(said, environment))
    if environment.managed and suffix_of(environment.config_file):
        return (environment.root / "migrations" / environment.suffix / "versions",)
    return (script_folder(environment) / "versions",)


def shared_folder(one: Environment, other: Environment) -> Path | None:
    """Give the version folder that two environments have in common, None where they have none.

    What is wrong with a configuration is said elsewhere.
    """
    try:
        theirs = {folder.resolve() for folder in version_folders(other)}
        return next((folder for folder in version_folders(one) if folder.resolve() in theirs), None)
    except ConfigurationError:
        return None


def script_folder(environment: Environment) -> Path:
    """Give the absolute folder of env.py. Raises ConfigurationError where the file names none."""
    said = environment.file.option("script_location")
    if not said:
        raise ConfigurationError(
            f"{environment.shown(environment.config_file)} has no script_location.",
            hint="Add to its [alembic] section: script_location = %(here)s/../migrations",
        )
    return _absolute(said, environment)


def split_paths(said: str, environment: Environment, *, colons: bool = False) -> list[str]:
    """Split a list of paths of an environment's file, see `split_listed`. Raises ConfigurationError."""
    if environment.file.is_toml:
        return [line for line in said.split("\n") if line]
    named = environment.file.option("path_separator") or environment.file.option("version_path_separator")
    file = environment.shown(environment.config_file)
    return split_listed(said, named, file, lambda path: _absolute(path, environment).is_dir(), colons=colons)


def split_listed(
    said: str, separator: str | None, file: str, is_folder: Callable[[str], bool], *, colons: bool = False
) -> list[str]:
    """Split a list of paths as Alembic does, except that one path with spaces in it stays whole.

    Without a `separator`, which is what `path_separator` says, Alembic splits at spaces and commas, and cuts
    such a folder in two; with `colons`, as for `prepend_sys_path`, at colons too. Raises ConfigurationError,
    naming `file`, for a separator that is none.
    """
    if separator is None:
        if is_folder(said):
            return [said]
        return [part for part in re.split(r", *|\s+|:" if colons else r", *|\s+", said.strip()) if part]
    if separator not in _SEPARATORS:
        raise ConfigurationError(
            f"path_separator in {file} is not valid: {separator}.",
            hint=f"It is one of: {', '.join(_SEPARATORS)}.",
        )
    return [part.strip() for part in said.split(_SEPARATORS[separator]) if part.strip()]


def _absolute(said: str, environment: Environment) -> Path:
    in_package = folder_in_package(said, environment.shown(environment.config_file))
    return in_package or Path(os.path.normpath(environment.root.absolute() / said))


def folder_in_package(said: str, file: str) -> Path | None:
    """Read Alembic's `package:folder` form; None where a path is none such. `file` is named in the error.

    Raises ConfigurationError where there is no such package.
    """
    package, colon, inside = said.partition(":")
    if not colon or Path(said).is_absolute() or not re.fullmatch(r"[A-Za-z_][\w.]*", package):
        return None
    try:
        spec = find_spec(package)
    except ImportError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            f"{file} names the package {package}, which is not there.",
            hint="Install it, or write the folder's path.",
        )
    return Path(spec.submodule_search_locations[0], inside)
