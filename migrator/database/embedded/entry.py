"""The ways in: `with` blocks in which a project's server runs, and that server as its users see it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.database.embedded.binaries import Binaries, program_environment
from migrator.errors import ConfigurationError, DatabaseError

if TYPE_CHECKING:
    from migrator.database.embedded.server_place import ServerPlace

_LONGEST_NAME_BYTES = 63
# Nobody can be connected to template0, so a copy of it never has to wait. The lock makes two who look for the
# same missing database take turns.
_CREATE_IF_MISSING = """\
SELECT pg_advisory_lock(hashtext('create database'));
SELECT format('CREATE DATABASE %I TEMPLATE template0', {name})
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {name}) \\gexec
"""


@dataclass(frozen=True)
class EmbeddedServer:
    """A server that runs as long as the `with` block of `embedded_server` does."""

    port: int
    password: str = field(repr=False)
    binaries: Binaries = field(repr=False)
    host: str = "127.0.0.1"
    user: str = "postgres"

    def ensure_database(self, name: str) -> None:
        """Create the database (UTF-8) unless it exists; several processes may ask at once.

        ConfigurationError for a name that PostgreSQL cannot have, DatabaseError when creating fails.
        """
        if not 0 < len(name.encode()) <= _LONGEST_NAME_BYTES or "\0" in name:
            raise ConfigurationError(
                f"{name!r} cannot be the name of a database.",
                hint=f"A name has between 1 and {_LONGEST_NAME_BYTES} bytes, none of them zero.",
            )
        literal = "'" + name.replace("'", "''") + "'"
        psql = self._psql(_CREATE_IF_MISSING.format(name=literal))
        if psql.returncode != 0:
            raise DatabaseError(
                f"The embedded PostgreSQL could not create the database {name!r}.",
                hint=f"psql says: {psql.stderr.decode('utf-8', 'replace').strip()}",
            )

    def _psql(self, script: str) -> subprocess.CompletedProcess[bytes]:
        argv = [self.binaries.program("psql"), "--no-psqlrc", "--no-password", "--quiet"]
        argv += ["--set=ON_ERROR_STOP=1", f"--host={self.host}", f"--port={self.port}"]
        argv += [f"--username={self.user}", "--dbname=postgres"]
        # Not on the command line, which every user of the machine can read.
        secret = {"PGPASSWORD": self.password, "PGCLIENTENCODING": "UTF8", "PGCONNECT_TIMEOUT": "10"}
        environment = program_environment() | secret
        return subprocess.run(argv, input=script.encode(), capture_output=True, env=environment, check=False)


def _say_nothing(_sentence: str) -> None:
    pass


@contextlib.contextmanager
def embedded_server(
    root: Path, *, announce: Callable[[str], None] = _say_nothing, durable: bool = True
) -> Iterator[EmbeddedServer]:
    """Run the PostgreSQL of the project at `root` for the length of the block.

    Blocks share it, in one process and in several; the last to end stops it. `announce` gets a short sentence
    before each slow step. Without `durable` a crash of the machine may destroy the data; the one who starts
    the server decides.

    MissingExtraError without the wheel; ConfigurationError on another system than Linux and macOS or in a
    folder that cannot be written; DatabaseError, with the log's last lines, when PostgreSQL fails.
    """
    _require_locks()
    from migrator.database.embedded.server_place import place_of

    with _running(place_of(root, durable=durable), announce) as server:
        yield server


@contextlib.contextmanager
def scratch_server(
    root: Path, *, announce: Callable[[str], None] = _say_nothing, system: bool = False
) -> Iterator[EmbeddedServer]:
    """Run the PostgreSQL of the project's scratch databases for the length of the block.

    It is apart from the one that holds data, and takes no time to write to the disk: after the machine was
    started anew it begins empty. With `system` it is run from the newest PostgreSQL that is installed on the
    machine. Raises as `embedded_server` does.
    """
    _require_locks()
    from migrator.database.embedded.server_place import scratch_place

    with _running(scratch_place(root, system=system), announce) as server:
        yield server


def _require_locks() -> None:
    if importlib.util.find_spec("fcntl") is None:
        raise ConfigurationError(
            "The embedded PostgreSQL needs Linux or macOS.", hint="Give the URL of a database: --url URL"
        )


@contextlib.contextmanager
def _running(place: ServerPlace, announce: Callable[[str], None]) -> Iterator[EmbeddedServer]:
    from migrator.database.embedded import shared_use

    owner = os.getpid()
    port, password = shared_use.enter(place, announce)
    try:
        yield EmbeddedServer(port, password, place.binaries)
    finally:
        # A child made by fork inside the block runs this too.
        if os.getpid() == owner:
            shared_use.leave(place)
