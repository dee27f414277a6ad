"""`status`: one answer about the databases of all environments, whatever is wrong with one of them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrator.database.embedded.server_home import ROOT_STATE
from migrator.database.embedded.server_place import place_of
from tests.conftest import Database, Ran, process_variables, program
from tests.projects.small import tree, versions, write_project, write_revision
from tests.terminal import COLUMNS, at_terminal

Migrator = Callable[..., Ran]
CLOSED = "postgresql://app:n0tToBeSeen@127.0.0.1:1/shop"


@pytest.fixture
def two(tmp_path: Path, new_database: Callable[[], Database]) -> tuple[Path, Database, Database]:
    """A project of testing and production, with a database and two revisions each."""
    root = write_project(tmp_path / "two environments", "test", "online")
    for suffix in ("test", "online"):
        write_revision(
            versions(root, suffix), f"{suffix}1", up=f'op.execute("CREATE TABLE {suffix}1 (id int)")'
        )
        write_revision(versions(root, suffix), f"{suffix}2", f"{suffix}1")
    testing, production = new_database(), new_database()
    name_databases(root, TESTING=testing.url, PRODUCTION=production.url)
    return root, testing, production


def name_databases(root: Path, **urls: str) -> None:
    (root / ".env").write_text("".join(f"{name}_DATABASE_URL='{url}'\n" for name, url in urls.items()))


def upgrade_both(migrator: Migrator, root: Path) -> None:
    for name in ("testing", "production"):
        ran = migrator("upgrade", "--env", name, cwd=root)
        assert ran.code == 0, ran.err


def asked(ran: Ran) -> dict[str, dict[str, Any]]:
    """The environments in the JSON of a run, by name."""
    document = json.loads(ran.out)
    assert document["status"] == ("success" if ran.code == 0 else "negative")
    assert document["exit_code"] == ran.code
    return {each["name"]: each for each in document["data"]["environments"]}


def states(ran: Ran) -> dict[str, str]:
    """The second column of each plain line, by the first."""
    return {line.split("\t")[0]: line.split("\t")[1] for line in ran.out.splitlines()}


def test_all_is_well_where_every_database_is_at_head(
    two: tuple[Path, Database, Database], migrator: Migrator
) -> None:
    root, testing, _ = two
    upgrade_both(migrator, root)

    ran = migrator("status", cwd=root)

    assert (ran.code, ran.err) == (0, "")
    assert states(ran) == {"production": "ok", "testing": "ok"}
    cells = ran.out.splitlines()[1].split("\t")
    where = f"{testing.user}@{testing.host}:{testing.port}/{testing.name}"
    assert cells[:9] == ["testing", "ok", where, "yes", "testing", "test2", "test2", "-", "-"]
    assert " upgrade test2 by " in cells[9]
    assert cells[9].endswith("s)")
    assert cells[10:] == ["-", "-"]


def test_json_has_the_same_facts_and_when_who_and_how_long_the_last_run_was(
    two: tuple[Path, Database, Database], migrator: Migrator
) -> None:
    root, *_ = two
    upgrade_both(migrator, root)

    found = asked(migrator("status", "--json", cwd=root))

    assert list(found) == ["production", "testing"]
    production = found["production"]
    assert (production["state"], production["reachable"], production["mark"]) == ("ok", True, "production")
    assert (production["current"], production["head"]) == (["online2"], ["online2"])
    assert (production["pending"], production["edited"], production["ahead"]) == ([], [], None)
    last = production["last_run"]
    assert (last["direction"], last["revision"], last["host"]) == ("upgrade", "online2", socket.gethostname())
    assert last["user_name"]
    assert last["duration_ms"] >= 0
    assert last["started_at"].endswith("+00:00")


def test_pending_revisions_are_the_answer_no_and_nothing_is_written(
    two: tuple[Path, Database, Database], migrator: Migrator
) -> None:
    root, testing, production = two
    assert migrator("upgrade", "test1", cwd=root).code == 0
    before = tree(root)

    ran = migrator("status", "--json", cwd=root)

    found = asked(ran)
    assert ran.code == 1
    assert (found["testing"]["state"], found["testing"]["pending"]) == ("pending", ["test2"])
    assert found["production"]["pending"] == ["online1", "online2"]
    assert (found["production"]["current"], found["production"]["mark"]) == ([], None)
    assert (tree(root), production.tables()) == (before, [])
    assert production.query("SELECT 1 FROM pg_namespace WHERE nspname = '_migrator'") == []
    assert testing.tables() == ["alembic_version", "test1"]


def test_a_database_that_is_down_does_not_hide_the_others(
    two: tuple[Path, Database, Database], migrator: Migrator
) -> None:
    root, testing, _ = two
    upgrade_both(migrator, root)
    name_databases(root, TESTING=testing.url, PRODUCTION=CLOSED)

    ran = migrator("status", "--json", cwd=root)

    found = asked(ran)
    assert ran.code == 1
    assert found["testing"]["state"] == "ok"
    down = found["production"]
    assert (down["state"], down["reachable"]) == ("unreachable", False)
    assert (down["database"], down["head"]) == ("app@127.0.0.1:1/shop", ["online2"])
    assert "Nothing listens there." in down["error"]
    assert "PRODUCTION_DATABASE_URL in .env" in down["hint"]
    assert "n0tToBeSeen" not in ran.out + ran.err


@pytest.mark.slow
def test_a_database_that_hangs_is_given_up_after_its_own_time(
    two: tuple[Path, Database, Database], migrator: Migrator, silent_port: int
) -> None:
    root, testing, _ = two
    upgrade_both(migrator, root)
    name_databases(
        root, TESTING=testing.url, PRODUCTION=f"postgresql://app:n0tToBeSeen@127.0.0.1:{silent_port}/shop"
    )

    began = time.monotonic()
    ran = migrator("status", "--timeout", "3s", cwd=root)

    assert time.monotonic() - began < 8
    assert ran.code == 1
    assert states(ran) == {"production": "unreachable", "testing": "ok"}
    assert "It did not answer in 3s." in ran.out
    assert "n0tToBeSeen" not in ran.out + ran.err


def test_environments_are_asked_at_the_same_time(
    tmp_path: Path, migrator: Migrator, silent_port: int
) -> None:
    suffixes = [f"e{number}" for number in range(5)]
    root = write_project(tmp_path / "five", *suffixes)
    for suffix in suffixes:
        write_revision(versions(root, suffix), f"of_{suffix}")
    url = f"postgresql://app@127.0.0.1:{silent_port}"
    name_databases(root, **{suffix.upper(): f"{url}/{suffix}" for suffix in suffixes})

    began = time.monotonic()
    ran = migrator("status", "--timeout", "2s", cwd=root)

    assert ran.code == 1
    assert set(states(ran).values()) == {"unreachable"}
    assert time.monotonic() - began < 8


@pytest.mark.slow
def test_an_environment_without_a_url_here_does_not_count(
    two: tuple[Path, Database, Database], migrator: Migrator
) -> None:
    root, testing, _ = two
    upgrade_both(migrator, root)
    name_databases(root, TESTING=testing.url)

    ran = migrator("status", cwd=root)

    assert ran.code == 0
    assert states(ran) == {"production": "not configured here", "testing": "ok"}
    named = migrator("status", "--env", "production", cwd=root)
    assert (named.code, named.out) == (3, "")
    assert "There is no database URL for the environment production" in named.err


@pytest.mark.slow
def test_a_shared_url_is_the_database_of_the_chosen_environment_alone(
    two: tuple[Path, Database, Database], migrator: Migrator
) -> None:
    root, _, production = two
    upgrade_both(migrator, root)
    (root / ".env").unlink()

    ran = migrator("status", cwd=root, env={"DATABASE_URL": production.url, "ALEMBIC_ENV": "production"})

    assert ran.code == 0, ran.out
    assert states(ran) == {"production": "ok", "testing": "not configured here"}
    assert "DATABASE_URL in the process's variables is not its own" in ran.out


@pytest.mark.slow
def test_one_that_is_named_is_asked_alone(two: tuple[Path, Database, Database], migrator: Migrator) -> None:
    root, testing, _ = two
    upgrade_both(migrator, root)
    name_databases(root, TESTING=testing.url, PRODUCTION=CLOSED)

    for named in (["--env", "test"], ["--config", "configs/alembic_test.ini"], ["--url", testing.url]):
        ran = migrator("status", "--json", *named, cwd=root)
        assert ran.code == 0, ran.out
        assert list(asked(ran)) == ["testing"]
        assert json.loads(ran.out)["environment"] == "testing"
    assert states(migrator("status", "--env", "prod", cwd=root)) == {"production": "unreachable"}


@pytest.mark.slow
def test_a_file_that_was_edited_after_it_had_been_applied_is_named(
    two: tuple[Path, Database, Database], migrator: Migrator
) -> None:
    root, *_ = two
    upgrade_both(migrator, root)
    file = versions(root) / "test1.py"
    file.write_text(f"# a comment\n{file.read_text()}")
    assert migrator("status", cwd=root).code == 0
    file.write_text(file.read_text().replace("(id int)", "(id bigint)"))

    ran = migrator("status", "--json", cwd=root)

    assert ran.code == 1
    testing = asked(ran)["testing"]
    assert (testing["state"], testing["edited"], testing["pending"]) == ("edited", ["test1"], [])
    assert asked(ran)["production"]["state"] == "ok"


@pytest.mark.slow
def test_a_database_that_is_ahead_of_this_checkout_is_neither_unknown_nor_wrong(
    two: tuple[Path, Database, Database], migrator: Migrator
) -> None:
    root, *_ = two
    upgrade_both(migrator, root)
    (versions(root) / "test2.py").unlink()

    ran = migrator("status", cwd=root)

    assert ran.code == 0
    assert states(ran)["testing"] == "ahead of this checkout by 1 revision"
    testing = asked(migrator("status", "--json", cwd=root))["testing"]
    assert (testing["state"], testing["ahead"]) == ("ahead", 1)
    assert (testing["current"], testing["head"], testing["pending"]) == (["test2"], ["test1"], [])


@pytest.mark.slow
def test_an_unknown_revision_is_wrong_and_its_cause_is_told(
    two: tuple[Path, Database, Database], migrator: Migrator
) -> None:
    root, testing, _ = two
    upgrade_both(migrator, root)
    testing.query("UPDATE alembic_version SET version_num = 'online2'")

    ran = migrator("status", "--json", cwd=root)

    found = asked(ran)["testing"]
    assert (ran.code, found["state"], found["reachable"]) == (1, "wrong", True)
    assert (found["current"], found["mark"]) == (["online2"], "testing")
    assert "Revision online2 belongs to environment production" in found["error"]


@pytest.mark.slow
def test_the_database_of_another_environment_is_wrong(
    two: tuple[Path, Database, Database], migrator: Migrator
) -> None:
    root, testing, production = two
    upgrade_both(migrator, root)

    ran = migrator("status", "--env", "testing", "--json", cwd=root, env={"TESTING_DATABASE_URL": CLOSED})
    assert asked(ran)["testing"]["state"] == "unreachable"
    ran = migrator("status", "--env", "testing", "--url", production.url, "--json", cwd=root)

    found = asked(ran)["testing"]
    assert (ran.code, found["state"], found["mark"]) == (1, "wrong", "production")
    assert "belongs to production, not to testing" in found["error"]
    assert "nothing was done" not in found["error"]
    assert testing.tables() == ["alembic_version", "test1"]


@pytest.mark.slow
def test_a_copy_of_a_database_is_wrong(two: tuple[Path, Database, Database], migrator: Migrator) -> None:
    root, *_ = two
    upgrade_both(migrator, root)
    _, _, production = two
    production.query("UPDATE _migrator.mark SET system_identifier = '1'")

    ran = migrator("status", cwd=root)

    assert ran.code == 1
    assert states(ran) == {"production": "wrong", "testing": "ok"}
    assert "is a copy of production" in ran.out


@pytest.mark.slow
def test_an_sqlite_file_that_is_not_there_is_pending_and_is_not_made(
    tmp_path: Path, migrator: Migrator
) -> None:
    root = write_project(tmp_path / "a project")
    write_revision(versions(root), "first")
    (root / "src").mkdir()
    before = tree(root)

    for driver in ("sqlite", "sqlite+aiosqlite"):
        ran = migrator("status", "--json", cwd=root / "src", env={"DATABASE_URL": f"{driver}:///shop.db"})

        found = asked(ran)["testing"]
        assert (ran.code, found["state"], found["pending"]) == (1, "pending", ["first"])
        assert (found["database"], found["reachable"]) == ("shop.db", False)
        assert (found["error"], found["notes"]) == (None, ["no database yet"])
        assert tree(root) == before

    assert migrator("upgrade", cwd=root, env={"DATABASE_URL": "sqlite:///shop.db"}).code == 0
    ran = migrator("status", cwd=root / "src", env={"DATABASE_URL": "sqlite:///shop.db"})
    assert states(ran) == {"testing": "ok"}


@pytest.mark.slow
def test_the_env_py_of_a_plain_alembic_project_makes_no_sqlite_file(
    tmp_path: Path, shell: Callable[..., Ran], migrator: Migrator
) -> None:
    root = tmp_path / "plain"
    root.mkdir()
    assert shell(["alembic", "init", "alembic"], cwd=root).code == 0
    ini = root / "alembic.ini"
    ini.write_text(ini.read_text().replace("driver://user:pass@localhost/dbname", "sqlite:///shop.db"))
    assert shell(["alembic", "revision", "--rev-id", "first", "-m", "one"], cwd=root).code == 0
    before = tree(root)

    ran = migrator("status", "-c", "alembic.ini", "--json", cwd=root)
    waited = migrator("wait", "-c", "alembic.ini", "--timeout", "0", "--json", cwd=root)

    (found,) = asked(ran).values()
    assert (ran.code, found["state"], found["pending"]) == (1, "pending", ["first"])
    assert (Path(found["database"]).name, found["reachable"]) == ("shop.db", False)
    assert (waited.code, json.loads(waited.out)["errors"][0]["type"]) == (6, "DatabaseError")
    assert tree(root) == before


@pytest.mark.slow
def test_embedded_environments_share_a_server_that_stops_again(tmp_path: Path, migrator: Migrator) -> None:
    root = write_project(tmp_path / "embedded", "test", "staging", settings="database = embedded")
    write_revision(versions(root, "test"), "first")
    state = place_of(root, durable=False).home.folder
    try:
        ran = migrator("status", "--timeout", "60s", cwd=root)
        assert migrator("wait", cwd=root).code == 0
        commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    finally:
        if state.parent.parent == ROOT_STATE:
            shutil.rmtree(state.parent, ignore_errors=True)

    assert (ran.code, states(ran)) == (1, {"staging": "ok", "testing": "pending"})
    assert [line for line in commands if str(state).encode() in line] == []


@pytest.mark.slow
def test_a_broken_ini_and_a_broken_env_py_are_wrong_and_do_not_hide_the_others(
    two: tuple[Path, Database, Database], migrator: Migrator
) -> None:
    root, *_ = two
    upgrade_both(migrator, root)
    (root / "configs" / "alembic_staging.ini").write_text("[alembic]\n[migrator]\nno_such_key = 1\n")
    (root / "migrations" / "env.py").write_text(
        'print("on stdout")\nfrom alembic import context\nfrom migrator.env import run_migrations\n'
        'if "online" in context.config.config_file_name:\n    raise RuntimeError("on purpose")\n'
        "run_migrations()\n"
    )

    ran = migrator("status", cwd=root)

    assert ran.code == 1
    assert states(ran) == {"production": "wrong", "staging": "wrong", "testing": "ok"}
    assert "no_such_key" in ran.out
    assert "env.py, line 5, failed: RuntimeError: on purpose" in ran.out
    assert "on stdout" not in ran.out


@pytest.mark.slow
def test_what_env_py_prints_stays_off_the_stdout_of_the_command(
    two: tuple[Path, Database, Database], shell: Callable[..., Ran], migrator: Migrator
) -> None:
    root, *_ = two
    upgrade_both(migrator, root)
    env_py = root / "migrations" / "env.py"
    env_py.write_text(f'import os\nprint("printed")\nos.system("echo by a program")\n{env_py.read_text()}')

    ran = shell(["migrator", "status", "--json"], cwd=root)

    assert ran.code == 0, ran.err
    assert "Traceback" not in ran.err
    assert set(asked(ran)) == {"production", "testing"}
    assert ran.err.count("printed") == 2
    assert ran.err.count("by a program") == 2


@pytest.mark.slow
def test_a_plain_alembic_project_is_asked_through_its_own_env_py(
    tmp_path: Path, postgres_database: Database, shell: Callable[..., Ran], migrator: Migrator
) -> None:
    root = tmp_path / "plain"
    root.mkdir()
    assert shell(["alembic", "init", "alembic"], cwd=root).code == 0
    url = postgres_database.url.replace("postgresql:", "postgresql+psycopg:")
    ini = root / "alembic.ini"
    ini.write_text(ini.read_text().replace("driver://user:pass@localhost/dbname", url.replace("%", "%%")))
    assert shell(["alembic", "revision", "--rev-id", "first", "-m", "one"], cwd=root).code == 0

    pending = migrator("status", "--config", "alembic.ini", "--json", cwd=root)
    (found,) = asked(pending).values()
    assert (pending.code, found["pending"], found["mark"]) == (1, ["first"], None)
    assert found["database"].endswith(f"/{postgres_database.name}")
    assert postgres_database.tables() == []

    assert shell(["alembic", "upgrade", "head"], cwd=root).code == 0
    assert migrator("status", "--config", "alembic.ini", cwd=root).code == 0
    assert postgres_database.password not in pending.out + pending.err


# Without a guard: what a process runs again of it shows in its output.
_UNGUARDED = """\
import multiprocessing, sys
from migrator.cli.main import main

