"""Scratch databases: what they hold, that they go away, and what spares a replay."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Connection, text

from migrator.bridge.env_py.session import Session
from migrator.bridge.revision_files.plan import PlannedStep, downgrade_plan, planned
from migrator.config.select import Choice, choose
from migrator.database.embedded import scratch_server
from migrator.database.embedded.postmaster import spread_over_disk
from migrator.database.embedded.shared_use import remove_server
from migrator.errors import ConfigurationError, RefusedError
from migrator.results.events import ignore
from migrator.scratch import Scratch, ScratchFailedError, scratch
from migrator.scratch.choose_store import connect
from tests.projects.small import INI, revision_text, versions, write_project
from tests.slow import first_is_fast

if TYPE_CHECKING:
    from tests.conftest import Database

# Each revision notes that it ran in a file outside of the project.
NOTE = "import os, pathlib\npathlib.Path(os.environ['MIGRATOR_TEST_NOTES']).open('a').write('{0}\\n')\n"
SCRATCH = "SELECT datname FROM pg_database WHERE datname LIKE 'migrator_%'"


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which revisions note that they ran."""
    path = tmp_path / "notes"
    path.touch()
    monkeypatch.setenv("MIGRATOR_TEST_NOTES", str(path))
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for one project after the other, whose scratch server goes on running: a start takes long."""
    home = tmp_path_factory.mktemp("home")
    with scratch_server(home):
        yield home
    remove_server(home)


@pytest.fixture
def shared_root(home: Path, notes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of three revisions, in the current folder, for which no database is configured."""
    with three_revisions(home, notes, monkeypatch):
        yield home
    for each in home.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    with on_server(home) as connection:
        for (name,) in connection.execute(SCRATCH).fetchall():
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(str(name))))


