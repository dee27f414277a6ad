"""The running server that processes, and blocks of one process, share: using it and removing it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from migrator.database.embedded import postmaster
from migrator.database.embedded.binaries import Binaries, program_environment, wheel_binaries
from migrator.database.embedded.server_home import Home, forget_before_boot, home_of, prepare
from migrator.database.embedded.server_place import ServerPlace, create_data
from migrator.errors import ConfigurationError, DatabaseError
from migrator.file_locks import LockFile

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


def any_alive(folder: Path) -> bool:
    """Whether a living process uses the server; the files of dead ones are removed."""
    alive = False
    for path in folder.iterdir():
        with LockFile(path, create=False) as user:
            if user.take():
                path.unlink()
            else:
                alive = True
    return alive


class _Use:
    """This process's use of one server, however many blocks share it.

    Until `_retire`, or its death, the process counts among the users.
    """

    def __init__(self, users: Path) -> None:
        self.user = LockFile(users / f"{os.getpid()}-{secrets.token_hex(4)}")
        self.user.wait()
        self.blocks = 0


_uses: dict[Path, _Use] = {}
_guard = threading.RLock()


@contextlib.contextmanager
def running(place: ServerPlace, announce: Callable[[str], None]) -> Iterator[EmbeddedServer]:
    """Run the server for the length of the block: made and started when need be, stopped by its last user.

    ConfigurationError when its folder cannot be written, DatabaseError when a program fails.
    """
    owner = os.getpid()
    server = _enter(place, announce)
    try:
        yield server
    finally:
        # A child made by fork inside the block runs this too.
        if os.getpid() == owner:
            _leave(place)


def _enter(place: ServerPlace, announce: Callable[[str], None]) -> EmbeddedServer:
    with _guard, _named_folder(place.home.folder):
        prepare(place.home)
        with LockFile(place.home.start_lock) as lock:
            lock.wait()
            use = _uses.get(place.home.folder) or _Use(place.home.users)
            try:
                port = _port(place, announce)
                password = _password(place.home)
            except BaseException:
                if not use.blocks:
                    _retire(use, place)
                raise
            use.blocks += 1
            _uses[place.home.folder] = use
        return EmbeddedServer(port, password, place.binaries)


def _leave(place: ServerPlace) -> None:
    with _guard:
        use = _uses[place.home.folder]
        use.blocks -= 1
        if use.blocks:
            return
        del _uses[place.home.folder]
        try:
            with contextlib.closing(use.user), LockFile(place.home.start_lock) as lock:
                lock.wait()
                _retire(use, place)
        except FileNotFoundError:
            # Somebody has deleted the folder meanwhile.
            postmaster.reap(place.home)


def _retire(use: _Use, place: ServerPlace) -> None:
    use.user.path.unlink(missing_ok=True)
    use.user.close()
    if not any_alive(place.home.users):
        postmaster.stop(place)


def _port(place: ServerPlace, announce: Callable[[str], None]) -> int:
    port = postmaster.running_port(place.home)
    if port is not None:
        return port
    if place.disposable and not place.durable:
        forget_before_boot(place.home)
    if not place.home.data.exists():
        what = "a PostgreSQL for scratch databases" if place.disposable else "the embedded PostgreSQL"
        announce(f"Creating {what} (first use)")
        create_data(place)
    return postmaster.start(place)


def _password(home: Home) -> str:
    try:
        return home.password.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DatabaseError(
            f"The embedded PostgreSQL cannot be used: the file {home.password} with its password is missing.",
            hint=f"Restore it, or delete {home.folder} to start with an empty server.",
        ) from error


@contextlib.contextmanager
def _named_folder(folder: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # From `announce`: it says nothing about the folder.
        raise
    except OSError as error:
        raise ConfigurationError(
            f"The embedded PostgreSQL cannot use its folder {folder}: {error.strerror}.",
            hint="Make the folder writable for the user who runs migrator, or give a database URL.",
        ) from error


def _forget_in_forked_child() -> None:
    # The child uses nothing yet, and a thread that it does not have may have held the guard.
    global _guard
    _guard = threading.RLock()
    _uses.clear()


os.register_at_fork(after_in_child=_forget_in_forked_child)


def remove_server(root: Path) -> None:
    """Delete the data of all servers of the project at `root`, for a project that is about to be deleted too.

    Does nothing where there is none. DatabaseError while a process uses one.
    """
    root = root.resolve()
    state = home_of(root, wheel_binaries().major).folder.parent
    homes = [Home(folder) for folder in sorted(state.glob("*-[0-9]*")) if (folder / "users").is_dir()]
    with contextlib.ExitStack() as stack:
        for home in homes:
            stack.enter_context(LockFile(home.start_lock)).wait()
            if any_alive(home.users):
                raise DatabaseError(
                    f"The embedded PostgreSQL of {root} is in use.",
                    hint="End the commands that use it first.",
                )
        if homes:
            shutil.rmtree(state)
