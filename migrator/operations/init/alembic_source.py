"""Reads a team's Alembic configuration as it is written, to say the same from another folder."""

from __future__ import annotations

import configparser
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrator.config.configfile import read_config_file
from migrator.config.url import remember_passwords_in
from migrator.errors import ConfigurationError

ALEMBIC, HOOKS = "alembic", "post_write_hooks"
URL = "sqlalchemy.url"
_SEPARATORS = {"space": " ", "newline": "\n", "os": os.pathsep, ":": ":", ";": ";"}
_SECRET_NAME = re.compile(r"passw|secret|token|credential", re.IGNORECASE)
_SECRET_URL = re.compile(r"://[^:/@\s]*:[^@\s]+@")
# What Alembic's templates have for a URL.
_PLACEHOLDER = "driver://"


@dataclass(frozen=True)
class AlembicSource:
    """What a configuration says, each value as it is written, with `%(here)s` and `%%`.

    `options` are those of Alembic's section, `sections` all others; what names paths, or holds a secret, is
    in neither. `url` is the database's, None where it holds a secret or is no more than a placeholder;
    `scheme` is how it begins. `left_out` names what holds a secret. `databases` counts further URLs.
    """

    file: Path
    options: Mapping[str, str]
    sections: Mapping[str, Mapping[str, str]]
    script_location: str | None
    version_locations: tuple[str, ...]
    sys_path: tuple[str, ...]
    url: str | None = field(repr=False)
    scheme: str | None
    left_out: tuple[str, ...]
    databases: int


def read_alembic(file: Path, section: str) -> AlembicSource:
    """Read an ini file or a pyproject.toml; where both are in one folder Alembic reads both.

    Raises ConfigurationError where it is missing, broken, or not Alembic's.
    """
    if file.is_dir():
        raise ConfigurationError(
            f"{file} is a folder, not a configuration file.", hint=f"Name the file: {file / 'alembic.ini'}"
        )
    read_config_file(file, section)
    is_toml = file.suffix == ".toml"
    ini, toml = (file.parent / "alembic.ini", file) if is_toml else (file, file.parent / "pyproject.toml")
    sections, table = _ini(ini), _toml(toml)
    remember_passwords_in([value for each in sections.values() for value in each.values()])
    options = {**_plain(table), **sections.pop(section, {})}
    if HOOKS not in sections and table.get(HOOKS):
        sections[HOOKS] = _hooks(table[HOOKS])
    return _source(file, options, sections, table)


def _source(
    file: Path, options: dict[str, str], sections: dict[str, dict[str, str]], table: Mapping[str, Any]
) -> AlembicSource:
    url = options.get(URL, "")
    databases = sum(URL in each for each in sections.values())
    left_out = [name for each in (options, *sections.values()) for name in _drop_secrets(each)]
    usable = options.pop(URL, None)
    common, legacy = (options.pop(name, None) for name in ("path_separator", "version_path_separator"))
    versions = _paths(options.pop("version_locations", None), table, "version_locations", common or legacy)
    sys_path = _paths(options.pop("prepend_sys_path", None), table, "prepend_sys_path", common)
    return AlembicSource(
        file=file,
        script_location=options.pop("script_location", None),
        options=options,
        sections=sections,
        version_locations=versions,
        sys_path=sys_path,
        url=usable,
        scheme=None if url.startswith(_PLACEHOLDER) else url.partition("://")[0] or None,
        left_out=tuple(dict.fromkeys(left_out)),
        databases=databases,
    )


def _ini(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    # Read raw: a % is written again as it is.
    parser = configparser.RawConfigParser(default_section="\0")
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error) as exc:
        raise ConfigurationError(
            f"{path}, which Alembic reads too, cannot be read: {' '.join(str(exc).split())}",
            hint="Correct it first.",
        ) from exc
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _toml(path: Path) -> Mapping[str, Any]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("alembic", {})
    except (OSError, ValueError, AttributeError):
        # One that is not there, or not Alembic's; the named file was read before.
        return {}
    return found if isinstance(found, dict) else {}


def _plain(table: Mapping[str, Any]) -> dict[str, str]:
    """Give those values of a table that an ini has in the same form."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in table.items()
        if isinstance(value, str | bool | int)
    }


def _hooks(hooks: list[Mapping[str, str]]) -> dict[str, str]:
    """Write `[[tool.alembic.post_write_hooks]]` as an ini has them."""
    named = {
        f"{hook['name']}.{key}": str(value) for hook in hooks for key, value in hook.items() if key != "name"
    }
    return {"hooks": ", ".join(hook["name"] for hook in hooks), **named}


def _drop_secrets(options: dict[str, str]) -> list[str]:
    """Take out what holds a secret, and placeholders of URLs; gives the names of the former."""
    secret = [
        name for name, value in options.items() if _SECRET_URL.search(value) or _SECRET_NAME.search(name)
    ]
    return [name for name in secret if not options.pop(name).startswith(_PLACEHOLDER)]


def _paths(said: str | None, table: Mapping[str, Any], name: str, separator: str | None) -> tuple[str, ...]:
    """Split a list of paths as Alembic does. Raises ConfigurationError for a separator that is none."""
    if said is None:
        listed = table.get(name, [])
        return tuple(listed) if isinstance(listed, list) else (str(listed),)
    if separator is None:
        legacy = r", *|\s+" if name == "version_locations" else r", *|\s+|:"
        return tuple(part for part in re.split(legacy, said) if part)
    if separator not in _SEPARATORS:
        raise ConfigurationError(
            f"path_separator is not valid: {separator}.", hint=f"It is one of: {', '.join(_SEPARATORS)}."
        )
    return tuple(part.strip() for part in said.split(_SEPARATORS[separator]) if part.strip())
