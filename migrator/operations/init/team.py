"""Reads a team's Alembic project: its configuration as it is written, its env.py, where its revisions are."""

from __future__ import annotations

import configparser
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from migrator.config.configfile import read_config_file
from migrator.config.folders import folder_in_package, split_listed
from migrator.config.url import holds_secret, remember_passwords_in
from migrator.errors import ConfigurationError
from migrator.revisions.env_py_source import EnvPy, read_env_py
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


def _read_alembic(file: Path, section: str) -> AlembicSource:
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
    sys_path = options.pop("prepend_sys_path", None)

    def paths(name: str, said: str | None, separator: str | None, *, colons: bool = False) -> tuple[str, ...]:
        return _listed(table, name, file) if said is None else _split(said, separator, file, colons=colons)

    return AlembicSource(
        file=file,
        script_location=options.pop("script_location", None),
        options=options,
        sections=sections,
        version_locations=paths("version_locations", folders, common or legacy),
        sys_path=paths("prepend_sys_path", sys_path, common, colons=True),
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


def _split(said: str, separator: str | None, file: Path, *, colons: bool) -> tuple[str, ...]:
    def is_folder(path: str) -> bool:
        # It begins beside the file, or where Alembic is started.
        text = path.replace("%(here)s", str(file.parent)).replace("%%", "%")
        return any((start / text).is_dir() for start in (file.parent, Path()))

    return tuple(split_listed(said, separator, str(file), is_folder, colons=colons))


@dataclass(frozen=True)
class Team:
    """The team's project: its configuration, its folder of env.py, and what env.py does.

    `start` is where the relative paths of its configuration begin.
    """

    root: Path
    source: AlembicSource
    start: Path
    location: str
    scripts: Path
    env_py: EnvPy

    @classmethod
    def read(cls, root: Path, file: Path, section: str) -> Team:
        """Read its configuration, find env.py, and read that. Raises ConfigurationError."""
        source = _read_alembic(file, section)
        start, location = _script_location(root, source)
        scripts = _folder(location, source.file, start)
        path = scripts / "env.py"
        try:
            facts = read_env_py(path.read_bytes())
        except OSError as exc:
            raise ConfigurationError(
                f"{path} cannot be read: {exc.strerror}.", hint=f"Correct script_location in {source.file}."
            ) from exc
        except SyntaxError as exc:
            raise ConfigurationError(
                f"{path}, line {exc.lineno}, is not valid Python: {exc.msg}.", hint="Correct it first."
            ) from exc
        return cls(root, source, start, location, scripts, facts)

    def shown(self, path: Path) -> str:
        """Give a path from the root, where it lies below it."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    @property
    def runs_ours(self) -> bool:
        """Whether migrator's env.py is what runs, by which the models and the database are known."""
        return self.env_py.ours or self.env_py.needs is not None

    @property
    def scheme(self) -> str:
        """How a URL for its env.py begins."""
        if self.source.scheme:
            return self.source.scheme
        sync = not (self.env_py.asynchronous or self.env_py.needs)
        return "postgresql+psycopg" if sync else "postgresql+asyncpg"

    @cached_property
    def version_locations(self) -> tuple[str, ...]:
        """The version folders as they are written."""
        if self.source.version_locations:
            return self.source.version_locations
        return (f"{self.location.rstrip('/')}/versions",)

    @property
    def version_folders(self) -> list[Path]:
        """The version folders themselves."""
        return [_folder(each, self.source.file, self.start) for each in self.version_locations]

    @property
    def has_revisions(self) -> bool:
        """Whether there is any revision."""
        files = [file for folder in self.version_folders for file in folder.rglob("*.py")]
        return any(file.name != "__init__.py" for file in files)


def _script_location(root: Path, source: AlembicSource) -> tuple[Path, str]:
    """Give where relative paths begin, and `script_location`.

    For Alembic they begin where it is started: beside the file, as a rule. Flask-Migrate's file has no
    `script_location`; it lies in that folder.
    """
    said = source.script_location
    if said is None and (source.file.parent / "env.py").is_file():
        return source.file.parent, "%(here)s"
    if said is None:
        raise ConfigurationError(
            f"{source.file} has no script_location, and there is no env.py beside it.",
            hint="Add to its [alembic] section: script_location = FOLDER",
        )
    starts = [source.file.parent, root]
    found = (each for each in starts if (_folder(said, source.file, each) / "env.py").is_file())
    return next(found, starts[0]), said


def _folder(said: str, file: Path, start: Path) -> Path:
    text = said.replace("%(here)s", str(file.parent)).replace("%%", "%")
    return folder_in_package(text, str(file)) or Path(os.path.normpath(start / text))
