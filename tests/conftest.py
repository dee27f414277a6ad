"""Real databases, and the real entry point, for every test.

One embedded PostgreSQL serves all workers of a run. A test gets a database of its own, cloned from an empty
template, and runs `migrator` through its `main`, in this process, or as a process of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import hashlib
import io
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from migrator import secrets
from migrator.database.embedded import embedded_server, server_home
from migrator.database.embedded.binaries import wheel_binaries
from migrator.database.embedded.shared_use import EmbeddedServer, remove_server
from migrator.errors import DatabaseError
from tests.projects.small import versions, write_project, write_revision

ROOT = Path(__file__).resolve().parent.parent
# Distinctive, and with every character that URLs and shells trip over: looked for in all that is printed.
PASSWORD = "S3cr3t%40@/:#? pw"
# What a run has to have of memory to keep its databases there, in bytes; it uses about a tenth.
_ROOM = 2 * 1024**3
_SCRUBBED = ("ALEMBIC_", "POSTGRES_", "PG", "MIGRATOR_", "XDG_RUNTIME")


@dataclass(frozen=True)
class Ran:
    """What a command line did: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Database:
    """An empty PostgreSQL database of one test."""

    host: str
    port: int
    user: str
    password: str
    name: str

    @property
    def url(self) -> str:
        """The URL, without a driver."""
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{self.name}"

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """Give a connection in autocommit."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=self.name,
            autocommit=True,
        )

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement and give its rows."""
        with self.connect() as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def tables(self) -> list[str]:
        """Give the names of the tables, sorted."""
        rows = self.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return [str(row[0]) for row in rows]


def pytest_collection_finish() -> None:
    """Look for garbage among what tests make only, and less often: else it takes a fifth of the time."""
    gc.collect()
    # What has been imported and collected stays until the end.
    gc.freeze()
    gc.set_threshold(20_000)


@pytest.fixture(autouse=True)
def _clean_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own configuration reaches a test."""
    for name in list(os.environ):
        if name.startswith(_SCRUBBED) or name.endswith("DATABASE_URL") or name in ("CI", "NO_COLOR"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _loggers_stay() -> Iterator[None]:
    """What a foreign env.py does to all loggers with `fileConfig` ends with the test that runs it here."""
    yield
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            logger.disabled = False


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Ctrl-C reaches the processes of tests, also where this run was started in the background of a shell."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """The PostgreSQL of this test run; workers share it, and the last one stops it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder = _in_memory(shared)
    root = folder / "postgres"
    root.mkdir(parents=True, exist_ok=True)
    with _in_use(folder):
        with ExitStack() as stack:
            with _data_of_root_in(folder):
                running = stack.enter_context(embedded_server(root, durable=False))
            yield running
        with contextlib.suppress(DatabaseError), _data_of_root_in(folder):
            # Only the last worker can: the others find it in use.
            remove_server(root)
            if folder != shared:
                shutil.rmtree(folder)


def _in_memory(folder: Path) -> Path:
    """Give a folder in memory that stands for another, or that one itself where there is not enough memory.

    A new database is 300 new files: twenty times as quick there as on some disks.
    """
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < _ROOM:
        return folder
    mine = memory / f"migrator-tests-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"
    for left in memory.glob("migrator-tests-*/in_use"):
        if left.parent == mine:
            continue
        # Of a run that was killed, unless it can not be locked.
        with left.open("rb") as lock, contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left.parent, ignore_errors=True)
    return mine


@contextlib.contextmanager
def _in_use(folder: Path) -> Iterator[None]:
    """Say to other runs that a folder is in use, as long as this process lives."""
    with (folder / "in_use").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@contextlib.contextmanager
def _data_of_root_in(folder: Path) -> Iterator[None]:
    """Let the data of root's servers lie in a folder; everybody else's lie in the project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("migrator.database.embedded.server_home.ROOT_STATE", folder / "data")
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_data_of_root_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What root's servers keep for projects of a run, outside of them and 50 MB for each, ends with it."""
    yield
    if os.geteuid() != 0 or not server_home.ROOT_STATE.exists():
        return
    kept, major = set(server_home.ROOT_STATE.iterdir()), wheel_binaries().major
    for folder, _, _ in os.walk(tmp_path_factory.getbasetemp()):
        if server_home.home_of(Path(folder), major).folder.parent in kept:
            with contextlib.suppress(DatabaseError):
                remove_server(Path(folder))


