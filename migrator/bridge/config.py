"""Alembic's `Config` for a workspace, and what a command hands to env.py through it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from alembic.config import CommandLine, Config

from migrator.config.folders import split_paths, version_folders
from migrator.config.select import Workspace

if TYPE_CHECKING:
    from sqlalchemy import URL

    from migrator.database.round_trips.first_questions import Answers


def alembic_config(
    workspace: Workspace,
    command: Sequence[str] | None = None,
    *,
    output: TextIO | None = None,
) -> Config:
    """Make the Config that Alembic's own command line would make for `alembic <command>`.

    Only env.py looks at the command: it is None where env.py is not run. For an environment of ours
    `version_locations` is set here, because Alembic reads it before env.py runs. `output` takes what Alembic
    prints. Nothing here contains the database's URL.
    """
    environment = workspace.environment
    ini, toml = _files(environment.config_file, environment.root)
    config = Config(
        ini,
        toml_file=toml,
        ini_section=workspace.choice.section,
        output_buffer=output,
        stdout=output or sys.stderr,
        cmd_opts=None if command is None else _namespace(workspace, command),
    )
    # Alembic's own messages ("Generating ... done") would be printed beside ours.
    config.messaging_opts = {"quiet": True}
    if environment.managed or environment.drafts:
        set_version_locations(config, workspace, version_folders(environment))
    return config


def _files(path: Path, root: Path) -> tuple[str, str]:
    """Alembic always reads two files: the ini and the pyproject.toml beside it or in the current folder."""
    if path.suffix == ".toml":
        return str(root / "alembic.ini"), str(path)
    return str(path), str(root / "pyproject.toml")


def _namespace(workspace: Workspace, command: Sequence[str]) -> Any:
    """Give what Alembic's command line hands to env.py as `config.cmd_opts`."""
    choice = workspace.choice
    before = ["-c", str(workspace.environment.config_file), "-n", choice.section]
    before += [f"-x{pair}" for pair in choice.x]
    return _parser().parse_args([*before, *command])


@cache
def _parser() -> ArgumentParser:
    return CommandLine("alembic").parser


def set_version_locations(config: Config, workspace: Workspace, folders: Sequence[Path]) -> None:
    """Set the version folders of a Config, whatever characters are in their names."""
    environment = workspace.environment
    prepend = environment.file.option("prepend_sys_path")
    # A path may hold spaces and colons; a newline it does not.
    set_option(config, "path_separator", "newline")
    set_option(config, "version_locations", "\n".join(str(folder) for folder in folders))
    if prepend:
        kept = [str(environment.root / part) for part in split_paths(prepend, environment, colons=True)]
        set_option(config, "prepend_sys_path", "\n".join(kept))


def set_option(config: Config, name: str, value: str) -> None:
    """Set an option of Alembic's section to a literal value: configparser would interpolate a `%`."""
    if not config.file_config.has_section(config.config_ini_section):
        config.file_config.add_section(config.config_ini_section)
    config.set_main_option(name, value.replace("%", "%%"))


_KEY = "migrator"
_OURS = "migrator_env"


@dataclass(frozen=True)
class Handover:
    """The workspace, the database's URL (None where a connection was handed in), and what the command needs.

    `writes` is false for a command that only reads; `needs_models` is false where models play no part, so
    that a broken model does not stop a look at the database. With `guarded` the command sets timeouts itself.
    `known` is what servers were asked before.
    """

    workspace: Workspace
    url: URL | None
    writes: bool = True
    needs_models: bool = True
    guarded: bool = False
    known: Answers = field(default_factory=dict)


def hand_over(config: Config, handover: Handover) -> None:
    """Put a handover where env.py finds it."""
    config.attributes[_KEY] = handover


def received_handover(config: Config) -> Handover | None:
    """Give what the running command handed over; None under plain Alembic."""
    found = config.attributes.get(_KEY)
    return found if isinstance(found, Handover) else None


def say_our_env(config: Config) -> None:
    """Note that the env.py that runs is one that calls `migrator.env.run_migrations`."""
    config.attributes[_OURS] = True


def is_our_env(config: Config) -> bool:
    """Whether the env.py that ran calls `migrator.env.run_migrations`."""
    return bool(config.attributes.get(_OURS))
