"""Makes a migrator project of a folder: an empty one, or that of an application.

Its files are written all or none, and never over what is there.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from migrator.config.environments import Environment, discover, find_root
from migrator.config.folders import version_folders
from migrator.database.embedded.binaries import wheel_binaries
from migrator.errors import Effect, MissingExtraError, RefusedError, RevisionsError
from migrator.operations.init.bases import find_models, has_below
from migrator.operations.init.layout import SHARED, Layout, developing, examples, written_first
from migrator.operations.init.questions import (
    DEFAULT_NAMES,
    Ask,
    EnvironmentName,
    InitRequest,
    ProjectChoices,
    named_environments,
    settle,
    unfinished_ones,
)
from migrator.operations.init.sources import read_sources
from migrator.operations.init.templates import read_template
from migrator.results.written import Initialized
from migrator.revisions.env_py_source import is_ours
from migrator.revisions.file_changes import FileChange, Rewrite, Write, changed_files

_ENV_PY = "migrations/env.py"
_PLACES = ("alembic.ini", "migrations/alembic.ini")
# What shows a project that is there already.
LOOK = "migrator envs"
EXAMPLE = "USER:PASSWORD@HOST:5432/DATABASE"


def make_project(root: Path, request: InitRequest, ask: Ask) -> Initialized:
    """Write what makes a project of `root`, asking for what is not said.

    Files that are there are left as they are. Raises RefusedError where an Alembic project lives there, which
    is adopted in another way; UsageError and ConfigurationError.
    """
    refuse_percent(root)
    _refuse_alembic(root)
    template = read_template(request.template, root)
    there, _broken = discover(root)
    sources = read_sources(root)
    theirs = (each.settings.models for each in there if each.settings.models)
    proposed = find_models(sources) or next(theirs, ())
    unfinished = unfinished_ones(root) if there else ()
    request = replace(request, names=request.names or unfinished)
    settled = settle(request, proposed, root, () if there else DEFAULT_NAMES, ask)
    new = Layout(root, settled, there, sources, shared=_shared(request, settled, there))
    plan = FilePlan(root)
    named = named_environments(request.names, root)
    plan.kept += [each.file.as_posix() for each in named if os.path.lexists(root / each.file)]
    plan.write(template.files({"environments": examples(there, new.named), "models": settled.models}))
    plan.ignore((*template.ignored, *new.database_files()))
    # They make it a project: what was killed before them is begun again.
    inis = {each.file: template.environment_file(new.values(each)) for each in written_first(new.named)}
    plan.write({file.as_posix(): content for file, content in inis.items()})
    if not request.dry_run:
        plan.carry_out()
    return Initialized(
        root=str(root),
        environments=tuple(each.result(new.folder(each), new.database(each)) for each in new.named),
        models=settled.models,
        written=plan.written,
        changed=plan.changed,
        kept=tuple(plan.kept),
        shared_folder=new.shared,
        dry_run=request.dry_run,
        notes=(*unfinished_notes(unfinished, new.named), *_notes(root, new)),
        next=first_revision(new.named, settled, there),
    )


@dataclass
class FilePlan:
    """What is to be written below `root`; `kept` are files that are there already."""

    root: Path
    changes: list[FileChange] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def write(self, contents: Mapping[str, bytes]) -> None:
        """Write files by their paths, where there are none."""
        for name, content in contents.items():
            path = self.root / name
            if os.path.lexists(path):
                self.kept.append(name)
            else:
                self.changes.append(Write(path, content))

    def ignore(self, lines: Iterable[str]) -> None:
        """Add lines to .gitignore that it does not have; an exception stands below what it is one from."""
        path = self.root / ".gitignore"
        before = path.read_bytes() if path.is_file() else b""
        there = {line.strip().strip(b"/") for line in before.splitlines()}
        missing: list[str] = []
        for line in lines:
            is_new = line.encode().strip(b"/") not in there
            if is_new or any(line[0] == "!" and fnmatchcase(line[1:], each) for each in missing):
                missing.append(line)
        if not missing:
            return
        gap = b"" if not before or before.endswith(b"\n") else b"\n"
        content = before + gap + "".join(f"{line}\n" for line in missing).encode()
        self.changes.append(Rewrite(path, content) if os.path.lexists(path) else Write(path, content))

    @property
    def written(self) -> tuple[str, ...]:
        """The new files, by their paths from the root."""
        return self._paths(Write)

    @property
    def changed(self) -> tuple[str, ...]:
        """The files that get new lines."""
        return self._paths(Rewrite)

    def _paths(self, kind: type[Write | Rewrite]) -> tuple[str, ...]:
        made: Sequence[Path] = [each.path for each in self.changes if isinstance(each, kind)]
        return tuple(path.relative_to(self.root).as_posix() for path in made)

    def carry_out(self) -> None:
        """Do it. Raises ConfigurationError where a file cannot be written: then none was.

        Raises RefusedError for one that somebody else has made in this very moment.
        """
        try:
            with changed_files(self.changes):
                pass
        except RevisionsError as exc:
            raise RefusedError(
                exc.message, hint="Another init is at work here? Run this one again; it keeps what is there."
            ) from exc


def refuse_percent(root: Path) -> None:
    """Refuse a folder that no ini file can name. Raises RefusedError."""
    if "%" in str(root):
        raise RefusedError(
            f"The path {root} has a % in it, which Alembic's ini files cannot name.",
            effect=Effect.NOTHING_WRITTEN,
            hint="Rename that folder.",
        )


def _shared(request: InitRequest, settled: ProjectChoices, there: Sequence[Environment]) -> bool:
    """Whether there is one version folder; where nothing is said, it is as with the environments there."""
    if request.shared is None and there:
        return all(
            folder == each.root.absolute() / SHARED for each in there for folder in version_folders(each)
        )
    return settled.shared


def _refuse_alembic(root: Path) -> None:
    """Refuse a folder that has Alembic's configuration, or an env.py that is not ours."""
    env_py = root / _ENV_PY
    if is_ours(env_py):
        return
    found = alembic_file(root)
    if found is not None:
        raise RefusedError(
            f"This is an Alembic project already: {found}.",
            effect=Effect.NOTHING_WRITTEN,
            hint=f"Make environments of it, and leave its files as they are: migrator init --from {found}",
        )
    if env_py.exists():
        raise RefusedError(
            f"{_ENV_PY} is there already, and it does not call migrator.",
            effect=Effect.NOTHING_WRITTEN,
            hint="Move it out of the way, or name its configuration: migrator init --from FILE",
        )


