"""Names of new environments: which file each gets, and which of them would be taken for another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from migrator.config.environments import (
    BrokenEnvironment,
    Environment,
    canonical_name,
    discover,
    file_suffix,
    suffix_of,
)
from migrator.config.settings import KEYS
from migrator.config.url import own_variable
from migrator.errors import UsageError
from migrator.results.written import NewEnvironment
from migrator.revisions.drafting import left_behind


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
