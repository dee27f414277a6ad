"""`from migrator import Migrator`: the commands as methods and coroutines, on real databases."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import assert_type

import psycopg
import pytest
from sqlalchemy import make_url

from migrator import Migrator
from migrator.errors import (
    ConfigurationError,
    DatabaseError,
    ExitCode,
    InterruptedCommandError,
    MigratorError,
    RefusedError,
    RevisionsError,
    UsageError,
)
from migrator.results.environment_status import StatusList, Waited
from migrator.results.events import Connecting, Event, StepStarted
from migrator.results.judged import Checked
from migrator.results.revisions import Current
from migrator.results.run import RunPlan, RunResult
from migrator.results.run_errors import MigrationFailedError
from tests.conftest import PASSWORD, Database, Ran
from tests.processes import started
from tests.projects.small import versions, write_project
from tests.projects.steps import HELD, wait_in, write_step, write_steps
from tests.slow import first_is_fast


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """A project whose environments have two revisions each."""
    return write_steps(tmp_path / "a project", "aaa1", "bbb2")


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'steps.db'}"
    database: Database = request.getfixturevalue("postgres_database")
    return database.url


@pytest.fixture
def held(postgres_database: Database) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection with the lock that a waiting revision waits for."""
    with postgres_database.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (HELD,))
        yield connection


def test_the_methods_give_the_results_of_the_commands(steps: Path, tmp_path: Path) -> None:
    testing = Migrator(env="test", url=f"sqlite:///{tmp_path / 'steps.db'}", directory=steps)

    plan = assert_type(testing.upgrade(dry_run=True), RunPlan)
    done = assert_type(testing.upgrade("head"), RunResult)
    assert [step.revision for step in plan.steps] == ["aaa1", "bbb2"]
    assert ([step.revision for step in done.applied], done.before, done.after) == (
        ["aaa1", "bbb2"],
        (),
        ("bbb2",),
    )
    assert [step.revision for step in testing.downgrade().applied] == ["bbb2"]

    found = assert_type(testing.current(), Current)
    assert (found.heads, found.at_heads) == (("aaa1",), False)
    (status,) = assert_type(testing.status(timeout=30), StatusList).environments
    assert (status.name, status.state, status.pending) == ("testing", "pending", ("bbb2",))
    checked = assert_type(testing.check(), Checked)
    assert (checked.ok, checked.pending) == (False, ("bbb2",))
    waited = assert_type(testing.wait(timeout=0, goal="head"), Waited)
    assert (waited.reached, waited.pending) == (False, ("bbb2",))


@pytest.mark.slow
def test_the_coroutines_do_the_same(steps: Path, tmp_path: Path) -> None:
    testing = Migrator(env="testing", url=f"sqlite:///{tmp_path / 'steps.db'}", directory=steps)

    async def story() -> None:
        plan = assert_type(await testing.aupgrade(dry_run=True), RunPlan)
        assert [step.revision for step in plan.steps] == ["aaa1", "bbb2"]
        assert assert_type(await testing.aupgrade(), RunResult).after == ("bbb2",)
        found, status, waited, checked = await asyncio.gather(
            testing.acurrent(), testing.astatus(timeout=30), testing.await_(goal="head"), testing.acheck()
        )
        assert (found.at_heads, status.ok, waited.reached, checked.changes) == (True, True, True, ())
        assert (await testing.adowngrade("base")).after == ()

    asyncio.run(story())


@pytest.mark.slow
def test_two_coroutines_at_once_do_each_revision_once_and_both_succeed(steps: Path, url: str) -> None:
    testing = Migrator(env="testing", url=url, directory=steps)

    async def story() -> tuple[RunResult, RunResult]:
        return await asyncio.gather(testing.aupgrade(), testing.aupgrade())

    results = asyncio.run(story())

    applied = [[step.revision for step in result.applied] for result in results]
    # SQLite can be locked for one revision at a time only: the other one may come in between.
    assert sorted(revision for each in applied for revision in each) == ["aaa1", "bbb2"]
    assert url.startswith("sqlite") or [] in applied
    assert [result.after for result in results] == [("bbb2",), ("bbb2",)]


@pytest.mark.slow
def test_a_method_works_inside_of_a_running_event_loop(steps: Path, postgres_database: Database) -> None:
    testing = Migrator(env="testing", url=postgres_database.url, directory=steps)

    async def story() -> RunResult:
        return testing.upgrade()

    assert asyncio.run(story()).after == ("bbb2",)