print("begun", file=sys.stderr)
multiprocessing.set_start_method(sys.argv[1])
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_it_works_whatever_way_multiprocessing_starts_processes(
    method: str,
    two: tuple[Path, Database, Database],
    shell: Callable[..., Ran],
    migrator: Migrator,
    tmp_path: Path,
) -> None:
    root, testing, _ = two
    upgrade_both(migrator, root)
    name_databases(root, TESTING=testing.url, PRODUCTION=CLOSED)
    program_file = tmp_path / "unguarded.py"
    program_file.write_text(_UNGUARDED)
    program = [sys.executable, str(program_file), method]

    ran = shell([*program, "status", "--timeout", "30s"], cwd=root)

    assert ran.code == 1, ran.err
    assert states(ran) == {"production": "unreachable", "testing": "ok"}
    assert "n0tToBeSeen" not in ran.out + ran.err
    assert ran.err.count("begun") == 1
    waited = shell([*program, "wait", "--for", "head"], cwd=root)
    assert waited.code == 0, waited.err
    missing = ["wait", "--timeout", "0", "--url", "sqlite:////none/x"]
    assert shell([*program, *missing], cwd=root).code == 6


# A copy of this process would have its locks, but not the threads that would release them.
_CONNECTED = """\
import asyncio, sys, threading
import asyncpg
from migrator.cli.main import main

def hook(event, arguments):
    if event in ("os.fork", "os.forkpty"):
        print("forked", file=sys.stderr)

sys.addaudithook(hook)
threading.Thread(target=threading.Event().wait, daemon=True).start()

async def story():
    connection = await asyncpg.connect(sys.argv[1], ssl=False)
    assert await connection.fetchval("SELECT 1") == 1
    return main(["status"])

sys.exit(asyncio.run(story()))
"""


