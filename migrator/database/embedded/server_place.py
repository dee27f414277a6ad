"""What one project's server is run from and where it lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.database.embedded.binaries import Binaries, system_binaries, wheel_binaries
from migrator.database.embedded.boot import boot_id
from migrator.database.embedded.runnable import runnable_binaries
from migrator.database.embedded.server_home import Home, home_of
from migrator.database.embedded.system_account import SystemAccount, server_account

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class ServerPlace:
    """One project's server, running or not. What a disposable one holds is worth nothing after a crash."""

    home: Home
    binaries: Binaries
    account: SystemAccount | None
    durable: bool
    disposable: bool = False

    def program(self, name: str) -> str:
        """The path of a program that the server's account can execute."""
        return runnable_binaries(self.binaries, self.account).program(name)


def place_of(root: Path, *, durable: bool) -> ServerPlace:
    """The server of the project at `root`. MissingExtraError or ConfigurationError when it can have none."""
    binaries = wheel_binaries()
    return ServerPlace(home_of(root.resolve(), binaries.major), binaries, server_account(), durable)


def scratch_place(root: Path, *, system: bool) -> ServerPlace:
    """The server for the project's scratch databases; raises as `place_of` does.

    It writes nothing to the disk for good where it can be told whether the machine was started anew.
    """
    binaries = system_binaries() if system else wheel_binaries()
    home = home_of(root.resolve(), binaries.major, kind="system" if system else "scratch")
    return ServerPlace(home, binaries, server_account(), durable=boot_id() is None, disposable=True)
