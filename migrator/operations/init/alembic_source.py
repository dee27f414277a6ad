"""Reads a team's Alembic configuration as it is written, to say the same from another folder."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrator.config.configfile import read_config_file
from migrator.config.folders import split_listed
from migrator.config.url import holds_secret, remember_passwords_in
from migrator.errors import ConfigurationError
from migrator.secrets import names_secret

ALEMBIC, HOOKS = "alembic", "post_write_hooks"
URL = "sqlalchemy.url"
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
    named = read_config_file(file, section)
    is_toml = file.suffix == ".toml"
    ini, toml = (file.parent / "alembic.ini", file) if is_toml else (file, file.parent / "pyproject.toml")
    sections, table = _ini(ini), _toml(toml)
    remember_passwords_in([value for each in sections.values() for value in each.values()])
    options = {**_plain(table), **sections.pop(section, {})}
    # Of another section Alembic reads nothing there, and in the new files it has this name itself.
    sections.pop(ALEMBIC, None)
    if named.migrator is not None:
        sections["migrator"] = dict(named.migrator)
    if HOOKS not in sections and table.get(HOOKS):
        sections[HOOKS] = _hooks(table[HOOKS], toml)
    return _source(file, options, sections, table)


def _source(
    file: Path, options: dict[str, str], sections: dict[str, dict[str, str]], table: Mapping[str, Any]
) -> AlembicSource:
    url = options.get(URL, "")
    databases = sum(URL in each for each in sections.values())
    left_out = _drop_secrets((options, *sections.values()))
    usable = options.pop(URL, None)
    common, legacy = (options.pop(name, None) for name in ("path_separator", "version_path_separator"))
    # The key that many guides use and Alembic does not know.
    unknown = options.pop("versions", None)
    folders = options.pop("version_locations", None) or unknown
    versions = (
        _listed(table, "version_locations", file)
        if folders is None
        else _split(folders, common or legacy, file)
    )
    said = options.pop("prepend_sys_path", None)
    sys_path = (
        _listed(table, "prepend_sys_path", file) if said is None else _split(said, common, file, colons=True)
    )
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


def _hooks(hooks: object, file: Path) -> dict[str, str]:
    """Write `[[tool.alembic.post_write_hooks]]` as an ini has them. Raises ConfigurationError."""
    if not isinstance(hooks, list) or not all(isinstance(each, dict) and "name" in each for each in hooks):
        raise ConfigurationError(
            f"{HOOKS} in {file} is not a list of tables that each have a name.",
            hint=f'Write each so: [[tool.alembic.{HOOKS}]] with name = "..." below it.',
        )
    named = {
        f"{hook['name']}.{key}": str(value) for hook in hooks for key, value in hook.items() if key != "name"
    }
    return {"hooks": ", ".join(str(hook["name"]) for hook in hooks), **named}


def _drop_secrets(every: Sequence[dict[str, str]]) -> list[str]:
    """Take out what holds a secret, and placeholders of URLs; gives the names of the former."""
    gone = _drop(every, lambda name, value: names_secret(name) or holds_secret(value.replace("%%", "%")))
    # What is put together of these could not be read any more.
    return gone + _drop(every, lambda _name, value: any(f"%({each})s" in value for each in gone))


def _drop(every: Sequence[dict[str, str]], is_meant: Callable[[str, str], bool]) -> list[str]:
    dropped = [
        (name, options.pop(name))
        for options in every
        for name in list(options)
        if is_meant(name, options[name])
    ]
    return [name for name, value in dropped if not value.startswith(_PLACEHOLDER)]


def _listed(table: Mapping[str, Any], name: str, file: Path) -> tuple[str, ...]:
    """Give the paths of a TOML array. Raises ConfigurationError where it is none."""
    listed = table.get(name, [])
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise ConfigurationError(
            f"{name} in {file} is not a list of paths.", hint=f'Write it so: {name} = ["FOLDER"]'
        )
    return tuple(listed)


def _split(said: str, separator: str | None, file: Path, *, colons: bool = False) -> tuple[str, ...]:
    def is_folder(path: str) -> bool:
        # It begins beside the file, or where Alembic is started.
        text = path.replace("%(here)s", str(file.parent)).replace("%%", "%")
        return any((start / text).is_dir() for start in (file.parent, Path()))

    return tuple(split_listed(said, separator, str(file), is_folder, colons=colons))