def test_a_coroutine_leaves_the_event_loop_free_and_reports_in_it(
    steps: Path, postgres_database: Database, held: psycopg.Connection[tuple[object, ...]]
) -> None:
    wait_in(versions(steps), "ccc3", "bbb2")
    events: list[Event] = []
    threads: set[int] = set()

    def report(event: Event) -> None:
        events.append(event)
        threads.add(threading.get_ident())
        if isinstance(event, StepStarted) and event.revision == "ccc3":
            # Only a loop that is free comes here while the revision waits.
            held.execute("SELECT pg_advisory_unlock(%s)", (HELD,))

    testing = Migrator(env="testing", url=postgres_database.url, directory=steps, report=report)

    assert asyncio.run(testing.aupgrade()).after == ("ccc3",)
    assert threads == {threading.get_ident()}
    assert isinstance(events[0], Connecting)
    started = [event.revision for event in events if isinstance(event, StepStarted)]
    assert started == ["aaa1", "bbb2", "ccc3"]


def test_a_failed_revision_raises_with_what_was_applied(steps: Path, postgres_database: Database) -> None:
    write_step(versions(steps), "ccc3", "bbb2", 'op.execute("SELECT no_such_thing")')
    testing = Migrator(env="testing", url=postgres_database.url, directory=steps)

    with pytest.raises(MigrationFailedError) as raised:
        testing.upgrade()

    error = raised.value
    assert (error.exit_code, error.result.after) == (ExitCode.MIGRATION, ("bbb2",))
    assert [step.revision for step in error.result.applied] == ["aaa1", "bbb2"]
    assert error.result.failed is not None
    assert error.result.failed.statement == "SELECT no_such_thing"
    assert "ccc3.py, line 12" in error.hint
    # Where it came from is told too, from the other process.
    assert 'ccc3.py", line 12, in upgrade' in str(error.__cause__)


@pytest.mark.slow
def test_each_kind_of_error_has_its_type_and_no_password(tmp_path: Path, steps: Path) -> None:
    dead = f"postgresql://user:{'S3cr3tS3cr3t'}@127.0.0.1:1/nowhere"

    with pytest.raises(DatabaseError, match="cannot be used") as raised:
        Migrator(env="testing", url=make_url(dead), directory=steps).current()
    said = f"{raised.value} {raised.value.hint} {raised.value.__cause__}"
    assert "user@127.0.0.1:1/nowhere" in said
    assert "S3cr3tS3cr3t" not in said
    with pytest.raises(ConfigurationError, match=r"no environment prodution \(from the argument env\)"):
        Migrator(env="prodution", directory=steps).current()
    with pytest.raises(ConfigurationError, match=r"no configs/alembic_\*\.ini"):
        asyncio.run(Migrator(directory=tmp_path).acurrent())
    with pytest.raises(UsageError, match="cannot be given together"):
        Migrator(env="testing", config="alembic.ini", directory=steps).upgrade()
    with pytest.raises(RevisionsError, match="zzz9"):
        Migrator(env="testing", url="sqlite://", directory=steps).upgrade("zzz9")


@pytest.mark.parametrize("seconds", [-1, float("nan"), 1e300, True, "60s"])
def test_a_time_that_is_none_is_refused_before_anything_is_begun(seconds: float, steps: Path) -> None:
    testing = Migrator(env="testing", url="sqlite:///x.db", directory=steps)

    with pytest.raises(UsageError, match="lock_wait is a number of seconds"):
        testing.upgrade(lock_wait=seconds)
    with pytest.raises(UsageError, match="timeout is a number of seconds"):
        testing.wait(timeout=seconds)
    with pytest.raises(UsageError, match="goal 'heads' is not known"):
        testing.wait(goal="heads")  # type: ignore[arg-type]
    assert not (steps / "x.db").exists()


