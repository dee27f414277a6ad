"""Reads the files that configure: Alembic's ini file or pyproject.toml, and `.env`."""

from __future__ import annotations

import configparser
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrator.errors import ConfigurationError


@dataclass(frozen=True)
class ConfigFile:
    """What one configuration file says.

    `alembic` holds Alembic's section with `%(here)s` still in place, `migrator` the raw values of ours, or
    None where the file has no such section. `text` is the whole file.
    """

    path: Path
    section: str
    alembic: Mapping[str, str]
    migrator: Mapping[str, str] | None
    is_toml: bool
    text: str = field(repr=False)

    def option(self, name: str) -> str | None:
        """Give an option of Alembic's section as Alembic reads it, with `%(here)s` replaced.

        Raises ConfigurationError where the value holds a bare `%`.
        """
        if name not in self.alembic:
            return None
        defaults = {"here": self.path.absolute().parent.as_posix()}
        try:
            if self.is_toml:
                return self.alembic[name] % defaults
            parser = configparser.ConfigParser(defaults)
            # Not read_dict: it would judge the % of all other options too.
            parser.read_string(self.text)
            return parser.get(self.section, name)
        except (configparser.InterpolationError, ValueError, KeyError, TypeError) as exc:
            raise ConfigurationError(
                f"The value of {name} in {self.path} has a % that is not part of %(here)s.",
                hint="Write %% for a percent sign, or give the URL in a variable or in .env, where % is"
                " safe.",
            ) from exc


def read_config_file(path: Path, section: str = "alembic") -> ConfigFile:
    """Read an ini file or a pyproject.toml.

    `section` is the name of Alembic's section (its `-n/--name`). Raises ConfigurationError, naming the file,
    where it is missing, unreadable, broken or without that section.
    """
    with readable(f"The configuration file {path}"):
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError as exc:
            raise ConfigurationError(
                f"The configuration file {path} does not exist.",
                hint="Check the path, or list the environments with: migrator envs",
            ) from exc
    if path.suffix == ".toml":
        return _read_toml(path, text, section)
    return _read_ini(path, text, section)


@contextmanager
def readable(file: str) -> Iterator[None]:
    """Name a file that the block reads in the error where it cannot be read, or is no text."""
    try:
        yield
    except OSError as exc:
        raise ConfigurationError(
            f"{file} cannot be read: {exc.strerror}.", hint="Check its permissions."
        ) from exc
    except UnicodeDecodeError as exc:
        raise ConfigurationError(f"{file} is not UTF-8 text.", hint="Save it as UTF-8.") from exc


def read_dotenv(path: Path) -> dict[str, str]:
    """Read a `.env` file without changing `os.environ`; a missing one is empty.

    Variables without a value are left out. Raises ConfigurationError where the file cannot be read.
    """
    if not os.path.lexists(path):
        return {}
    if not (path.is_file() or path.is_fifo()):
        # Passing over it would lead to another place, and perhaps to another database.
        raise ConfigurationError(f"{path} is not a file that can be read.", hint="Correct it or remove it.")
    # Imported here: most commands run where there is no .env file.
    from dotenv import dotenv_values

    with readable(f"The file {path}"):
        values = dotenv_values(path, encoding="utf-8")
    return {name: value for name, value in values.items() if value}


def _read_ini(path: Path, text: str, section: str) -> ConfigFile:
    # Read raw, and with no default section: a [DEFAULT] would leak its keys into ours.
    raw = configparser.RawConfigParser(default_section="\0")
    try:
        raw.read_string(text, source=str(path))
    except configparser.Error as exc:
        raise ConfigurationError(
            f"The configuration file {path} is not a valid ini file: {' '.join(str(exc).split())}",
            hint="Each line is 'key = value' under a [section]; comments stand on lines of their own.",
        ) from exc
    if not raw.has_section(section):
        raise _no_section(path, f"[{section}]")
    shared = dict(raw.items("DEFAULT")) if raw.has_section("DEFAULT") else {}
    return ConfigFile(
        path=path,
        section=section,
        alembic={**shared, **dict(raw.items(section))},
        migrator=dict(raw.items("migrator")) if raw.has_section("migrator") else None,
        is_toml=False,
        text=text,
    )


def _read_toml(path: Path, text: str, section: str) -> ConfigFile:
    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as exc:
        raise ConfigurationError(f"The configuration file {path} is not valid TOML: {exc}.") from exc
    if not isinstance(tool, dict) or not isinstance(tool.get("alembic"), dict):
        raise _no_section(path, "[tool.alembic]")
    ours = tool.get("migrator")
    return ConfigFile(
        path=path,
        section=section,
        alembic=_as_text(tool["alembic"]),
        migrator=_as_text(ours) if isinstance(ours, dict) else None,
        is_toml=True,
        text=text,
    )


def _no_section(path: Path, section: str) -> ConfigurationError:
    return ConfigurationError(
        f"The configuration file {path} has no {section} section.",
        hint=f"Add {section} with script_location and version_locations, as Alembic needs it.",
    )


def _as_text(table: Mapping[str, Any]) -> dict[str, str]:
    """TOML has lists and booleans; an ini has only text, and one set of rules reads both."""
    found = {}
    for key, value in table.items():
        if isinstance(value, bool):
            found[key] = str(value).lower()
        elif isinstance(value, list):
            found[key] = "\n".join(map(str, value))
        elif not isinstance(value, dict):
            found[key] = str(value)
    return found
