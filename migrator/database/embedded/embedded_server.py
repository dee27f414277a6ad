"""The running server, as its users see it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrator.database.embedded.binaries import program_environment
from migrator.errors import ConfigurationError, DatabaseError

if TYPE_CHECKING:
    from migrator.database.embedded.binaries import Binaries

_LONGEST_NAME_BYTES = 63
_LONGEST_SECONDS = 60.0
# Nobody can be connected to template0, so a copy of it never has to wait. The lock makes two who look for the
# same missing database take turns.
_CREATE_IF_MISSING = """\
SET lock_timeout = '30s';
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
        try:
            return subprocess.run(
                argv,
                input=script.encode(),
                capture_output=True,
                env=environment,
                timeout=_LONGEST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise DatabaseError(
                f"The embedded PostgreSQL did not answer psql in {_LONGEST_SECONDS:g}s.",
                hint="End the commands that use it, then run this again.",
            ) from exc