@pytest.fixture(scope="session")
def administration(server: EmbeddedServer) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection of the superuser that creates and drops the databases of the tests."""
    database = Database(server.host, server.port, server.user, server.password, "postgres")
    with database.connect() as connection:
        yield connection


@pytest.fixture
def new_database(
    server: EmbeddedServer, administration: psycopg.Connection[tuple[object, ...]]
) -> Iterator[Callable[[], Database]]:
    """Makes empty databases, dropped after the test."""
    with _databases(server, administration) as make:
        yield make


@pytest.fixture(scope="module")
def module_database(
    server: EmbeddedServer, administration: psycopg.Connection[tuple[object, ...]]
) -> Iterator[Database]:
    """An empty PostgreSQL database for all tests of a module; each of them leaves it as it was."""
    with _databases(server, administration) as make:
        yield make()


@contextlib.contextmanager
def _databases(
    server: EmbeddedServer, administration: psycopg.Connection[tuple[object, ...]]
) -> Iterator[Callable[[], Database]]:
    made: list[str] = []

    def run(statement: str, name: str) -> None:
        administration.execute(sql.SQL(statement).format(sql.Identifier(name)))

    def make() -> Database:
        name = f"test_{uuid.uuid4().hex[:12]}"
        # Copying files is ten times as quick as writing them to the log, where nothing is synced.
        run("CREATE DATABASE {} TEMPLATE template0 STRATEGY FILE_COPY", name)
        made.append(name)
        return Database(server.host, server.port, server.user, server.password, name)

    yield make
    for name in made:
        run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


@pytest.fixture
def postgres_database(new_database: Callable[[], Database]) -> Database:
    """An empty PostgreSQL database."""
    return new_database()


@pytest.fixture
def migrator(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Runs a command line through `main`, in this process: `migrator("upgrade", cwd=project)`.

    What the run imports from a project, and what it adds to `sys.path`, is taken back.
    """

    def run(*args: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> Ran:
        from migrator.cli.main import main

        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch, _modules_restored(), _logging_restored():
            patch.chdir(cwd)
            patch.setattr(sys, "path", list(sys.path))
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(args)
        return Ran(code, out.getvalue(), err.getvalue())

    return run


@contextlib.contextmanager
def _modules_restored() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file is None or "site-packages" not in file:
            spec = getattr(sys.modules[name], "__spec__", None)
            origin = getattr(spec, "origin", None) or file or ""
            kept = (sys.base_prefix, str(ROOT / "migrator"))
            if not origin.startswith(kept) and origin != "built-in":
                del sys.modules[name]


@contextlib.contextmanager
def _logging_restored() -> Iterator[None]:
    """An env.py of Alembic's own templates configures logging for the rest of the process."""
    loggers = [logging.getLogger(name) for name in ("", "alembic", "sqlalchemy", "sqlalchemy.engine")]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.fixture
def shell() -> Callable[..., Ran]:
    """Runs a process: `shell(["migrator", "heads"], cwd=project)`, with the programs of this environment."""

    def run(
        command: Sequence[str],
        *,
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        timeout: float = 60,
    ) -> Ran:
        done = subprocess.run(
            program(command),
            cwd=cwd,
            env=process_variables(env),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def program(command: Sequence[str]) -> list[str]:
    """Give a command line with the programs of this virtual environment."""
    first = Path(sys.executable).parent / command[0]
    return [str(first) if first.exists() else command[0], *command[1:]]


def process_variables(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the variables for a process: this one's, with bytecode on, 80 columns, and those given."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "COLUMNS": "80", **(env or {})}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this repository's project: configs, migrations and examples, with spaces in its path."""
    root = tmp_path / "a project"
    for folder in ("configs", "migrations", "examples"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project of one environment, testing, without revisions."""
    return write_project(tmp_path / "a project")


@pytest.fixture
def one_revision(root: Path) -> Path:
    """The same project with one revision, `first`, that changes nothing."""
    write_revision(versions(root), "first")
    return root


@pytest.fixture
def no_secrets_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the passwords of earlier tests and runs, which would hide a leak."""
    forget_secrets(monkeypatch)


def forget_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the passwords that earlier runs have made known to the scrubber of outputs."""
    monkeypatch.setattr(secrets, "_plain", set())
    monkeypatch.setattr(secrets, "_guarded", set())


@pytest.fixture
def threads_left() -> Iterator[None]:
    """Fails where a test leaves a thread behind."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.fixture
def dump(server: EmbeddedServer) -> Callable[[str], str]:
    """Gives what pg_dump says of the schema of the database at a URL, less migrator's own and remarks."""

    def schema(url: str) -> str:
        ran = subprocess.run(
            [
                server.binaries.program("pg_dump"),
                "--schema-only",
                "--exclude-schema=_migrator",
                re.sub(r"^postgresql\+\w+:", "postgresql:", url),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        lines = ran.stdout.splitlines()
        return "\n".join(
            line for line in lines if line and not line.startswith(("--", "\\restrict", "\\unrestrict"))
        )

    return schema
