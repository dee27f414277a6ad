"""Starting and stopping a project's server, and finding the one that runs.

Every process of a server inherits the lock on `server.lock`: the kernel says whether one of them lives, also
where process ids were given out anew (after a reboot, in a container). The caller holds the start lock.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING

from migrator.database.embedded.leftover import remove_stale_pid_file
from migrator.database.embedded.server_log import failure, open_log, size, text_since
from migrator.database.embedded.spreading import spread_over_disk
from migrator.database.embedded.system_account import Program, run_as, start_as
from migrator.file_locks import LockFile, wait_until

if TYPE_CHECKING:
    from migrator.database.embedded.server_home import Home
    from migrator.database.embedded.server_place import ServerPlace

HOST = "127.0.0.1"
_READY_SECONDS = 120.0
_STOP_SECONDS = 60.0
_PORTS_TRIED = 5
_PORT_WAS_TAKEN = "could not create any TCP/IP sockets"

_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "logging_collector": "off",
    "log_destination": "stderr",
}
# By the major version that brought them.
_LATER_SETTINGS = {14: {"client_connection_check_interval": "1s"}, 16: {"scram_iterations": "4096"}}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}

_children: dict[Home, Program] = {}


def running_port(home: Home) -> int | None:
    """The port of the server if it runs; None when no process of it lives.

    Waits for one that is starting or ending. DatabaseError when that takes too long.
    """
    found: list[int] = []

    def settled() -> bool:
        with LockFile(home.server_lock) as lock:
            if lock.take():
                return True
        port = _ready_port(home)
        if port is not None and _accepts(port):
            found.append(port)
        return bool(found)

    since = size(home)
    if not wait_until(settled, _READY_SECONDS):
        raise failure(home, "a server of it lives but takes no connections", since=since)
    return found[0] if found else None


def start(place: ServerPlace) -> int:
    """Start the server, of which nothing runs, and wait until it takes connections; its port.

    DatabaseError when it fails.
    """
    reap(place.home)
    remove_stale_pid_file(place.home)
    for _ in range(_PORTS_TRIED):
        port = free_port()
        since = _launch(place, port)
        if _became_ready(place.home):
            return port
        reap(place.home)
        if _PORT_WAS_TAKEN not in text_since(place.home, since):
            break
    raise failure(place.home, "the server did not start", since=since)


def stop(place: ServerPlace) -> None:
    """Stop the server and wait until its last process has ended. DatabaseError when it does not end."""
    since = size(place.home)
    if not (_ended(place, "fast") or _ended(place, "immediate")):
        raise failure(place.home, "the server did not stop", since=since)
    reap(place.home)


def reap(home: Home) -> None:
    """Leave no dead server behind if it was this process that started it."""
    child = _children.pop(home, None)
    if child is not None:
        # It has ended, except when its folder was deleted: then only its parent can still tell it to.
        child.send_signal(signal.SIGQUIT)
        child.wait()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def _launch(place: ServerPlace, port: int) -> int:
    """Start the server without waiting; the length that the log had before."""
    settings = {**_SETTINGS, "port": str(port)} | ({} if place.durable else _NOT_DURABLE)
    for major, later in _LATER_SETTINGS.items():
        settings |= later if place.binaries.major >= major else {}
    argv = [place.program("postgres"), "-D", str(place.home.data)]
    argv += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    if place.disposable:
        spread_over_disk(place.home.data / "base")
    with open_log(place.home) as log, LockFile(place.home.server_lock) as lock:
        lock.wait()
        _children[place.home] = start_as(place.account, argv, output=log.file, pass_fds=(lock.fileno(),))
        return log.start


def _became_ready(home: Home) -> bool:
    """Wait until the server takes connections (True) or its last process has ended (False)."""
    since = size(home)
    with LockFile(home.server_lock) as lock:
        if not wait_until(lambda: lock.take() or _ready_port(home) is not None, _READY_SECONDS):
            raise failure(home, f"the server was not ready after {_READY_SECONDS:.0f} s", since=since)
        return not lock.take()


def _ended(place: ServerPlace, mode: str) -> bool:
    told = False
    with LockFile(place.home.server_lock) as lock:

        def ended() -> bool:
            nonlocal told
            if lock.take():
                return True
            # A server that is just starting may not have written its process id yet.
            told = told or _told_to_stop(place, mode)
            return False

        return wait_until(ended, _STOP_SECONDS)


def _told_to_stop(place: ServerPlace, mode: str) -> bool:
    child = _children.get(place.home)
    if child is not None and child.poll() is None:
        child.send_signal(_SIGNALS[mode])
        return True
    # pg_ctl runs as the server's account: root must not signal whatever id that account has written down.
    argv = [place.program("pg_ctl"), "stop", "-D", str(place.home.data), "-m", mode, "-W"]
    with open_log(place.home) as log:
        return run_as(place.account, argv, output=log.file) == 0


def _ready_port(home: Home) -> int | None:
    """The port in PostgreSQL's own file, once that says that connections are taken."""
    try:
        lines = (home.data / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    return int(lines[3]) if len(lines) > 7 and lines[7].strip() == "ready" else None


def _accepts(port: int) -> bool:
    with socket.socket() as connection:
        connection.settimeout(1.0)
        return connection.connect_ex((HOST, port)) == 0


os.register_at_fork(after_in_child=_children.clear)