@pytest.fixture
def lone_root(tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same, with a server of its own that is not running."""
    with three_revisions(tmp_path / "project", notes, monkeypatch) as root:
        yield root
    remove_server(root)


@contextmanager
def three_revisions(root: Path, notes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Write the project and work in its folder."""
    assert notes.exists()
    write_project(root)
    for number in (1, 2, 3):
        write(root, number)
    with monkeypatch.context() as patch:
        patch.chdir(root)
        yield root


def write(root: Path, number: int, body: str = "") -> None:
    """Write a revision that notes that it ran and makes a table, or does what `body` says."""
    up = NOTE.format(f"r{number}") + (body or f'op.execute("CREATE TABLE t{number} (id int)")')
    down = f"r{number - 1}" if number > 1 else None
    file = versions(root) / f"r{number}.py"
    file.write_text(revision_text(f"r{number}", down, up, f'op.drop_table("t{number}")'))


def settings(root: Path, lines: str) -> None:
    """Write further keys into the section of the environment."""
    (root / "configs" / "alembic_test.ini").write_text(INI.format(suffix="test", settings=lines))


@contextmanager
def place(root: Path, *, fresh: bool = False, **choice: object) -> Iterator[Scratch]:
    """Have scratch databases for the project."""
    workspace = choose(Choice(cwd=root, **choice))  # type: ignore[arg-type]
    with scratch(workspace, ignore, fresh=fresh) as opened:
        yield opened


def replayed(root: Path, notes: Path, *targets: str, **options: object) -> list[str]:
    """Ask for a database at targets, and give the revisions that ran for it."""
    notes.write_text("")
    with place(root, **options) as opened, opened.at(*(targets or ("head",))):  # type: ignore[arg-type]
        pass
    return notes.read_text().split()


def tables(connection: Connection) -> list[str]:
    """Give the tables of a PostgreSQL database."""
    found = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"))
    return [str(name) for name in found.scalars()]


@contextmanager
def on_server(root: Path) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Connect to the project's own server."""
    with (
        scratch_server(root) as server,
        psycopg.connect(
            host=server.host, port=server.port, user=server.user, password=server.password, autocommit=True
        ) as connection,
    ):
        yield connection


def two_down(session: Session, heads: tuple[str, ...], _context: Any) -> Iterator[PlannedStep]:
    """Go back by two revisions."""
    yield from planned(downgrade_plan(session.scripts, "-2"), heads, session.workspace)


def databases(root: Path) -> list[str]:
    """Give the scratch databases and templates on the project's own server."""
    with on_server(root) as connection:
        return sorted(str(row[0]) for row in connection.execute(SCRATCH))


@pytest.mark.slow
def test_a_database_is_at_the_revision_that_was_asked_for_and_gone_afterwards(shared_root: Path) -> None:
    with place(shared_root) as opened:
        with opened.at("r2") as database:
            assert database.call(tables) == ["alembic_version", "t1", "t2"]
            database.upgrade("head")
            assert database.call(tables) == ["alembic_version", "t1", "t2", "t3"]
            database.walk(two_down)
            assert database.call(tables) == ["alembic_version", "t1"]
        with opened.at("base") as database:
            assert database.call(tables) == []

    assert [name for name in databases(shared_root) if not name.startswith("migrator_scratch_t_")] == []


def test_a_second_use_replays_nothing_and_an_appended_revision_only_itself(
    shared_root: Path, notes: Path
) -> None:
    assert replayed(shared_root, notes) == ["r1", "r2", "r3"]
    assert replayed(shared_root, notes) == []
    write(shared_root, 4)
    assert replayed(shared_root, notes) == ["r4"]
    assert replayed(shared_root, notes, fresh=True) == ["r1", "r2", "r3", "r4"]


def test_an_earlier_state_is_not_taken_from_a_later_one(shared_root: Path, notes: Path) -> None:
    replayed(shared_root, notes)

    assert replayed(shared_root, notes, "r2") == ["r1", "r2"]
    assert replayed(shared_root, notes, "r2") == []


@pytest.mark.parametrize(
    "part", first_is_fast(["version file", "env.py", "module", "data", "listing", "x", "key"])
)
def test_whatever_a_replay_depended_on_is_replayed_again_when_it_changes(
    part: str, shared_root: Path, notes: Path
) -> None:
    sys.modules.pop("shop_help", None)
    (shared_root / "shop_help.py").write_text("NAME = 't1'\n")
    (shared_root / "sql").mkdir()
    (shared_root / "sql" / "a.sql").write_text("SELECT 1")
    write(
        shared_root,
        1,
        "import shop_help\nfor each in sorted(pathlib.Path('sql').iterdir()):\n    each.read_text()\n"
        "op.execute(f'CREATE TABLE {shop_help.NAME} (id int)')",
    )
    assert replayed(shared_root, notes) == ["r1", "r2", "r3"]
    assert replayed(shared_root, notes) == []

    choice: dict[str, object] = {}
    if part == "version file":
        write(shared_root, 1, 'op.execute("CREATE TABLE t1 (id bigint)")')
    elif part == "env.py":
        (shared_root / "migrations" / "env.py").write_text(
            (shared_root / "migrations" / "env.py").read_text() + "# changed\n"
        )
    elif part == "module":
        (shared_root / "shop_help.py").write_text("NAME = 't1'  # changed\n")
    elif part == "data":
        (shared_root / "sql" / "a.sql").write_text("SELECT 2")
    elif part == "listing":
        (shared_root / "sql" / "b.sql").write_text("SELECT 2")
    elif part == "x":
        choice["x"] = ("a=b",)
    else:
        settings(shared_root, "retries = 3")

    assert replayed(shared_root, notes, **choice) == ["r1", "r2", "r3"]


@pytest.mark.slow
def test_of_the_templates_the_newest_are_kept(shared_root: Path, notes: Path) -> None:
    settings(shared_root, "scratch_keep = 2")
    for number in (4, 5, 6):
        replayed(shared_root, notes)
        write(shared_root, number)

    kept = [name for name in databases(shared_root) if name.startswith("migrator_scratch_t_")]
    assert len(kept) == 2
    assert replayed(shared_root, notes, "r5") == []


def test_nothing_is_kept_where_that_is_what_the_key_says(shared_root: Path, notes: Path) -> None:
    settings(shared_root, "scratch_keep = 0")
    replayed(shared_root, notes)

    assert databases(shared_root) == []


def _stay(root: Path, ready: str) -> None:
    with place(root) as opened, opened.empty():
        Path(ready).touch()
        signal.pause()


@pytest.mark.slow
def test_what_a_killed_process_left_is_swept_at_the_next_start(shared_root: Path, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with scratch_server(shared_root):
        process = multiprocessing.get_context("spawn").Process(target=_stay, args=(shared_root, str(ready)))
        process.start()
        while not ready.exists():
            assert process.is_alive()
            process.join(0.05)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        assert len(databases(shared_root)) == 1

        with place(shared_root):
            assert databases(shared_root) == []


def _replay(root: Path) -> int:
    with place(root) as opened, opened.at("head") as database:
        return len(database.call(tables))


@pytest.mark.slow
def test_several_processes_at_once_each_get_a_database_of_their_own(shared_root: Path) -> None:
    with scratch_server(shared_root), multiprocessing.get_context("spawn").Pool(4) as pool:
        assert pool.map(_replay, [shared_root] * 4) == [4, 4, 4, 4]

    assert len(databases(shared_root)) == 1


@pytest.mark.parametrize("driver", first_is_fast(["postgresql+asyncpg", "postgresql+psycopg", "creator"]))
def test_an_env_py_that_connects_elsewhere_is_refused_before_its_first_statement(
    driver: str, shared_root: Path, postgres_database: Database
) -> None:
    url = postgres_database.url
    named = f"create_engine({url.replace('postgresql', 'postgresql+psycopg')!r})"
    if driver == "creator":
        named = f"create_engine('postgresql+psycopg://', creator=lambda: psycopg.connect({url!r}))"
    elif driver == "postgresql+asyncpg":
        named = f"create_async_engine({url.replace('postgresql', driver)!r}).sync_engine"
    (shared_root / "migrations" / "env.py").write_text(
        "import psycopg\nfrom alembic import context\nfrom sqlalchemy import create_engine, text\n"
        "from sqlalchemy.ext.asyncio import create_async_engine\nfrom sqlalchemy.util import greenlet_spawn\n"
        "import asyncio\n\n\ndef work():\n"
        f"    with {named}.connect() as connection:\n"
        "        connection.execute(text('CREATE TABLE harm (id int)'))\n        connection.commit()\n"
        "        context.configure(connection=connection)\n"
        "        with context.begin_transaction():\n            context.run_migrations()\n\n\n"
        "async def spawn():\n    await greenlet_spawn(work)\n\n\n"
        + ("asyncio.run(spawn())\n" if "asyncpg" in driver else "work()\n")
    )

    with place(shared_root) as opened, pytest.raises(RefusedError) as refused, opened.at("head"):
        pass

    assert postgres_database.name in refused.value.message
    assert postgres_database.password not in refused.value.message
    assert postgres_database.tables() == []


def test_a_connection_that_a_pool_has_held_since_before_is_refused_too(
    shared_root: Path, postgres_database: Database
) -> None:
    url = postgres_database.url.replace("postgresql:", "postgresql+psycopg:")
    name = f"shop_pool_{postgres_database.name}"
    (shared_root / f"{name}.py").write_text(
        f"from sqlalchemy import create_engine\n\nengine = create_engine({url!r})\nengine.connect().close()\n"
    )
    (shared_root / "migrations" / "env.py").write_text(
        f"from alembic import context\nfrom sqlalchemy import text\nfrom {name} import engine\n\n"
        "with engine.connect() as connection:\n"
        "    connection.execute(text('CREATE TABLE harm (id int)'))\n    connection.commit()\n"
        "    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )
    sys.path.insert(0, str(shared_root))
    try:
        module = importlib.import_module(name)
    finally:
        sys.path.remove(str(shared_root))

    with place(shared_root) as opened, pytest.raises(RefusedError), opened.at("head"):
        pass

    module.engine.dispose()
    assert postgres_database.tables() == []


def test_an_sqlite_file_of_its_own_is_refused_and_not_made(shared_root: Path, tmp_path: Path) -> None:
    file = tmp_path / "real.db"
    (shared_root / "migrations" / "env.py").write_text(
        "from alembic import context\nfrom sqlalchemy import create_engine\n\n"
        f"with create_engine('sqlite:///{file}').connect() as connection:\n"
        "    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )

    with (
        place(shared_root, url="sqlite:///elsewhere.db") as opened,
        pytest.raises(RefusedError, match=r"real\.db"),
        opened.at("head"),
    ):
        pass

    assert not file.exists()


def test_a_revision_that_fails_is_named_with_its_statement(shared_root: Path) -> None:
    write(shared_root, 3, 'op.execute("DROP TABLE nowhere")')

    with place(shared_root) as opened, pytest.raises(ScratchFailedError) as failed, opened.at("head"):
        pass

    assert failed.value.step is not None
    assert failed.value.step.revision == "r3"
    assert "DROP TABLE nowhere" in failed.value.message
    assert "r3.py, line" in failed.value.hint


def test_a_missing_extension_is_named(shared_root: Path) -> None:
    write(shared_root, 3, 'op.execute("CREATE EXTENSION pg_trgm")')

    with place(shared_root) as opened, pytest.raises(ScratchFailedError, match="pg_trgm") as failed:  # noqa: SIM117
        with opened.at("head"):
            pass

    assert "scratch = system" in failed.value.hint


def test_a_role_that_is_granted_something_is_made_on_the_own_server(shared_root: Path) -> None:
    write(shared_root, 3, 'op.execute("GRANT SELECT ON t1 TO readers_of_nothing")')

    with place(shared_root) as opened, opened.at("head") as database:
        assert "t1" in database.call(tables)


def test_steps_that_a_missing_role_rolled_back_are_counted_once(shared_root: Path) -> None:
    settings(shared_root, "transaction = run")
    write(shared_root, 3, 'op.execute("GRANT SELECT ON t1 TO readers_of_something_else")')

    with place(shared_root) as opened, opened.empty() as database:
        assert [step.revision for step in database.upgrade("head")] == ["r1", "r2", "r3"]


def test_on_another_server_databases_are_made_and_taken_away_and_no_roles(
    shared_root: Path, notes: Path, new_database: Callable[[], Database]
) -> None:
    server = new_database()
    settings(shared_root, f"scratch_url = {server.url}\nscratch_keep = 0")

    assert replayed(shared_root, notes) == ["r1", "r2", "r3"]
    write(shared_root, 3, 'op.execute("GRANT SELECT ON t1 TO readers_of_nothing_at_all")')
    with place(shared_root) as opened, pytest.raises(ScratchFailedError) as failed, opened.at("head"):
        pass

    assert "readers_of_nothing_at_all" in failed.value.message
    assert server.password not in failed.value.message + failed.value.hint
    # Other tests have theirs on the same server; the name tells whose a database is.
    left = server.query(f"SELECT datname FROM pg_database WHERE datname LIKE 'migrator%_{os.getpid()}_%'")
    assert left == []


def test_a_scratch_server_of_another_kind_is_a_wrong_configuration(
    shared_root: Path, postgres_database: Database
) -> None:
    settings(shared_root, f"scratch_url = {postgres_database.url}")

    with pytest.raises(ConfigurationError, match="scratch_url"), place(shared_root, url="sqlite:///a.db"):
        pass


@pytest.mark.slow
@pytest.mark.skipif(
    not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")),
    reason="PostgreSQL is not installed (/usr/lib/postgresql); as root on Debian, .ci/run installs it",
)
def test_an_installed_postgresql_serves_where_that_is_wanted(lone_root: Path, notes: Path) -> None:
    settings(lone_root, "scratch = system")

    assert replayed(lone_root, notes) == ["r1", "r2", "r3"]
    assert replayed(lone_root, notes) == []


def test_sqlite_has_its_states_in_files(shared_root: Path, notes: Path) -> None:
    url = "sqlite:///real.db"

    assert replayed(shared_root, notes, url=url) == ["r1", "r2", "r3"]
    assert replayed(shared_root, notes, url=url) == []
    write(shared_root, 4)
    assert replayed(shared_root, notes, url=url) == ["r4"]
    assert not (shared_root / "real.db").exists()


def test_a_template_is_read_without_a_copy_and_stays_as_it_is(shared_root: Path, notes: Path) -> None:
    replayed(shared_root, notes)
    before = databases(shared_root)

    with place(shared_root) as opened, opened.reading("head") as database:
        assert database.is_template
        assert len(database.call(tables)) == 4
        assert databases(shared_root) == before
    with place(shared_root) as opened, opened.reading("r2") as database:
        assert not database.is_template

    assert replayed(shared_root, notes) == []


def test_an_env_py_that_does_something_by_itself_gets_a_copy(shared_root: Path, notes: Path) -> None:
    env_py = shared_root / "migrations" / "env.py"
    env_py.write_text(f"{env_py.read_text()}\nprint('by itself')\n")
    replayed(shared_root, notes)

    with place(shared_root) as opened, opened.reading("head") as database:
        assert not database.is_template


@pytest.mark.slow
def test_a_template_that_somebody_reads_is_not_copied_but_made_again(shared_root: Path, notes: Path) -> None:
    replayed(shared_root, notes)
    notes.write_text("")

    with place(shared_root) as reader, reader.reading("head") as template:
        held = connect(template.url)
        with place(shared_root) as opened, opened.at("head") as database:
            assert len(database.call(tables)) == 4
        held.close()

    assert notes.read_text().split() == ["r1", "r2", "r3"]


@pytest.mark.parametrize(
    ("body", "undone"),
    first_is_fast(
        [
            ('op.execute("CREATE TABLE t4 (id int)")', True),
            ("pass", True),
            ('with op.get_context().autocommit_block():\n    op.execute("CREATE TABLE t4 (id int)")', False),
            ('op.execute("CREATE TABLE t4 (id int)")\nop.get_bind().connection.commit()', False),
            (
                'with op.get_bind().engine.begin() as c:\n    c.exec_driver_sql("CREATE TABLE t4 (id int)")',
                False,
            ),
        ]
    ),
    ids=["ordinary", "nothing", "autocommit", "by the driver", "on a connection of its own"],
)
def test_a_revision_is_tried_out_and_the_template_stays_as_it_is(
    shared_root: Path, notes: Path, body: str, undone: bool
) -> None:
    replayed(shared_root, notes)
    write(shared_root, 4, body)
    steps: list[str] = []

    with place(shared_root) as opened, opened.reading("r3") as database:
        assert database.is_template
        done = database.try_out("r4", lambda _connection, step: steps.append(str(step)))

    assert (done, len(steps)) == (undone, 1)
    with place(shared_root) as opened, opened.at("r3") as database:
        assert database.call(tables) == ["alembic_version", "t1", "t2", "t3"]


def try_out_again(root: Path) -> list[bool]:
    """Try revision r4 out twice, on the template of what is below it."""
    done = []
    for _time in range(2):
        with place(root) as opened, opened.reading("r3") as database:
            assert database.is_template
            done.append(database.try_out("r4", lambda _connection, _step: None))
    return done


@pytest.mark.parametrize(
    "body",
    first_is_fast(
        [
            'op.execute("INSERT INTO t3 DEFAULT VALUES")',
            "op.execute(\"SELECT setval('t3_id_seq', 9)\")",
            'op.execute("DO $$ BEGIN INSERT INTO t3 DEFAULT VALUES; END $$")',
            'try:\n    op.execute("INSERT INTO t3 DEFAULT VALUES")\nexcept Exception:\n    pass',
        ]
    ),
    ids=["insert", "setval", "block", "errors caught"],
)
def test_what_may_ask_a_sequence_is_not_tried_out_on_a_template(
    shared_root: Path, notes: Path, body: str
) -> None:
    write(shared_root, 3, 'op.execute("CREATE TABLE t3 (id serial)")')
    replayed(shared_root, notes)
    write(shared_root, 4, body)

    assert try_out_again(shared_root) == [False, False]

    with place(shared_root) as opened, opened.at("r3") as database:
        state = text("SELECT last_value, is_called FROM t3_id_seq")
        assert database.call(lambda connection: tuple(connection.execute(state).one())) == (1, False)


def test_a_revision_is_undone_when_it_began_again_for_a_missing_role(shared_root: Path, notes: Path) -> None:
    replayed(shared_root, notes)
    write(
        shared_root,
        4,
        'op.execute("CREATE TABLE t4 (id int)")\nop.execute("GRANT SELECT ON t4 TO readers_of_t4")',
    )

    assert try_out_again(shared_root) == [True, True]
    with place(shared_root) as opened, opened.at("r3") as database:
        assert database.call(tables) == ["alembic_version", "t1", "t2", "t3"]


def test_new_databases_are_spread_over_a_disk_that_can_do_so(home: Path) -> None:
    with on_server(home) as connection:
        (folder,) = connection.execute("SHOW data_directory").fetchone() or ("",)
    probe = Path(str(folder)).parent / "probe"
    probe.mkdir()
    try:
        if subprocess.run(["chattr", "+T", probe], capture_output=True, check=False).returncode:
            pytest.skip("this file system spreads no folders")
    finally:
        probe.rmdir()

    said = subprocess.run(
        ["lsattr", "-d", f"{folder}/base"], capture_output=True, text=True, check=True
    ).stdout

    assert "T" in said.split()[0]
    spread_over_disk(home / "nowhere")


@pytest.mark.slow
def test_after_the_machine_was_started_anew_the_server_begins_empty(
    lone_root: Path, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replayed(lone_root, notes)
    notes.write_text("")
    # The machine itself cannot be started anew in a test.
    monkeypatch.setattr("migrator.database.embedded.server_home.boot_id", lambda: "another start")

    assert replayed(lone_root, notes) == ["r1", "r2", "r3"]
    assert replayed(lone_root, notes) == []