@pytest.mark.slow
def test_a_process_that_has_connected_and_has_threads_is_not_copied(
    two: tuple[Path, Database, Database], shell: Callable[..., Ran], migrator: Migrator
) -> None:
    root, testing, _ = two
    upgrade_both(migrator, root)

    ran = shell([sys.executable, "-c", _CONNECTED, testing.url], cwd=root)

    assert (ran.code, states(ran)) == (0, {"production": "ok", "testing": "ok"}), ran.err
    assert "forked" not in ran.err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_process_behind(
    two: tuple[Path, Database, Database], silent_port: int, number: signal.Signals
) -> None:
    root, *_ = two
    name_databases(root, PRODUCTION=f"postgresql://app@127.0.0.1:{silent_port}/shop")
    process = subprocess.Popen(
        program(["migrator", "status", "--timeout", "60s"]),
        cwd=root,
        env=process_variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    end = time.monotonic() + 30
    # The command, one process that asks, and the one that it is a copy of.
    while len(processes_in(root)) < 3:
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(0.3)

    # Ctrl-C reaches the whole group; a supervisor's signal only the process itself.
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    out, _ = process.communicate(timeout=20)

    assert (process.returncode, out) == (130 if number == signal.SIGINT else 143, b"")
    assert processes_in(root) == []


def processes_in(folder: Path) -> list[int]:
    """The processes whose current folder this is."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cwd"):
        # It may have ended, or belong to another user.
        with contextlib.suppress(OSError):
            if path.readlink() == folder.resolve():
                found.append(int(path.parent.name))
    return found


@pytest.mark.slow
def test_at_a_terminal_all_environments_are_one_table_that_fits(
    two: tuple[Path, Database, Database], migrator: Migrator
) -> None:
    root, testing, _ = two
    upgrade_both(migrator, root)
    write_revision(versions(root), "test3", "test2")
    (root / "configs" / "alembic_staging.ini").write_text(
        (root / "configs" / "alembic_test.ini").read_text().replace("/test/", "/staging/")
    )
    name_databases(root, TESTING=testing.url, PRODUCTION=CLOSED)

    shown = at_terminal(["migrator", "status"], root)

    assert shown.code == 1
    text = shown.text
    assert max(map(len, text.splitlines())) <= COLUMNS
    lines = [line.split() for line in text.splitlines()]
    assert ["production", "staging", "testing"] in lines
    assert ["state", "unreachable", "not", "configured", "here", "pending"] in lines
    assert ["pending", "-", "-", "1:", "test3"] in lines
    assert "Nothing listens there." in " ".join(text.split())
    assert testing.password not in text


def test_a_time_that_is_none_is_a_usage_error(migrator: Migrator, tmp_path: Path) -> None:
    root = write_project(tmp_path / "a project")

    ran = migrator("status", "--timeout", "soon", cwd=root)

    assert ran.code == 2
    assert "--timeout: 'soon' is not a duration" in ran.err