def alembic_file(root: Path) -> str | None:
    """Give the path of the Alembic configuration of a folder, None where it has none."""
    for name in _PLACES:
        if (root / name).is_file():
            return name
    try:
        tool = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError):
        return None
    return "pyproject.toml" if isinstance(tool, dict) and "alembic" in tool else None


def unfinished_notes(unfinished: Sequence[str], named: Sequence[EnvironmentName]) -> list[str]:
    """Say what an `init` that was killed was to make, and whether it is made now."""
    made = {each.name for each in named}
    notes = [
        f"{name} was left out by an init that was killed; it is made now."
        for name in unfinished
        if name in made
    ]
    options = " ".join(f"--env {name}" for name in unfinished if name not in made)
    if options:
        notes.append(f"An init that was killed was to make more; to make that too: migrator init {options}")
    return notes


def _notes(root: Path, new: Layout) -> list[str]:
    notes = list(new.sources.broken.values())
    if new.sources.cut_short:
        notes.append(
            "There are more Python files than were looked through: see whether all models are named."
        )
    if new.named and not new.settled.models:
        ini = new.named[0].file.as_posix()
        broken = [str(path) for path in new.sources.broken]
        where = f" in the other files. Correct {', '.join(broken)}, and write" if broken else ". Write"
        notes.append(f"No declarative base was found{where} the models' package under models in {ini}.")
    names = new.sources.names
    for module in (each.partition(":")[0] for each in new.settled.models):
        if module not in names and not has_below(module, names):
            notes.append(f"There is no module {module} in this folder.")
    if any(new.database(each) == "embedded" for each in new.named):
        notes += missing_wheel()
    above = find_root(root.parent)
    if above is not None:
        notes.append(f"{above} has environments too; in this folder, and below it, these are taken.")
    return notes


def first_revision(
    named: Sequence[EnvironmentName], settled: ProjectChoices, there: Sequence[Environment]
) -> str:
    """Give what writes the first revision of a new project and applies it; of an old one, what there is."""
    if there or not named:
        return LOOK
    first = developing(named) or named[0]
    env = f" --env {first.name}" if first.protected else ""
    commands = f"migrator generate -m initial{env} && migrator upgrade{env}"
    if first.protected or settled.database == "url":
        commands = with_url(first, commands)
    return commands if settled.models else with_models(first, commands)


def with_models(named: EnvironmentName, commands: str) -> str:
    """Give commands behind what has to be written before them into the file of an environment."""
    return f"write models = ... into {named.file.as_posix()}, then: {commands}"


def with_url(named: EnvironmentName, commands: str, scheme: str = "postgresql+asyncpg") -> str:
    """Give commands behind the one that says where the database of an environment is."""
    return f"export {named.variable}={scheme}://{EXAMPLE} && {commands}"


def missing_wheel() -> list[str]:
    """Say what to install, where the embedded PostgreSQL is not."""
    try:
        wheel_binaries()
    except MissingExtraError as exc:
        return [f"{exc.message} {exc.hint}"]
    return []
