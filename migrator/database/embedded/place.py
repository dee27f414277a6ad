"""What one project's server is run from and where it lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.database.embedded.account import Account, server_account
from migrator.database.embedded.binaries import Binaries, system_binaries, wheel_binaries
from migrator.database.embedded.home import Home, home_of
from migrator.database.embedded.runnable import runnable_binaries

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Place:
    """One project's server, running or not."""

    home: Home
    binaries: Binaries
    account: Account | None
    durable: bool

    def program(self, name: str) -> str:
        """The path of a program that the server's account can execute."""
        return runnable_binaries(self.binaries, self.account).program(name)


def place_of(root: Path, *, durable: bool, system: bool = False) -> Place:
    """The server of the project at `root`. MissingExtraError or ConfigurationError when it can have none."""
    binaries = system_binaries() if system else wheel_binaries()
    home = home_of(root.resolve(), binaries.major, kind="system" if system else "postgresql")
    return Place(home, binaries, server_account(), durable)
