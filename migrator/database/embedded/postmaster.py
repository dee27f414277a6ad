"""Starting and stopping a project's server, and finding the one that runs.

Every process of a server inherits the lock on `server.lock`: the kernel says whether one of them lives, also
where process ids were reused (after a reboot, in a container). The caller holds the start lock.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from migrator.database.embedded.server_home import Home, failure, open_log, size, text_since
from migrator.database.embedded.server_place import ServerPlace
from migrator.database.embedded.system_account import Program, run_as, start_as
from migrator.errors import DatabaseError
from migrator.file_locks import LockFile, wait_until

# PostgreSQL copies a database into some 300 new files. ext4 looks for room for each beside the folder above
# and skips all that was deleted there in the last minutes (`recently_deleted` in its ialloc.c): creating and
# dropping one database after the other soon takes ten times as long. ext4 spreads the folders in a folder
# that is marked as the top of a hierarchy (`chattr +T`) over the disk.
# From linux/fs.h: FS_IOC_GETFLAGS and FS_IOC_SETFLAGS, of which the size of a long is a part; FS_TOPDIR_FL.
_LONG = struct.calcsize("l") << 16
_GET, _SET = 0x80006601 | _LONG, 0x40006602 | _LONG
_TOP = 0x00020000


def spread_over_disk(folder: Path) -> None:
    """Have new folders in this one spread over the disk; nothing happens where that is not known."""
    if sys.platform != "linux":
        return
    with suppress(OSError):
        # The account that owns the data may have put anything in its place.
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            (flags,) = struct.unpack("i", fcntl.ioctl(descriptor, _GET, struct.pack("i", 0)))
            if not flags & _TOP:
                fcntl.ioctl(descriptor, _SET, struct.pack("i", flags | _TOP))
        finally:
            os.close(descriptor)


# PostgreSQL refuses to start while *any* process of its account has the id in `postmaster.pid`. After a
# reboot, or in a container, ids come back soon. The caller knows that no server of migrator runs on the data.
def remove_stale_pid_file(home: Home) -> None:
    """Remove the file unless a PostgreSQL that somebody started by hand owns it: that is a DatabaseError."""
    pid_file = home.data / "postmaster.pid"
    try:
        pid, folder, *_ = pid_file.read_text(errors="replace").splitlines()
    except (FileNotFoundError, ValueError):
        return
    # The file may have come along when the project was copied or moved.
    is_ours = Path(folder).exists() and Path(folder).samefile(home.data)
    if is_ours and _is_postgres(pid.lstrip("-")):
        raise DatabaseError(
            f"A PostgreSQL that migrator did not start (process {pid}) runs on {home.data}.",
            hint=f"Stop that process. If it has nothing to do with the folder, delete {pid_file}.",
        )
    pid_file.unlink()


def _is_postgres(pid: str) -> bool:
    name, state = _name_and_state(pid)
    return Path(name).name == "postgres" and not state.startswith("Z")


def _name_and_state(pid: str) -> tuple[str, str]:
    """A process's program and state; empty for a process that does not exist."""
    if Path("/proc/self/stat").exists():
        try:
            before, _, after = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            return "", ""
        return before.partition("(")[2], after.strip()
    listed = subprocess.run(
        ["ps", "-o", "state=,comm=", "-p", pid], capture_output=True, text=True, check=False
    )
    state, _, name = listed.stdout.strip().partition(" ")
    return name.strip(), state


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

_children: dict[Path, Program] = {}


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
    child = _children.pop(home.folder, None)
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
        since = log.tell()
        _children[place.home.folder] = start_as(place.account, argv, output=log, pass_fds=(lock.fileno(),))
        return since


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
    child = _children.get(place.home.folder)
    if child is not None and child.poll() is None:
        child.send_signal(_SIGNALS[mode])
        return True
    # pg_ctl runs as the server's account: root must not signal whatever id that account has written down.
    argv = [place.program("pg_ctl"), "stop", "-D", str(place.home.data), "-m", mode, "-W"]
    with open_log(place.home) as log:
        return run_as(place.account, argv, output=log) == 0


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
