"""Entering, leaving and removing a server that processes, and blocks of one process, share."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.database.embedded import cluster, postmaster
from migrator.database.embedded.binaries import wheel_binaries
from migrator.database.embedded.embedded_server import EmbeddedServer
from migrator.database.embedded.server_home import Home, forget_before_boot, home_of, prepare
from migrator.errors import ConfigurationError, DatabaseError
from migrator.file_locks import LockFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from migrator.database.embedded.server_place import ServerPlace


@dataclass
class _Use:
    """This process's use of one server, however many blocks share it."""

    user: LockFile
    blocks: int = 0


_uses: dict[Home, _Use] = {}
_guard = threading.RLock()


def enter(place: ServerPlace, announce: Callable[[str], None]) -> EmbeddedServer:
    """Use the server, which is made and started when need be, until `leave`.

    ConfigurationError when its folder cannot be written, DatabaseError when a program fails.
    """
    with _guard, _named_folder(place.home.folder):
        prepare(place.home)
        with LockFile(place.home.start_lock) as lock:
            lock.wait()
            use = _uses.get(place.home) or _Use(_register(place.home.users))
            try:
                port = _port(place, announce)
                password = _password(place.home)
            except BaseException:
                if not use.blocks:
                    _retire(use, place)
                raise
            use.blocks += 1
            _uses[place.home] = use
        return EmbeddedServer(port, password, place.binaries)


def leave(place: ServerPlace) -> None:
    """End one use; the last user of all stops the server. DatabaseError when it does not stop."""
    with _guard:
        use = _uses[place.home]
        use.blocks -= 1
        if use.blocks:
            return
        del _uses[place.home]
        try:
            with contextlib.closing(use.user), LockFile(place.home.start_lock) as lock:
                lock.wait()
                _retire(use, place)
        except FileNotFoundError:
            # Somebody has deleted the folder meanwhile.
            postmaster.reap(place.home)


def _retire(use: _Use, place: ServerPlace) -> None:
    _unregister(use.user)
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
        cluster.create(place)
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


def _register(folder: Path) -> LockFile:
    """Count this process among the users until `_unregister` or its death."""
    user = LockFile(folder / f"{os.getpid()}-{secrets.token_hex(4)}")
    user.wait()
    return user


def _unregister(user: LockFile) -> None:
    """Count this process no longer."""
    user.path.unlink(missing_ok=True)
    user.close()


def any_alive(folder: Path) -> bool:
    """Whether a living process uses the server; the files of dead ones are removed."""
    alive = [path for path in folder.iterdir() if not _removed_as_dead(path)]
    return bool(alive)


def _removed_as_dead(path: Path) -> bool:
    with LockFile(path, create=False) as user:
        if not user.take():
            return False
        path.unlink()
        return True


def remove_server(root: Path) -> None:
    """Delete the data of all servers of the project at `root`, for a project that is about to be deleted too.

    Does nothing where there is none. DatabaseError while a process uses one.
    """
    root = root.resolve()
    state = home_of(root, wheel_binaries().major).folder.parent
    homes = [Home(folder) for folder in sorted(state.glob("*-[0-9]*")) if (folder / "users").is_dir()]
    with ExitStack() as stack:
        for home in homes:
            stack.enter_context(LockFile(home.start_lock)).wait()
            if any_alive(home.users):
                raise DatabaseError(
                    f"The embedded PostgreSQL of {root} is in use.",
                    hint="End the commands that use it first.",
                )
        if homes:
            shutil.rmtree(state)
