"""Where the files of new environments go, and what a template may know of each environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrator.config.environments import Environment
from migrator.config.url import own_variable
from migrator.operations.init.questions import EnvironmentName, ProjectChoices
from migrator.operations.init.sources import Sources

SHARED = "migrations/versions"


@dataclass(frozen=True)
class Example:
    """An environment in the example of a `.env`: `place` is host, port and database of its URL."""

    name: str
    variable: str
    place: str


@dataclass(frozen=True)
class Layout:
    """The new environments of a project beside those that are `there`, and what templates know of each."""

    root: Path
    settled: ProjectChoices
    there: Sequence[Environment]
    sources: Sources
    shared: bool

    @property
    def named(self) -> tuple[EnvironmentName, ...]:
        """The new environments."""
        return self.settled.environments

    def values(self, new: EnvironmentName) -> dict[str, Any]:
        """Give the variables of the template of an environment's ini."""
        database = self.database(new)
        return {
            "name": new.name,
            "suffix": new.suffix,
            "aliases": new.aliases,
            "also_called": _also_called(new.aliases),
            "remark": _remark(new),
            "variable": new.variable,
            "version_folder": self.folder(new),
            "sys_path": "\n    ".join(f"%(here)s/{each}" for each in self._sys_path()),
            "database": database,
            "default": new is default_of(self.named, self.there),
            "protected": new.protected,
            "models": self.settled.models,
            "against_history": self._against_history(database),
        }

    def database(self, new: EnvironmentName) -> str:
        """Where its database comes from: but for the one of the developers it has to be said."""
        return self.settled.database if new is developing(self.named) else "url"

    def _against_history(self, database: str) -> bool:
        """Whether there is a server, or a file, on which the history can be replayed."""
        if any(each.settings.against == "history" for each in self.there):
            return True
        return self.settled.database == "embedded" or database == "sqlite"

    def folder(self, new: EnvironmentName) -> str:
        """Its version folder, from the root."""
        return SHARED if self.shared else f"migrations/{new.suffix}/versions"

    def database_files(self) -> list[str]:
        """The SQLite files that will be made in the project."""
        return [f"{each.name}.db" for each in self.named if self.database(each) == "sqlite"]

    def _sys_path(self) -> list[str]:
        """The folders from which models are imported, as seen from `configs`."""
        source = self.sources.source_folder
        if source is None:
            return [".."]
        tops = {each.partition(":")[0].partition(".")[0] for each in self.settled.models}
        inside = self.root / source
        at_source = any((inside / top).is_dir() or (inside / f"{top}.py").is_file() for top in tops)
        return ["..", f"../{source}"] if at_source else [".."]


def examples(there: Sequence[Environment], named: Sequence[EnvironmentName]) -> list[Example]:
    """Give all environments of a project for the example of a `.env`, those that are there first."""
    names = dict.fromkeys((*(each.name for each in there), *(each.name for each in named)))
    places = {"production": "db.example.com:5432/app"}
    return [
        Example(name, own_variable(name), places.get(name, f"localhost:5432/app_{name}")) for name in names
    ]


def developing(named: Sequence[EnvironmentName]) -> EnvironmentName | None:
    """Give the environment of the developers: testing, or the first that is not protected."""
    open_to_all = [each for each in named if not each.protected]
    return next((each for each in open_to_all if each.name == "testing"), next(iter(open_to_all), None))


def written_first(named: Sequence[EnvironmentName]) -> list[EnvironmentName]:
    """Put the environment of the developers first: the others are made by a later run as by this one."""
    first = developing(named)
    return sorted(named, key=lambda each: each is not first)


def default_of(named: Sequence[EnvironmentName], there: Sequence[Environment]) -> EnvironmentName | None:
    """Give the environment that must say that it is the default: testing need not, production never is."""
    if there or any(each.name == "testing" for each in named):
        return None
    return developing(named)


def title(new: EnvironmentName) -> str:
    """Give the first line of an environment's file."""
    return f'The environment "{new.name}"{_also_called(new.aliases)}{_remark(new)}'


def _also_called(aliases: Sequence[str]) -> str:
    if not aliases:
        return ""
    names = " and ".join(f'"{each}"' for each in aliases)
    return f" (alias{'es' if len(aliases) > 1 else ''} {names})"


def _remark(new: EnvironmentName) -> str:
    if new.protected:
        return ". It is protected: what can hurt asks for consent."
    return ", taken when none is named." if new.name == "testing" else "."
