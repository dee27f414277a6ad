"""Results of `init`: what was written, what was left as it is, and what to type next."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NewEnvironment:
    """An environment: its file, the folder of its revisions, and where its database comes from.

    `database` is `embedded`, `url` or `sqlite`; `variable` is the environment's own variable for a URL.
    """

    name: str
    config_file: str
    version_folder: str
    database: str
    variable: str
    protected: bool


@dataclass(frozen=True)
class Initialized:
    """What `init` wrote, or would with `--dry-run`, in the project at `root`.

    `kept` are files that were there already and are as they were, `changed` those that got new lines.
    `adopted` is the Alembic configuration that the environments were made from, None for a new project;
    `models` is what stands under that key. `next` is the command to type.
    """

    root: str
    environments: tuple[NewEnvironment, ...]
    models: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    adopted: str | None = None
    shared_folder: bool = False
    dry_run: bool = False
    notes: tuple[str, ...] = ()
    next: str = ""


@dataclass(frozen=True)
class TemplateInfo:
    """A template that comes with migrator."""

    name: str
    description: str


@dataclass(frozen=True)
class TemplateList:
    """The templates that `init --template` knows by name."""

    templates: tuple[TemplateInfo, ...]
