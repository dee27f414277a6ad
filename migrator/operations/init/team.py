"""A team's Alembic project: where its env.py and its revisions are, and what its env.py does."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from migrator.config.folders import folder_in_package
from migrator.errors import ConfigurationError
from migrator.operations.init.alembic_source import AlembicSource
from migrator.revisions.env_py_source import EnvPy, read_env_py


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
    def read(cls, root: Path, source: AlembicSource) -> Team:
        """Find env.py, and read it. Raises ConfigurationError."""
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
