"""Makes environments over an Alembic project that is there, moving and editing none of its files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from migrator.config.environments import discover
from migrator.config.folders import folder_in_package
from migrator.errors import ConfigurationError, RefusedError, UsageError
from migrator.operations.env_py_remarks import remarks
from migrator.operations.init.adopted_ini import Rebased, written_ini
from migrator.operations.init.alembic_source import URL, AlembicSource, read_alembic
from migrator.operations.init.bases import find_models
from migrator.operations.init.layout import Layout, developing, title
from migrator.operations.init.names import Named
from migrator.operations.init.next_step import after_adoption, missing_wheel
from migrator.operations.init.own_env_py import own_env_py, version_table
from migrator.operations.init.project import refuse_percent
from migrator.operations.init.questions import Settled, settle_environments
from migrator.operations.init.request import DEFAULT_NAMES, Ask, InitRequest
from migrator.operations.init.sources import Sources, read_sources
from migrator.operations.init.templates import read_template
from migrator.operations.init.writing import Plan
from migrator.results.initialized import Initialized, NewEnvironment
from migrator.revisions.env_py import EnvPy, read_env_py

# Where migrator's own env.py goes, where the team's cannot run without another tool.
OWN_FOLDER = "configs/env"


def adopt(root: Path, request: InitRequest, ask: Ask) -> Initialized:
    """Write an ini for each environment that means what the team's configuration means.

    All of them have the team's version folder, and its env.py, unless that needs another tool to run. Raises
    UsageError, ConfigurationError, and RefusedError for a configuration of several databases.
    """
    refuse_percent(root)
    if request.adopt is None:
        raise UsageError("There is no configuration to adopt.", hint="Give --from FILE.")
    there, _broken = discover(root)
    team = _Team.read(root, read_alembic(request.adopt, request.section))
    _refuse_unfit(team, request)
    sources = read_sources(root)
    models = request.models or (find_models(sources).specs if team.env_py.needs else ())
    usual = () if there else DEFAULT_NAMES
    settled = Settled(
        settle_environments(request, root, usual, ask), models, request.database or "url", shared=True
    )
    made = _Adopted(root, team, settled, sources)
    plan = Plan(root)
    plan.write({each.file.as_posix(): made.ini(each) for each in made.named})
    if team.env_py.needs is not None:
        plan.write(made.own_files())
    layout = Layout(root, settled, there, sources, shared=True)
    example = read_template("default", root).files({"environments": layout.examples(), "models": models})
    plan.write({name: content for name, content in example.items() if name == ".env.example"})
    if not request.dry_run:
        plan.carry_out()
    return Initialized(
        root=str(root),
        environments=tuple(made.result(each) for each in made.named),
        models=models,
        written=plan.written,
        kept=tuple(plan.kept),
        adopted=team.shown(team.source.file),
        shared_folder=True,
        dry_run=request.dry_run,
        notes=tuple(made.notes()),
        next=after_adoption(
            made.named,
            has_database=made.has_database(developing(made.named)),
            scheme=team.scheme,
            has_revisions=team.has_revisions,
        ),
    )


@dataclass(frozen=True)
class _Team:
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
    def read(cls, root: Path, source: AlembicSource) -> _Team:
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
    def has_revisions(self) -> bool:
        """Whether there is any revision."""
        folders = [_folder(each, self.source.file, self.start) for each in self.version_locations]
        return any(folder.is_dir() and any(folder.rglob("*.py")) for folder in folders)


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


def _refuse_unfit(team: _Team, request: InitRequest) -> None:
    if team.source.databases:
        raise RefusedError(
            f"{team.shown(team.source.file)} has a URL in each of several sections, and an environment is one"
            " database; nothing was written.",
            hint=f"It is driven as it is: migrator upgrade --config {team.shown(team.source.file)}",
        )
    if request.database in ("embedded", "sqlite") and team.env_py.needs is None:
        raise UsageError(
            f"--database {request.database} does not go with an env.py that makes its own engine.",
            hint="Leave it out: the database is said by a variable, which the next command names.",
        )
    if request.shared is False:
        raise UsageError(
            "--separate does not go with --from: all environments have the version folder that is there.",
            hint="Leave it out.",
        )


class _Adopted:
    """The new files over a team's project."""

    def __init__(self, root: Path, team: _Team, settled: Settled, sources: Sources) -> None:
        self.named = settled.environments
        self._root = root
        self._team = team
        self._settled = settled
        self._sources = sources
        self._rebased = Rebased(team.source, root, team.start)
        self._developing = developing(settled.environments)

    def has_database(self, new: Named | None) -> bool:
        """Whether its file says where its database is."""
        if new is None or new is not self._developing:
            return False
        return self._settled.database != "url" or self._team.source.url is not None

    def ini(self, new: Named) -> bytes:
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

    def _head(self, new: Named) -> list[str]:
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

    def _url(self, new: Named) -> dict[str, str]:
        url = self._team.source.url
        if url is None or not self.has_database(new) or self._settled.database == "embedded":
            return {}
        return {URL: self._rebased.url(url)}

    def _keys(self, new: Named) -> dict[str, str]:
        """Give our section: the team's own, if it has one, and what follows from its env.py."""
        theirs = self._team.source.sections.get("migrator", {})
        named = ("environment", "aliases", "default", "protected", "database", "shares_database_with")
        keys = {name: value for name, value in theirs.items() if name not in named}
        if new is self._developing and new.name != "testing":
            keys["default"] = "true"
        if self._settled.models:
            keys["models"] = ", ".join(self._settled.models)
        if self._team.env_py.needs is None and self._team.env_py.own_transaction:
            keys.setdefault("transaction", "env")
        if new is self._developing and self._settled.database == "embedded":
            keys["database"] = "embedded"
        return keys

    def own_files(self) -> dict[str, bytes]:
        """Give migrator's env.py, and beside it the template of the team's revisions."""
        env_py = own_env_py(
            self._team.shown(self._team.scripts / "env.py"),
            self._team.env_py.needs,
            version_table(self._sources),
        )
        theirs = self._team.scripts / "script.py.mako"
        default = read_template("default", self._root).copied["migrations/script.py.mako"]
        template = theirs.read_bytes() if theirs.is_file() else default
        return {f"{OWN_FOLDER}/env.py": env_py, f"{OWN_FOLDER}/script.py.mako": template}

    def result(self, new: Named) -> NewEnvironment:
        """Give what is told of an environment."""
        folders = [
            self._team.shown(_folder(each, self._team.source.file, self._team.start))
            for each in self._team.version_locations
        ]
        database = self._settled.database if new is self._developing else "url"
        return NewEnvironment(
            new.name, new.file.as_posix(), ", ".join(folders), database, new.variable, new.protected
        )

    def notes(self) -> list[str]:
        """Say what migrator cannot see, and what was not taken over."""
        team = self._team
        variable = (self._developing or self.named[0]).variable if self.named else "DATABASE_URL"
        notes = remarks(team.shown(team.scripts / "env.py"), team.env_py, variable, f"{OWN_FOLDER}/env.py")
        if team.source.left_out:
            names = ", ".join(team.source.left_out)
            notes.append(
                f"{names} of {team.shown(team.source.file)} was not copied, since it holds a password: give"
                f" the URL in {variable}, or in .env, which .gitignore should name."
            )
        if team.env_py.needs is not None and not self._settled.models:
            notes.append("No models were found. Write their package under models in each of the new files.")
        if self._settled.database == "embedded":
            notes += missing_wheel()
        return notes
