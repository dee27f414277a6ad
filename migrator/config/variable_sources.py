"""The places where variables are looked for: the process, `.env.<environment>` and `.env`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from migrator.config.configfile import readable
from migrator.errors import ConfigurationError


@dataclass(frozen=True)
class VariableSource:
    """Variables from one place. `own` says that the place belongs to one environment alone."""

    name: str
    values: Mapping[str, str]
    own: bool


def read_dotenv(path: Path) -> dict[str, str]:
    """Read a `.env` file without changing `os.environ`; a missing one is empty.

    Variables without a value are left out. Raises ConfigurationError where the file cannot be read.
    """
    if not os.path.lexists(path):
        return {}
    if not (path.is_file() or path.is_fifo()):
        # Passing over it would lead to another place, and perhaps to another database.
        raise ConfigurationError(f"{path} is not a file that can be read.", hint="Correct it or remove it.")
    # Imported here: most commands run where there is no .env file.
    from dotenv import dotenv_values

    with readable(f"The file {path}"):
        values = dotenv_values(path, encoding="utf-8")
    return {name: value for name, value in values.items() if value}


def places(root: Path, environment: str, process: Mapping[str, str]) -> list[VariableSource]:
    """Give the places for an environment, in the order in which they are looked at."""
    own = f".env.{environment}"
    return [
        VariableSource("the process's variables", {k: v for k, v in process.items() if v}, own=False),
        VariableSource(own, read_dotenv(root / own), own=True),
        VariableSource(".env", read_dotenv(root / ".env"), own=False),
    ]
