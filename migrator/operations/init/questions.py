"""Settles what a new project is like: by what `init` was told, by what it asks, else by what is usual.

That includes its environments: which file each gets, and which of them would be taken for another.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from migrator.config.environments import (
    BrokenEnvironment,
    Environment,
    canonical_name,
    discover,
    file_suffix,
    suffix_of,
)
from migrator.config.settings import KEYS, split_words
from migrator.config.url import own_variable
from migrator.errors import UsageError
from migrator.results.written import NewEnvironment
from migrator.revisions.drafting import left_behind

_Answer = TypeVar("_Answer")

Database = Literal["embedded", "url", "sqlite"]
Ask = Callable[[str], str | None]

DATABASES: tuple[Database, ...] = ("embedded", "url", "sqlite")
DEFAULT_NAMES = ("testing", "production")


@dataclass(frozen=True)
class InitRequest:
    """What the command line says; None and empty where it says nothing.

    `template` is the name of one that comes with migrator, or a folder.
    """

    models: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    database: Database | None = None
    shared: bool | None = None
    template: str = "default"
    adopt: Path | None = None
    section: str = "alembic"
    dry_run: bool = False


def no_answer(_question: str) -> None:
    """Stand for a person where nobody can be asked."""


@dataclass(frozen=True)
class EnvironmentName:
    """A new environment: its canonical name, and the suffix of its file."""

    name: str
    aliases: tuple[str, ...]
    suffix: str

    @property
    def protected(self) -> bool:
        """Whether it is protected without a word about it in its file."""
        return self.name == "production"

    @property
    def variable(self) -> str:
        """Its own variable for a URL."""
        return own_variable(self.name)

    @property
    def file(self) -> Path:
        """Its configuration file, from the project's root."""
        return Path("configs", f"alembic_{self.suffix}.ini")

    def result(self, folder: str, database: str) -> NewEnvironment:
        """Give what is told of it: the folder of its revisions, and where its database comes from."""
        return NewEnvironment(
            self.name, self.file.as_posix(), folder, database, self.variable, self.protected
        )


@dataclass(frozen=True)
class ProjectChoices:
    """What a new project is like. `shared` says that all environments have one version folder."""

    environments: tuple[EnvironmentName, ...]
    models: tuple[str, ...]
    database: Database
    shared: bool


def settle(
    request: InitRequest, proposed: tuple[str, ...], root: Path, usual: tuple[str, ...], ask: Ask
) -> ProjectChoices:
    """Settle it. `proposed` are the models that were found, `usual` the environments where none is named.

    Raises UsageError for what was said and cannot be; an answer that cannot be is asked for again.
    """
    environments = new_ones(settle_environments(request, root, usual, ask), request, root)
    if not environments:
        return ProjectChoices((), (), "url", shared=False)
    models = parse_models(request.models)
    if not models:
        text = ", ".join(proposed)
        question = f"Package of the models, or package.module:Base [{text or 'none yet'}]: "
        models = _asked(ask, question, text, lambda said: parse_models(split_words(said)))
    return ProjectChoices(environments, models, *_where(request, environments, ask, is_new=bool(usual)))


def new_ones(
    environments: Sequence[EnvironmentName], request: InitRequest, root: Path
) -> tuple[EnvironmentName, ...]:
    """Give those environments that have no file yet.

    Raises UsageError where there are none, and something is said that only a new file could hold.
    """
    new = tuple(each for each in environments if not os.path.lexists(root / each.file))
    options = {
        "--models": request.models,
        "--database": request.database,
        "--shared": request.shared,
        "--separate": request.shared is False,
    }
    said = [name for name, value in options.items() if value]
    if said and not new:
        raise UsageError(
            f"{said[0]} is for a new environment, and all that there are have their files already.",
            hint="Name a new one with --env, or edit the files in configs.",
        )
    return new


def settle_environments(
    request: InitRequest, root: Path, usual: Sequence[str], ask: Ask
) -> tuple[EnvironmentName, ...]:
    """Settle which environments are made. Raises UsageError."""
    if request.names or not usual:
        return named_environments(request.names, root)
    text = " ".join(usual)
    return _asked(
        ask, f"Environments [{text}]: ", text, lambda said: named_environments(split_words(said), root)
    )


