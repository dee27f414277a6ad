"""One MariaDB for all workers of a test run: started by the first that needs it, removed with the last."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import pytest

from tests.conftest import PASSWORD, ROOT

_PRIVILEGES = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES"
# Of data that is thrown away nothing needs to survive a crash.
_OPTIONS = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--performance-schema=off",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=8M",
)


@dataclass(frozen=True)
class MariaServer:
    """A running server: its port on 127.0.0.1, and the socket where this machine's user is its root."""

    port: int
    socket: str

    def run(self, statements: str, database: str = "") -> list[tuple[str, ...]]:
        """Run statements as the server's root, and give their rows as the client prints them."""
        login = [_program("mariadb"), "--no-defaults", f"--socket={self.socket}", f"--user={_account()}"]
        done = subprocess.run(
            [*login, "--batch", "--skip-column-names", "--default-character-set=utf8mb4", database],
            input=statements,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]


@dataclass(frozen=True)
class MariaDatabase:
    """An empty MariaDB database of one test, and a user who may use that and nothing else."""

    server: MariaServer
    name: str
    user: str
    password: str

    def url(self, driver: str = "mysql", *, password: str | None = None, name: str | None = None) -> str:
        """Give the URL; `password` and `name` stand for those of the database."""
        written = quote(self.password if password is None else password, safe="")
        return f"{driver}://{self.user}:{written}@{self.address}/{name or self.name}"

    @property
    def address(self) -> str:
        """The host and the port."""
        return f"127.0.0.1:{self.server.port}"

    def query(self, statements: str) -> list[tuple[str, ...]]:
        """Run statements as the server's root, and give their rows."""
        return self.server.run(statements, self.name)

    def tables(self) -> list[str]:
        """Give the names of the tables, sorted."""
        return sorted(row[0] for row in self.query("SHOW TABLES"))


@pytest.fixture(scope="session")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaServer]:
    """The MariaDB of this test run; it ends with its last user. Without a MariaDB the test is skipped."""
    if not _program("mariadbd"):
        pytest.skip("MariaDB is not installed (mariadbd); as root on Debian, .ci/run installs it")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder = shared / "mariadb"
    folder.mkdir(exist_ok=True)
    with _locked(folder / "starting"):
        users = _in_use(folder)
        if not _ready(folder).exists():
            _start(folder)
    with users:
        yield MariaServer(**json.loads(_ready(folder).read_text()))


@pytest.fixture
def new_mariadb(mariadb_server: MariaServer) -> Iterator[Callable[[], MariaDatabase]]:
    """Makes empty MariaDB databases, each with a user of its own; both are dropped after the test."""
    made: list[str] = []

    def make() -> MariaDatabase:
        # The same name for both, and without _, which is a wildcard to GRANT.
        name = f"test{uuid.uuid4().hex[:12]}"
        made.append(name)
        user = f"'{name}'@'127.0.0.1'"
        mariadb_server.run(
            f"CREATE DATABASE {name}; CREATE USER {user} IDENTIFIED BY '{PASSWORD}';"
            f"GRANT {_PRIVILEGES} ON {name}.* TO {user};"
        )
        return MariaDatabase(mariadb_server, name, name, PASSWORD)

    yield make
    for name in made:
        mariadb_server.run(f"DROP USER IF EXISTS '{name}'@'127.0.0.1'; DROP DATABASE IF EXISTS {name}")


@pytest.fixture
def mariadb_database(new_mariadb: Callable[[], MariaDatabase]) -> MariaDatabase:
    """An empty MariaDB database."""
    return new_mariadb()


def _program(name: str) -> str:
    """Find a program, in the folders of root's programs too, which others do not have in their PATH."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"))
    return shutil.which(name, path=path) or ""


def _account() -> str:
    # By its number: the variables USER and LOGNAME may say anything.
    return pwd.getpwuid(os.geteuid()).pw_name


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _in_use(folder: Path) -> IO[str]:
    """Say that the server is used, until the file is closed or this process is gone, in whatever way."""
    users = (folder / "users").open("a")
    fcntl.flock(users, fcntl.LOCK_SH)
    return users


def _ready(folder: Path) -> Path:
    """Give the file that says how to reach the server; there is one as long as it runs."""
    return folder / "ready.json"


def _start(folder: Path) -> None:
    """Start the process that keeps the server; it outlives this one where other workers need it."""
    log = folder / "log"
    with log.open("w") as stream:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.mariadb", str(folder)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    _wait_for(lambda: _ready(folder).exists() or keeper.poll() is not None)
    assert _ready(folder).exists(), log.read_text()[-4000:]
    # It ends after this process, or after another one's tests: nobody here waits for it.
    keeper.returncode = 0


def _wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"MariaDB did not start within {seconds} seconds"
        time.sleep(0.02)


def _keep(folder: Path) -> None:
    """Run a server until nobody uses it, and remove its data."""
    # Not below pytest's folder, into which the server's user cannot look.
    data = Path(tempfile.mkdtemp(prefix="migrator-mariadb-"))
    try:
        with _server(data) as server, (folder / "users").open("a") as users:
            written = folder / "ready.new"
            written.write_text(json.dumps({"port": server.port, "socket": server.socket}))
            written.rename(_ready(folder))
            fcntl.flock(users, fcntl.LOCK_EX)
            _ready(folder).unlink()
    finally:
        shutil.rmtree(data)


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[MariaServer]:
    data, address, port = folder / "data", folder / "socket", _free_port()
    as_user = ["--user=mysql"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "mysql")
    subprocess.run(
        [
            *(_program("mariadb-install-db"), "--no-defaults", f"--datadir={data}", *as_user),
            *("--auth-root-authentication-method=socket", f"--auth-root-socket-user={_account()}"),
            *("--skip-test-db", *_OPTIONS),
        ],
        check=True,
    )
    process = subprocess.Popen(
        [
            *(_program("mariadbd"), "--no-defaults", f"--datadir={data}", *as_user),
            *(f"--socket={address}", f"--port={port}", f"--pid-file={folder / 'pid'}", *_OPTIONS),
        ]
    )
    try:
        _wait_for(lambda: _answers(address) or process.poll() is not None)
        assert process.poll() is None, "MariaDB ended at once"
        yield MariaServer(port, str(address))
    finally:
        # There is nothing to save: its data goes too.
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _answers(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(address)) == 0


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
