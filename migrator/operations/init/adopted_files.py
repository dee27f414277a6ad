"""The files that `init` writes over a team's Alembic project."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from migrator.config.environments import Environment
from migrator.operations.init.layout import default_of, developing, examples, title, written_first
from migrator.operations.init.project import missing_wheel
from migrator.operations.init.questions import EnvironmentName, ProjectChoices
from migrator.operations.init.sources import Sources
from migrator.operations.init.team import ALEMBIC, URL, AlembicSource, Team
from migrator.operations.init.templates import filled_in, read_template
from migrator.results.written import NewEnvironment
from migrator.revisions.env_py_source import TOOLS, remarks
from migrator.revisions.git import shows

_HERE = "%(here)s"


class RelocatedValues:
    """Values of a configuration as they have to be written in `configs` below a project's root.

    A relative path begins at `start`, `%(here)s` is the configuration's own folder.
    """

    def __init__(self, source: AlembicSource, root: Path, start: Path) -> None:
        configs = root / "configs"
        self._here = _below_here(source.file.parent, configs)
        self._start = _below_here(start, configs)
        self._in_start = os.path.relpath(start, root)

    def value(self, text: str) -> str:
        """Give any value: `%(here)s` goes on to mean the same folder."""
        return text.replace(_HERE, self._here)

    def path(self, text: str) -> str:
        """Give a path; one that is absolute, or inside a package (`package:folder`), stays as it is."""
        if _HERE in text:
            return _tidy(self.value(text))
        if Path(text).is_absolute() or re.match(r"[A-Za-z_][\w.]*:", text):
            return text
        return _tidy(f"{self._start}/{text}")

    def url(self, text: str) -> str:
        """Give a URL; the relative file of an SQLite database begins at the project's root."""
        found = re.match(r"(sqlite(?:\+\w+)?:///)(?!/|:memory:|file:)(.+)", text)
        if found is None or _HERE in text or self._in_start == ".":
            return self.value(text)
        return f"{found[1]}{self._in_start}/{found[2]}"


def _below_here(folder: Path, configs: Path) -> str:
    # A % in the path was refused; any other character is safe in an ini.
    return f"{_HERE}/{Path(os.path.relpath(folder, configs)).as_posix()}"


def _tidy(path: str) -> str:
    """Give `%(here)s/..` for `%(here)s/../.`, and leave every `..` where it is."""
    head, *parts = path.split("/")
    return "/".join((head, *(part for part in parts if part not in ("", "."))))


def written_ini(
    head: Sequence[str],
    alembic: Mapping[str, str],
    migrator: Mapping[str, str],
    sections: Mapping[str, Mapping[str, str]],
) -> bytes:
    """Write an ini file: comments, Alembic's section, ours, and all others."""
    parts = [[f"# {line}" for line in head], _section(ALEMBIC, alembic), _section("migrator", migrator)]
    parts += [_section(name, options) for name, options in sections.items()]
    return ("\n\n".join("\n".join(lines) for lines in parts) + "\n").encode()


def _section(name: str, options: Mapping[str, str]) -> list[str]:
    return [f"[{name}]", *(_line(key, value) for key, value in options.items())]


def _line(key: str, value: str) -> str:
    # The further lines of a value are indented; an empty one would end it for some readers.
    lines = [line for line in value.split("\n") if line.strip()]
    return f"{key} = " + "\n    ".join(lines) if lines else f"{key} ="


# Where migrator's own env.py goes, where the team's cannot run without another tool.
OWN_FOLDER = "configs/env"
_EXAMPLE = ".env.example"
_TEMPLATE = "adopted/env.py.mako"
# What advanced-alchemy passes by itself where its configuration says nothing else.
_VERSION_TABLE, _PREFIX = "alembic_versions", "sa."