def _where(
    request: InitRequest, environments: Sequence[EnvironmentName], ask: Ask, *, is_new: bool
) -> tuple[Database, bool]:
    # One more environment is seldom one of the developers'.
    database: Database = request.database or "url"
    if is_new and request.database is None:
        question = f"Database while developing ({', '.join(DATABASES)}) [embedded]: "
        database = _asked(ask, question, "embedded", parse_database)
    shared = request.shared
    if shared is None and is_new and len(environments) > 1:
        question = "One folder of revisions for all environments, rather than one for each? [y/N] "
        shared = _asked(ask, question, "n", _yes_or_no)
    return database, bool(shared)


def _asked(ask: Ask, question: str, usual: str, read: Callable[[str], _Answer]) -> _Answer:
    """Ask until the answer can be read; what is usual, where nobody can be asked."""
    said = ask(question)
    while said is not None:
        try:
            return read(said.strip() or usual)
        except UsageError as exc:
            said = ask(f"{exc.message} {exc.hint}".strip() + f"\n{question}")
    return read(usual)


def parse_database(said: str) -> Database:
    """Read what `--database` says. Raises UsageError."""
    for each in DATABASES:
        if said == each:
            return each
    raise UsageError(f"{said} is not a kind of database.", hint=f"Give one of: {', '.join(DATABASES)}.")


def parse_models(said: Sequence[str]) -> tuple[str, ...]:
    """Read what is to stand under the key models. Raises UsageError."""
    words = tuple(dict.fromkeys(word for each in said for word in split_words(each)))
    for word in words:
        module, colon, name = word.partition(":")
        if not (_dotted(module) and (_dotted(name) or not colon)):
            raise UsageError(
                f"{word} is neither a module nor package.module:Base.",
                hint="For example: --models app.models",
            )
    return words


def _dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _yes_or_no(said: str) -> bool:
    if said.lower() in ("y", "yes", "n", "no"):
        return said.lower() in ("y", "yes")
    raise UsageError("Answer y or n.")


def named_environments(names: Sequence[str], root: Path) -> tuple[EnvironmentName, ...]:
    """Give the environments of these names, each once.

    Raises UsageError for a name that cannot be one, and for one that would be taken for another environment:
    an alias of it, the same but for upper case, or one with the same variable.
    """
    found, broken = discover(root)
    chosen: dict[str, EnvironmentName] = {}
    for said in names:
        new = _named(said)
        before = chosen.setdefault(new.name, new)
        other = next((name for name in names if name != said and _named(name).name == before.name), None)
        if other is not None:
            raise UsageError(f"{said} and {other} are one environment, {new.name}.", hint="Name it once.")
    for new in chosen.values():
        _refuse_alike(new, chosen.values(), (*found, *broken), root)
    return tuple(chosen.values())


def unfinished_ones(root: Path) -> tuple[str, ...]:
    """Give the names of the environments whose files an `init` that was killed has drafted and not made."""
    suffixes = [suffix_of(path) for path in left_behind(root / "configs")]
    return tuple(canonical_name(suffix)[0] for suffix in suffixes if suffix is not None)


def _named(said: str) -> EnvironmentName:
    try:
        KEYS["environment"].read(said)
    except ValueError as exc:
        raise UsageError(
            f"There can be no environment of this name: {exc}.", hint="For example: --env staging"
        ) from exc
    suffix = file_suffix(said)
    if file_suffix(said.lower()) != suffix.lower():
        raise UsageError(
            f"{said} would be an environment beside {said.lower()}.", hint=f"Write --env {said.lower()}"
        )
    name, aliases = canonical_name(suffix)
    return EnvironmentName(name, aliases, suffix)


def _refuse_alike(
    new: EnvironmentName,
    chosen: Iterable[EnvironmentName],
    there: Iterable[Environment | BrokenEnvironment],
    root: Path,
) -> None:
    for each in chosen:
        if each is not new and each.variable == new.variable:
            raise UsageError(
                f"{new.name} and {each.name} would both have the variable {new.variable}.",
                hint="Give one of them another name.",
            )
    for old in there:
        if old.config_file == root / new.file:
            continue
        taken = old.answers_to(new.name) if isinstance(old, Environment) else new.name in old.names
        if taken or own_variable(old.name) == new.variable:
            raise UsageError(
                f"{new.name} would be taken for {old.name}, which is there already"
                f" ({old.config_file.relative_to(root)}).",
                hint="Give the new one another name.",
            )