@pytest.mark.usefixtures("threads_left")
def test_what_is_of_another_kind_is_refused_and_leaves_nothing_behind(steps: Path, tmp_path: Path) -> None:
    class Text(str):
        """One that only this test knows: no other process can make one."""

    url = f"sqlite:///{tmp_path / 'x.db'}"
    testing = Migrator(env="testing", url=url, directory=steps)
    before = _of_process()["descriptors"]

    for options, said in (
        ({"target": 5}, "target is a text, not 5"),
        ({"tag": lambda: 1}, "tag is a text, not <function"),
        ({"backup": "no"}, "backup is True or False, not 'no'"),
        ({"allow_ahead": 1}, "allow_ahead is True or False"),
        ({"tag": Text("a")}, "cannot be handed to another process"),
    ):
        with pytest.raises(UsageError, match=said):
            testing.upgrade(**options)
    with pytest.raises(UsageError, match="cannot be handed to another process"):
        asyncio.run(testing.aupgrade(tag=Text("a")))
    with pytest.raises(UsageError, match="each of x is a text, not 1"):
        Migrator(env="testing", url=url, x=[1], directory=steps).current()  # type: ignore[list-item]

    assert _of_process()["descriptors"] == before
    assert not (tmp_path / "x.db").exists()


def test_a_large_request_leaves_the_event_loop_free(
    steps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is slow to read it, in place of Python."""
    read = tmp_path / "read"
    slow = tmp_path / "slow"
    slow.write_text(
        f"#!{sys.executable}\nimport pathlib, time\ntime.sleep(5)\npathlib.Path({str(read)!r}).touch()\n"
    )
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    for number in range(10):
        monkeypatch.setenv(f"LARGE_{number}", "x" * 100_000)

    async def story() -> None:
        current = asyncio.create_task(Migrator(directory=steps).acurrent())
        await asyncio.sleep(0)
        current.cancel()
        await current

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(story())
    assert not read.exists(), "the loop went on only when the process was at its end"


@pytest.mark.slow
def test_files_named_as_those_of_the_standard_library_are_in_nobodys_way(
    steps: Path, tmp_path: Path, shell: Callable[..., Ran]
) -> None:
    for name in ("types.py", "json.py", "logging.py"):
        (steps / name).write_text('raise AssertionError("this is not the standard library")\n')
    script = tmp_path / "elsewhere" / "script.py"
    script.parent.mkdir()
    script.write_text(
        "import sys\nfrom migrator import Migrator\n\n"
        "def after():\n    return Migrator(env='testing', url='sqlite:///x.db').upgrade('+1').after\n\n"
        "print(after())\nsys.path.insert(0, '')\nprint(after())\n"
    )
    ini = steps / "configs" / "alembic_test.ini"
    ini.write_text(ini.read_text().replace("prepend_sys_path", "# prepend_sys_path"))

    ran = shell(["python", str(script)], cwd=steps)

    assert (ran.code, ran.out) == (0, "('aaa1',)\n('bbb2',)\n"), ran.err


_UNGUARDED = """\
import multiprocessing, sys
from migrator import Migrator

print("begun")
multiprocessing.set_start_method(sys.argv[1])
print(Migrator(env="testing", url="sqlite:///x.db").upgrade().after)
print([each.state for each in Migrator(env="testing", url="sqlite:///x.db").status().environments])
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_script_needs_no_guard_whatever_way_multiprocessing_starts_processes(
    method: str, steps: Path, tmp_path: Path, shell: Callable[..., Ran]
) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(_UNGUARDED)

    ran = shell(["python", str(script), method], cwd=steps)

    assert (ran.code, ran.out) == (0, "begun\n('bbb2',)\n['ok']\n"), ran.err


def test_events_have_no_password(steps: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    file = versions(steps) / "aaa1.py"
    file.write_text(file.read_text().replace("message of", "as postgresql://me:S3cr3tS3cr3t@host/db for"))

    Migrator(
        env="testing", url=f"sqlite:///{tmp_path / 'x.db'}", directory=steps, report=events.append
    ).upgrade("aaa1")

    assert [each.message for each in events if isinstance(each, StepStarted)] == [
        "as postgresql://me:***@host/db for aaa1"
    ]
    assert "S3cr3t" not in str(events)


@pytest.mark.slow
def test_a_protected_environment_is_downgraded_only_by_its_name(
    steps: Path, postgres_database: Database
) -> None:
    production = Migrator(env="production", url=postgres_database.url, directory=steps)
    # A deploy, which nobody can be asked about, goes ahead.
    assert production.upgrade().after == ("bbb2",)
    before = postgres_database.tables()

    with pytest.raises(RefusedError, match="production is protected"):
        production.downgrade()
    with pytest.raises(RefusedError, match="prod is not the name"):
        asyncio.run(production.adowngrade(confirm="prod"))
    assert postgres_database.tables() == before
    assert production.downgrade("base", confirm="production").after == ()


_LOUD_ENV = """\
import logging, os, sys, warnings

print("printed by env.py")
print("printed to stderr", file=sys.stderr)
os.system("echo printed by a program")
warnings.warn("a warning of env.py")
logging.getLogger("theirs").warning("logged by env.py")
os.environ["LEFT_BY_ENV_PY"] = "1"
from migrator.env import run_migrations

run_migrations()
"""


@pytest.mark.usefixtures("threads_left")
def test_nothing_is_printed_and_nothing_of_the_process_is_changed(
    steps: Path,
    postgres_database: Database,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (steps / "migrations" / "env.py").write_text(_LOUD_ENV)
    # Chosen as for the command: by the variables of the process.
    monkeypatch.setenv("ALEMBIC_ENV", "testing")
    monkeypatch.setenv("TESTING_DATABASE_URL", postgres_database.url)
    before = _of_process()

    with caplog.at_level(logging.INFO, "migrator"):
        asyncio.run(Migrator(directory=steps).aupgrade())

    assert _of_process() == before
    assert capfd.readouterr() == ("", "")
    told = {(record.name, record.levelname, record.getMessage()) for record in caplog.records}
    assert told >= {
        ("migrator", "INFO", "printed by env.py"),
        ("migrator", "INFO", "printed to stderr"),
        ("migrator", "INFO", "printed by a program"),
        ("migrator", "WARNING", "a warning of env.py (UserWarning)"),
        ("migrator", "WARNING", "logged by env.py"),
    }


def _of_process() -> dict[str, object]:
    """Give what a call must leave as it was; pytest itself writes into one variable."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return {
        "variables": variables,
        "folder": Path.cwd(),
        "path": list(sys.path),
        "handlers": [signal.getsignal(number) for number in signal.valid_signals()],
        "streams": (sys.stdout, sys.stderr),
        "loggers": (logging.getLogger().level, list(logging.getLogger().handlers)),
        "shop": "shop" in sys.modules,
        "descriptors": len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0,
    }


def test_what_is_logged_is_shown_to_nobody_where_logging_is_not_set_up(
    steps: Path, shell: Callable[..., Ran]
) -> None:
    (steps / "migrations" / "env.py").write_text(_LOUD_ENV)
    program = "from migrator import Migrator; Migrator(env='testing', url='sqlite:///x.db').upgrade()"

    ran = shell(["python", "-c", program], cwd=steps)

    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_a_plain_project_is_reached_by_its_file_with_arguments_for_env_py(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "theirs" / "versions"
    folder.mkdir(parents=True)
    write_step(folder, "aaa1", None)
    (tmp_path / "alembic.ini").write_text("[theirs]\nscript_location = theirs\npath_separator = os\n")
    (folder.parent / "env.py").write_text(
        "import only_here\nfrom alembic import context\nfrom sqlalchemy import create_engine\n\n"
        'url = context.get_x_argument(as_dictionary=True)["url"]\n'
        "with create_engine(url).connect() as connection:\n"
        "    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n"
        "        context.run_migrations()\n"
    )
    # The other process finds what this one does.
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "only_here.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "lib")
    monkeypatch.chdir(tmp_path)
    theirs = Migrator(config=Path("alembic.ini"), name="theirs", x={"url": "sqlite:///here.db"})
    monkeypatch.chdir("/")

    assert theirs.upgrade().after == ("aaa1",)
    # As Alembic does it: relative to where one stands, which is where Migrator was made.
    with contextlib.closing(sqlite3.connect(tmp_path / "here.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("aaa1",)]


@pytest.mark.slow
def test_status_asks_all_environments_unless_one_is_named(
    steps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTING_DATABASE_URL", f"sqlite:///{tmp_path / 'x.db'}")

    found = Migrator(directory=steps).status()
    named = Migrator(env="testing", directory=steps).status()

    assert [(each.name, each.state) for each in found.environments] == [
        ("production", "not configured"),
        ("testing", "pending"),
    ]
    assert [each.name for each in named.environments] == ["testing"]


@pytest.mark.slow
def test_one_of_the_tenants_of_an_environment_is_named(tmp_path: Path, postgres_database: Database) -> None:
    root = write_project(tmp_path, settings="tenants = SELECT 'acme'")
    write_step(versions(root), "aaa1", None)
    postgres_database.query("CREATE SCHEMA acme")
    testing = Migrator(env="testing", url=postgres_database.url, directory=root)
    acme = Migrator(env="testing", url=postgres_database.url, directory=root, tenant="acme")

    with pytest.raises(UsageError, match="has tenants, and none was named"):
        testing.upgrade()
    assert acme.upgrade().after == ("aaa1",)
    assert postgres_database.query("SELECT version_num FROM acme.alembic_version") == [("aaa1",)]


@pytest.mark.slow
@pytest.mark.usefixtures("threads_left")
def test_a_cancelled_coroutine_has_rolled_back_before_it_ends(
    steps: Path, postgres_database: Database, held: psycopg.Connection[tuple[object, ...]]
) -> None:
    wait_in(versions(steps), "ccc3", "bbb2")
    testing = Migrator(env="testing", url=postgres_database.url, directory=steps)

    async def story() -> asyncio.CancelledError:
        upgrade = asyncio.create_task(testing.aupgrade())
        await _auntil(lambda: _waits_for(held))
        upgrade.cancel()
        try:
            await upgrade
        except asyncio.CancelledError as exc:
            # By now, and not some time later.
            assert not _waits_for(held)
            return exc
        raise AssertionError("it was not cancelled")

    cancelled = asyncio.run(story())

    assert "2 of 3 revisions are done; the database is at bbb2" in cancelled.__notes__[0]
    assert postgres_database.tables() == ["aaa1", "alembic_version", "bbb2"]
    assert _logged(postgres_database) == ["aaa1", "bbb2"]


def test_a_timeout_of_asyncio_cancels_it_too(
    steps: Path, postgres_database: Database, held: psycopg.Connection[tuple[object, ...]]
) -> None:
    wait_in(versions(steps), "aaa1", None)
    testing = Migrator(env="testing", url=postgres_database.url, directory=steps)

    async def story() -> None:
        upgrade = asyncio.create_task(testing.aupgrade())
        await _auntil(lambda: _waits_for(held))
        async with asyncio.timeout(0):
            await upgrade

    with pytest.raises(TimeoutError):
        asyncio.run(story())
    assert not _waits_for(held)
    assert postgres_database.tables() == []


def test_one_that_is_cancelled_before_it_has_begun_does_nothing(steps: Path, tmp_path: Path) -> None:
    testing = Migrator(env="testing", url=f"sqlite:///{tmp_path / 'x.db'}", directory=steps)

    async def story() -> None:
        upgrade = asyncio.create_task(testing.aupgrade())
        await asyncio.sleep(0)
        upgrade.cancel()
        await upgrade

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(story())
    assert not (tmp_path / "x.db").exists()


@pytest.mark.slow
def test_one_that_does_not_end_when_it_is_cancelled_is_killed(
    steps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrator.api.waiting_calls.GRACE", 0.5)
    pid, ended = tmp_path / "pid", tmp_path / "ended"
    (steps / "migrations" / "env.py").write_text(
        "import os, pathlib, signal, time\n\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\ntime.sleep(60)\n"
        f"pathlib.Path({str(ended)!r}).touch()\n"
    )
    testing = Migrator(env="testing", url=f"sqlite:///{tmp_path / 'x.db'}", directory=steps)

    async def story() -> None:
        upgrade = asyncio.create_task(testing.aupgrade())
        await _auntil(pid.exists)
        upgrade.cancel()
        # It comes to know of it in its next turn, and is not at its end by then.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        # As a task group does to a task that is at its end already.
        upgrade.cancel()
        await upgrade

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(story())
    assert not Path(f"/proc/{pid.read_text()}").exists()
    assert not ended.exists()


_SCRIPT = """\
import json, sys
from migrator import Migrator

Migrator(**json.loads(sys.argv[1])).upgrade()
"""


def _script(
    source: str, database: Database, steps: Path
) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    """Start a script, in a process group of its own."""
    arguments = json.dumps({"env": "testing", "url": database.url, "directory": str(steps)})
    return started(["python", "-c", source, arguments], Path.cwd(), {}, own_group=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), first_is_fast([(signal.SIGINT, -signal.SIGINT), (signal.SIGKILL, -signal.SIGKILL)])
)
def test_a_script_that_ends_in_the_middle_leaves_nothing_half_done(
    number: signal.Signals,
    code: int,
    steps: Path,
    postgres_database: Database,
    held: psycopg.Connection[tuple[object, ...]],
) -> None:
    wait_in(versions(steps), "ccc3", "bbb2")
    with _script(_SCRIPT, postgres_database, steps) as script:
        _until(lambda: _waits_for(held))
        # As Ctrl-C at a terminal does, to all that belongs to the script.
        os.killpg(script.pid, number)
        _, error = script.communicate(timeout=30)

    assert script.returncode == code
    if number == signal.SIGINT:
        assert error.rstrip().splitlines()[-2].startswith("KeyboardInterrupt")
        assert "2 of 3 revisions are done; the database is at bbb2" in error
        assert not _waits_for(held)
    # Nobody told the other process: it sees that it works for nobody any more.
    _until(lambda: _sessions(postgres_database) == 1)
    assert postgres_database.tables() == ["aaa1", "alembic_version", "bbb2"]
    assert _logged(postgres_database) == ["aaa1", "bbb2"]


_HANDLING = f"""\
import signal

signal.signal(signal.SIGINT, lambda *_: print("handled", flush=True))
{_SCRIPT}"""


@pytest.mark.slow
def test_a_script_that_handles_ctrl_c_itself_decides_what_becomes_of_the_work(
    steps: Path, postgres_database: Database, held: psycopg.Connection[tuple[object, ...]]
) -> None:
    wait_in(versions(steps), "ccc3", "bbb2")
    with _script(_HANDLING, postgres_database, steps) as script:
        _until(lambda: _waits_for(held))
        os.killpg(script.pid, signal.SIGINT)
        assert script.stdout is not None
        assert script.stdout.readline() == "handled\n"
        held.execute("SELECT pg_advisory_unlock(%s)", (HELD,))
        script.communicate(timeout=30)

    assert script.returncode == 0
    assert _logged(postgres_database) == ["aaa1", "bbb2", "ccc3"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "kind", "said"),
    first_is_fast(
        [
            (signal.SIGKILL, MigratorError, "ended by SIGKILL"),
            (signal.SIGTERM, InterruptedCommandError, "Interrupted"),
        ]
    ),
)
def test_the_end_of_the_process_that_works_is_an_error(
    number: signal.Signals, kind: type[MigratorError], said: str, steps: Path, tmp_path: Path
) -> None:
    (steps / "migrations" / "env.py").write_text(
        f"import os, signal, time\n\nos.kill(os.getpid(), {int(number)})\ntime.sleep(30)\n"
    )
    testing = Migrator(env="testing", url=f"sqlite:///{tmp_path / 'x.db'}", directory=steps)

    with pytest.raises(kind, match=said) as raised:
        testing.upgrade()

    assert type(raised.value) is kind


@pytest.mark.slow
def test_what_report_raises_stops_the_work_and_comes_through(
    steps: Path, postgres_database: Database, held: psycopg.Connection[tuple[object, ...]]
) -> None:
    wait_in(versions(steps), "ccc3", "bbb2")

    def report(event: Event) -> None:
        if isinstance(event, StepStarted) and event.revision == "ccc3":
            raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        Migrator(env="testing", url=postgres_database.url, directory=steps, report=report).upgrade()
    assert not _waits_for(held)
    assert postgres_database.tables() == ["aaa1", "alembic_version", "bbb2"]


def test_a_python_that_cannot_be_started_is_an_error(steps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")

    with pytest.raises(ConfigurationError, match="Python cannot be started as /no/such/python"):
        Migrator(env="testing", url="sqlite:///x.db", directory=steps).upgrade()


def test_a_url_is_not_shown() -> None:
    assert PASSWORD not in repr(Migrator(url=f"postgresql://user:{PASSWORD}@host/db"))


def _waits_for(held: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Whether a session waits for the lock that the test holds."""
    rows = held.execute(
        "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE datname = current_database() AND objid = %s AND NOT granted",
        (HELD,),
    ).fetchone()
    return rows is not None and rows[0] != 0


def _until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


async def _auntil(true: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.05)


def _sessions(database: Database) -> object:
    """Count the sessions of a database, but for the one that counts."""
    return database.query(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )[0][0]


def _logged(database: Database) -> list[object]:
    return [row[0] for row in database.query("SELECT revision FROM _migrator.log ORDER BY id")]