class AdoptedFiles:
    """The new files over a team's project."""

    def __init__(
        self, root: Path, team: Team, settled: ProjectChoices, sources: Sources, there: Sequence[Environment]
    ) -> None:
        self.named = settled.environments
        self._root = root
        self._team = team
        self._settled = settled
        self._sources = sources
        self._rebased = RelocatedValues(team.source, root, team.start)
        self._default = default_of(settled.environments, there)
        # The team's URL belongs to one environment, which is there already if any is.
        alone = not there or settled.database != "url"
        self._examples = examples(there, settled.environments)
        self.developing = developing(settled.environments) if alone else None

    def has_database(self, new: EnvironmentName) -> bool:
        """Whether its file says where its database is."""
        known = self._settled.database != "url" or self._team.source.url is not None
        return new is self.developing and known

    def ini(self, new: EnvironmentName) -> bytes:
        """Give the ini of an environment."""
        source = self._team.source
        values = {name: self._rebased.value(value) for name, value in source.options.items()}
        sections = {
            name: {key: self._rebased.value(value) for key, value in options.items()}
            for name, options in source.sections.items()
            if name != "migrator"
        }
        paths = {
            "script_location": self._script_location(),
            "version_locations": self._listed(self._team.version_locations),
            "prepend_sys_path": self._sys_path(),
            "path_separator": "newline",
        }
        alembic = {name: value for name, value in paths.items() if value} | self._url(new) | values
        return written_ini(self._head(new), alembic, self._keys(new), sections)

    def _head(self, new: EnvironmentName) -> list[str]:
        file = self._team.shown(self._team.source.file)
        head = [title(new), f"It means what {file} means, which is as it was: its folders, its options."]
        if not self.has_database(new):
            head.append(
                f"The database comes from {new.variable}, DATABASE_URL or POSTGRES_DB; see .env.example."
            )
        return head

    def _script_location(self) -> str:
        if self._team.env_py.needs is not None:
            return f"%(here)s/{Path(OWN_FOLDER).name}"
        return self._rebased.path(self._team.location)

    def _listed(self, paths: Sequence[str]) -> str:
        return "\n".join(self._rebased.path(each) for each in paths)

    def _sys_path(self) -> str:
        said = self._listed(self._team.source.sys_path)
        if said or self._team.env_py.needs is None:
            return said
        # Its tool puts the project's folder there by itself.
        source = self._sources.source_folder
        return "\n".join(["%(here)s/..", *([f"%(here)s/../{source}"] if source else [])])

    def _url(self, new: EnvironmentName) -> dict[str, str]:
        if not self.has_database(new) or self._settled.database == "embedded":
            return {}
        if self._settled.database == "sqlite":
            return {URL: f"sqlite:///{new.name}.db"}
        return {URL: self._rebased.url(self._team.source.url or "")}

    def _keys(self, new: EnvironmentName) -> dict[str, str]:
        """Give our section: the team's own, if it has one, and what follows from its env.py."""
        theirs = self._team.source.sections.get("migrator", {})
        named = ("environment", "aliases", "default", "protected", "database", "shares_database_with")
        keys = {name: value for name, value in theirs.items() if name not in named}
        if new is self._default:
            keys["default"] = "true"
        if self._settled.models:
            keys["models"] = ", ".join(self._settled.models)
        if self._team.env_py.needs is None and self._team.env_py.own_transaction:
            keys.setdefault("transaction", "env")
        if new is self.developing and self._settled.database == "embedded":
            keys["database"] = "embedded"
        return keys

    def files(self) -> dict[str, bytes]:
        """Give all files by their paths from the root."""
        inis = {each.file.as_posix(): self.ini(each) for each in written_first(self.named)}
        own = self._own_files() if self._team.env_py.needs is not None else {}
        values = {"environments": self._examples, "models": self._settled.models}
        example = read_template("default", self._root).files(values)[_EXAMPLE]
        return {**own, _EXAMPLE: example, **inis}

    def _own_files(self) -> dict[str, bytes]:
        """Give migrator's env.py, and beside it the template of the team's revisions."""
        needs, scripts = self._team.env_py.needs, self._team.scripts
        options = ""
        if needs == "advanced-alchemy":
            table = _version_table(self._sources) or _VERSION_TABLE
            options = f"version_table={table!r}, user_module_prefix={_PREFIX!r}".replace("'", '"')
        values = {
            "theirs": self._team.shown(scripts / "env.py"),
            "tool": TOOLS.get(needs or "", ""),
            "options": options,
        }
        source = (files("migrator") / "templates" / _TEMPLATE).read_text(encoding="utf-8")
        theirs = scripts / "script.py.mako"
        default = read_template("default", self._root).copied["migrations/script.py.mako"]
        template = theirs.read_bytes() if theirs.is_file() else default
        return {f"{OWN_FOLDER}/env.py": filled_in(source, values), f"{OWN_FOLDER}/script.py.mako": template}

    def result(self, new: EnvironmentName) -> NewEnvironment:
        """Give what is told of an environment."""
        folders = [self._team.shown(folder) for folder in self._team.version_folders]
        database = self._settled.database if new is self.developing else "url"
        return new.result(", ".join(folders), database)

    def notes(self) -> list[str]:
        """Say what migrator cannot see, and what was not taken over."""
        team = self._team
        variable = (self.developing or self.named[0]).variable if self.named else "DATABASE_URL"
        notes = remarks(team.shown(team.scripts / "env.py"), team.env_py, variable, f"{OWN_FOLDER}/env.py")
        notes += self._left_out(variable)
        if shows(self._root, ".env"):
            notes.append("git does not ignore .env: name .env, .env.* and !.env.example in .gitignore.")
        if team.env_py.needs is not None and not self._settled.models:
            notes += self._sources.broken.values()
            notes.append("No models were found. Write their package under models in each of the new files.")
        if self._settled.database == "embedded":
            notes += missing_wheel()
        return notes

    def _left_out(self, variable: str) -> Iterator[str]:
        names = self._team.source.left_out
        file = self._team.shown(self._team.source.file)
        if URL in names:
            yield (
                f"{URL} of {file} was not copied, since it holds a password: give the URL in {variable}, or"
                " in .env, which .gitignore should name."
            )
        others = ", ".join(name for name in names if name != URL)
        if others:
            yield (
                f"{others} of {file} was not copied, since it may hold a secret: write it into the new files"
                " yourself, where it is needed."
            )


def _version_table(sources: Sources) -> str | None:
    """Give what the project passes as `version_table_name` to advanced-alchemy, None where it does not."""
    for module in sources.modules.values():
        for node in ast.walk(module.tree):
            match node:
                case ast.keyword(arg="version_table_name", value=ast.Constant(value=str(name))):
                    return name
    return None
