"""One command for many tenants: schemas of one database, or databases of their own."""

from __future__ import annotations

import io
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from migrator.database.connecting.second_connection import HeldSeconds, SecondConnection
from migrator.database.embedded.shared_use import remove_server
from tests.conftest import PASSWORD, Database, Ran
from tests.faults.least import ALL_GRANTS, make_least, started
from tests.faults.least import drop as drop_least
from tests.projects.fleet import QUERY, Fleet, heads, make_fleet
from tests.projects.small import tree, versions, write_revision
from tests.proxy import counting_proxy
from tests.slow import first_is_fast
from tests.terminal import at_terminal

FOREIGN_ENV_PY = """\
import asyncio
from alembic import context
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

schema = context.get_x_argument(as_dictionary=True).get("tenant", "public")


def work(connection):
    if KNOWS_TENANTS:
        connection.execute(text(f'SET search_path TO "{schema}"'))
        connection.commit()
        connection.dialect.default_schema_name = schema
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def go():
    engine = create_async_engine(context.config.get_main_option("sqlalchemy.url"))
    async with engine.connect() as connection:
        await connection.run_sync(work)
    await engine.dispose()


asyncio.run(go())
"""


@pytest.fixture
def fleet(tmp_path: Path, postgres_database: Database, migrator: Callable[..., Ran]) -> Fleet:
    """Three tenants at base, whose history has two revisions."""
    fleet = make_fleet(tmp_path / "a fleet", postgres_database, migrator)
    fleet.add("acme", "globex", "initech")
    return fleet


def upgrade(*args: str) -> tuple[str, ...]:
    return ("upgrade", "--env", "testing", "--tenants", "all", *args)


@pytest.mark.slow
def test_every_schema_is_upgraded_by_itself(fleet: Fleet) -> None:
    ran = fleet.run(*upgrade())

    assert ran.out.splitlines() == [
        "acme: done: base -> r2, 2 revisions",
        "globex: done: base -> r2, 2 revisions",
        "initech: done: base -> r2, 2 revisions",
        "3 tenants: 3 done",
    ]
    assert "3/3  " in ran.err
    assert fleet.heads() == {"acme": "r2", "globex": "r2", "initech": "r2"}
    logged = fleet.database.query("SELECT version_table, revision FROM _migrator.log ORDER BY 1, 2")
    assert logged == [
        (f"{name}.alembic_version", revision)
        for name in ("acme", "globex", "initech")
        for revision in ("r1", "r2")
    ]
    assert fleet.database.query("SELECT environment FROM _migrator.mark") == [("testing",)]
    indexes = fleet.database.query("SELECT indexdef FROM pg_indexes WHERE tablename = 'log'")
    assert any("(version_table, id)" in str(row[0]) for row in indexes)
    # Nothing was made where the tenants are listed.
    assert fleet.database.tables() == ["tenants"]


def test_running_it_again_does_what_is_left(fleet: Fleet) -> None:
    fleet.run(*upgrade("r1"))
    fleet.run("upgrade", "--env", "testing", "--tenants", "globex")

    assert fleet.outcomes(*upgrade()) == {"acme": "done", "globex": "nothing to do", "initech": "done"}


@pytest.mark.slow
def test_many_that_begin_at_once_share_one_mark(fleet: Fleet) -> None:
    fleet.add(*(f"more{number}" for number in range(9)))

    fleet.run(*upgrade("--jobs", "6"))

    assert fleet.database.query("SELECT environment FROM _migrator.mark") == [("testing",)]
    assert fleet.database.query("SELECT count(*) FROM _migrator.log") == [(24,)]


@pytest.mark.slow
@pytest.mark.parametrize("lock", ["op.execute({})", "op.get_bind().exec_driver_sql({})"])
def test_nothing_of_a_session_goes_from_tenant_to_tenant(lock: str, fleet: Fleet) -> None:
    body = f"""\
op.execute("CREATE TABLE seen AS SELECT session_user::text AS who, current_setting('work_mem') AS memory")
op.execute("SET work_mem = '77MB'")
op.execute("SET SESSION AUTHORIZATION pg_monitor")
op.execute("PREPARE asked AS SELECT 1")
op.execute("CREATE TEMP TABLE left_behind (id integer)")
op.execute("RESET SESSION AUTHORIZATION")
{lock.format('"SELECT pg_advisory_lock(4712)"')}"""
    write_revision(versions(fleet.root), "r3", "r2", body)

    fleet.run(*upgrade("--jobs", "1"))

    rows = [fleet.database.query(f"SELECT who, memory FROM {name}.seen")[0] for name in fleet.heads()]
    assert rows == [("postgres", "4MB")] * 3


def connections(fleet: Fleet, command: str, *names: str) -> int:
    """Count those that one worker makes for some tenants."""
    with counting_proxy(fleet.database.host, fleet.database.port) as proxy:
        url = fleet.url.replace(f":{fleet.database.port}/", f":{proxy.port}/")
        chosen = [word for name in names for word in ("--tenants", name)]
        ran = fleet.migrator(
            command, "--jobs", "1", *chosen, cwd=fleet.root, env={"TESTING_DATABASE_URL": url}
        )
        assert ran.code == 0, ran.err
    return len(proxy.trips_of_each)


@pytest.mark.slow
def test_a_worker_that_only_reads_connects_once(fleet: Fleet) -> None:
    fleet.run(*upgrade())

    assert connections(fleet, "current", "acme", "globex", "initech") == connections(fleet, "current", "acme")


@pytest.mark.slow
def test_a_worker_keeps_a_connection_on_which_nothing_but_statements_was_run(fleet: Fleet) -> None:
    once = connections(fleet, "upgrade", "acme")
    assert connections(fleet, "upgrade", "globex", "initech") == once

    write_revision(versions(fleet.root), "r3", "r2", "op.get_bind()")

    assert connections(fleet, "upgrade", "acme", "globex", "initech") == once + 2


def test_a_connection_to_one_database_is_not_taken_for_one_to_another(
    new_database: Callable[[], Database],
) -> None:
    first, second = new_database(), new_database()
    seconds = HeldSeconds()

    def connected(database: Database) -> SecondConnection:
        engine = create_engine(database.url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
        connection = seconds.connect(database.name, engine, lambda _connection: None)
        assert connection is not None
        return connection

    one, other = connected(first), connected(second)
    other.close()
    one.close()

    again = connected(second)
    name = again.call(lambda c: c.exec_driver_sql("SELECT current_database()").scalar())
    again.close()
    seconds.close()
    assert name == second.name


@pytest.mark.slow
def test_a_connection_that_was_lost_meanwhile_is_made_again(fleet: Fleet) -> None:
    fleet.database.query(f"ALTER DATABASE {fleet.database.name} SET idle_session_timeout = '100ms'")
    # While it runs, the connection for reading is idle.
    write_revision(versions(fleet.root), "r3", "r2", 'op.execute("SELECT pg_sleep(0.4)")')

    fleet.run(*upgrade("--jobs", "1"))


def test_without_a_name_nothing_is_done(fleet: Fleet) -> None:
    ran = fleet.run("upgrade", code=2)

    assert "has tenants, and none was named" in ran.err
    assert "Give --tenants all" in ran.err
    assert fleet.heads() == {}
    assert fleet.run("current", code=2).out == ""


@pytest.mark.parametrize(
    "command",
    [
        ["ensure-version"],
        ["reset-versions", "--upgrade"],
        ["history", "-i"],
        ["wait", "--for", "head"],
        ["status", "--env", "testing"],
        ["log"],
    ],
)
def test_no_command_takes_the_place_where_tenants_live_for_one_of_them(
    command: list[str], fleet: Fleet
) -> None:
    before = tree(fleet.root)

    assert "has tenants, and none was named" in fleet.run(*command, code=2).err
    assert fleet.database.tables() == ["tenants"]
    assert tree(fleet.root) == before


def test_that_the_database_answers_can_be_waited_for(fleet: Fleet) -> None:
    fleet.run("wait", "--timeout", "10s")


def test_the_status_of_all_environments_says_how_to_ask_for_tenants(fleet: Fleet) -> None:
    assert "migrator status --tenants all --env testing" in fleet.run("status").out


@pytest.mark.slow
def test_names_globs_and_files_choose(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("globex\n")

    chosen = fleet.outcomes(
        "upgrade", "--env", "testing", "--tenants", "init*", "--tenants", f"file:{tmp_path / 'list'}"
    )

    assert list(chosen) == ["globex", "initech"]
    assert sorted(fleet.heads()) == ["globex", "initech"]


def test_a_mistyped_name_is_no_success(fleet: Fleet) -> None:
    ran = fleet.run("upgrade", "--env", "testing", "--tenants", "acne", code=2)

    assert "No tenant of testing matches acne" in ran.err
    assert "acme, globex, initech" in ran.err


@pytest.mark.slow
def test_the_list_may_come_through_standard_input(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.settings("tenants = file:-")
    monkeypatch.setattr("sys.stdin", io.StringIO("acme\n\n# not this one\ninitech\n"))

    assert list(fleet.outcomes(*upgrade())) == ["acme", "initech"]


@pytest.mark.slow
def test_a_file_alone_says_who_the_tenants_are(fleet: Fleet, tmp_path: Path) -> None:
    fleet.settings()
    (tmp_path / "list").write_text("acme\n")

    assert "names no tenants" in fleet.run(*upgrade(), code=3).err
    assert fleet.outcomes("upgrade", "--env", "testing", "--tenants", f"file:{tmp_path / 'list'}") == {
        "acme": "done"
    }


def test_without_tenants_there_is_nothing_to_do(fleet: Fleet) -> None:
    fleet.database.query("DELETE FROM tenants")

    assert fleet.run(*upgrade()).out == "0 tenants: none\n"


def test_a_query_that_fails_or_writes_is_told_with_its_file(fleet: Fleet) -> None:
    fleet.settings("tenants = SELECT nothing FROM nowhere")
    ran = fleet.run(*upgrade(), code=3)
    assert "nowhere" in ran.err
    assert "configs/alembic_test.ini" in ran.err
    fleet.settings("tenants = SELECT")
    assert "it gives no column" in fleet.run(*upgrade(), code=3).err

    fleet.settings("tenants = WITH gone AS (DELETE FROM public.tenants RETURNING name) SELECT name FROM gone")
    assert "read-only" in fleet.run(*upgrade(), code=3).err
    assert fleet.database.query("SELECT count(*) FROM tenants") == [(3,)]


def broken(fleet: Fleet, name: str = "acme") -> None:
    """Break a tenant by hand: what the first revision makes is there already."""
    fleet.database.query(f"CREATE SEQUENCE {name}.one")


@pytest.mark.slow
def test_a_failure_is_named_and_the_others_go_on(fleet: Fleet) -> None:
    broken(fleet, "globex")

    ran = fleet.run(*upgrade(), code=7)

    lines = ran.out.splitlines()
    assert lines[0] == "acme: done: base -> r2, 2 revisions"
    assert lines[1].startswith("globex: failed (7): The upgrade of revision r1")
    assert any("--tenants globex" in line for line in lines)
    assert "    statement: CREATE TABLE one (id integer)" in lines
    assert lines[-1] == "3 tenants: 2 done, 1 failed"
    assert fleet.heads() == {"acme": "r2", "initech": "r2"}


@pytest.mark.slow
def test_failing_fast_skips_what_was_not_begun(fleet: Fleet) -> None:
    broken(fleet)

    found = fleet.answers(*upgrade("--fail-fast", "--jobs", "1"), code=7)

    assert [each["outcome"] for each in found.values()] == ["failed", "skipped", "skipped"]
    assert found["initech"]["error"] == "acme failed"
    assert found["acme"]["result"]["failed"]["statement"].startswith("CREATE TABLE one")


@pytest.mark.slow
def test_protected_environments_fail_fast(fleet: Fleet) -> None:
    fleet.settings(QUERY, "protected = true")
    broken(fleet)

    assert fleet.outcomes(*upgrade("--jobs", "1"), code=7)["globex"] == "skipped"
    assert fleet.outcomes(*upgrade("--keep-going"), code=7)["globex"] == "done"


@pytest.mark.slow
def test_canaries_go_first(fleet: Fleet) -> None:
    broken(fleet)

    found = fleet.outcomes(*upgrade("--canary", "1"), code=7)

    assert found == {"acme": "failed", "globex": "skipped", "initech": "skipped"}
    fleet.database.query("DROP SEQUENCE acme.one")
    assert set(fleet.outcomes(*upgrade("--canary", "1")).values()) == {"done"}


@pytest.mark.slow
def test_failures_that_are_not_alike_have_a_code_of_their_own(fleet: Fleet) -> None:
    fleet.database.query("INSERT INTO tenants VALUES ('nowhere')")
    ran = fleet.run(*upgrade(), code=6)
    assert "has no schema nowhere" in ran.out
    assert "CREATE SCHEMA nowhere" in ran.out

    fleet.database.query("DROP TABLE globex.one; DELETE FROM globex.alembic_version")
    broken(fleet, "globex")
    assert fleet.outcomes(*upgrade(), code=7)["nowhere"] == "failed"


@pytest.mark.slow
def test_the_embedded_server_is_started_once(fleet: Fleet) -> None:
    fleet.settings("tenants = VALUES ('public')", "database = embedded")
    try:
        ran = fleet.migrator(*upgrade(), cwd=fleet.root, env={})
        written = fleet.migrator("generate", "-m", "x", cwd=fleet.root, env={})
    finally:
        remove_server(fleet.root)

    assert ran.out.splitlines()[0] == "public: done: base -> r2, 2 revisions"
    for each in (ran, written):
        assert each.err.count("| from database = embedded") == 1


@pytest.mark.slow
def test_names_of_every_kind(fleet: Fleet) -> None:
    names = ('we"ird', "Upper Case", "50%", "it's", "a.b", "naïve", "select")
    fleet.add(*names)

    fleet.run(*upgrade())

    assert set(names) <= set(fleet.heads())


@pytest.mark.slow
def test_the_parts_of_all_make_the_whole(fleet: Fleet) -> None:
    parts = [set(fleet.outcomes(*upgrade("--shard", f"{index}/2"))) for index in range(2)]

    assert parts[0] | parts[1] == {"acme", "globex", "initech"}
    assert not parts[0] & parts[1]
    assert len(fleet.heads()) == 3


@pytest.mark.slow
def test_a_dry_run_shows_each_plan_and_does_nothing(fleet: Fleet) -> None:
    fleet.run("upgrade", "r1", "--env", "testing", "--tenants", "acme")

    ran = fleet.run(*upgrade("--dry-run"))

    assert ran.out.splitlines()[:2] == [
        "acme: planned: upgrade from r1: r2",
        "globex: planned: upgrade from base: r1, r2",
    ]
    assert fleet.heads() == {"acme": "r1"}


@pytest.mark.slow
def test_commands_that_read_say_what_each_one_is(fleet: Fleet) -> None:
    fleet.run(*upgrade())
    fleet.run("downgrade", "-1", "--env", "testing", "--tenants", "globex")
    all_of_them = ("--env", "testing", "--tenants", "all")

    assert set(fleet.outcomes("current", *all_of_them).values()) == {"read"}
    checked = fleet.outcomes("current", "--check-heads", *all_of_them, code=1)
    assert checked == {"acme": "yes", "globex": "no", "initech": "yes"}
    status = fleet.answers("status", *all_of_them, code=1)
    assert [each["result"]["environments"][0]["state"] for each in status.values()] == ["ok", "pending", "ok"]
    log = fleet.answers("log", "--limit", "1", *all_of_them)
    newest = [each["result"]["entries"][0] for each in log.values()]
    assert [(each["direction"], each["version_table"]) for each in newest] == [
        ("upgrade", "acme.alembic_version"),
        ("downgrade", "globex.alembic_version"),
        ("upgrade", "initech.alembic_version"),
    ]


@pytest.mark.slow
def test_models_are_compared_with_each_schema(fleet: Fleet, tmp_path: Path) -> None:
    package = f"fleet_models_{tmp_path.parent.name.replace('-', '_')}_{tmp_path.name}"
    (fleet.root / f"{package}.py").write_text(
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
        "sa.Table('one', metadata, sa.Column('id', sa.Integer), sa.Column('name', sa.Text))\n"
    )
    fleet.settings(QUERY, f"models = {package}", "scratch_url = sqlite:///of_another_kind.db")
    fleet.run(*upgrade())
    fleet.database.query("ALTER TABLE globex.one ADD COLUMN by_hand integer")

    found = fleet.answers("check", "--env", "testing", "--tenants", "all", code=1)

    assert {name: each["outcome"] for name, each in found.items()} == {
        "acme": "yes",
        "globex": "no",
        "initech": "yes",
    }
    assert [each["text"] for each in found["globex"]["result"]["changes"]] == ["drop column one.by_hand"]


@pytest.mark.slow
def test_stamp_sets_each_version_table(fleet: Fleet) -> None:
    fleet.run("stamp", "r1", "--env", "testing", "--tenants", "all")

    assert fleet.heads() == {"acme": "r1", "globex": "r1", "initech": "r1"}


@pytest.mark.slow
def test_the_catalogue_of_each_schema_is_compared_with_the_replayed_history(
    fleet: Fleet, tmp_path: Path, new_database: Callable[[], Database]
) -> None:
    package = f"fleet_history_{tmp_path.parent.name.replace('-', '_')}_{tmp_path.name}"
    (fleet.root / f"{package}.py").write_text(
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
        "sa.Table('one', metadata, sa.Column('id', sa.Integer), sa.Column('name', sa.Text))\n"
    )
    scratch = new_database().url.replace("postgresql:", "postgresql+asyncpg:")
    fleet.settings(QUERY, f"models = {package}", f"scratch_url = {scratch}", "scratch_keep = 0")
    check = ("check", "--env", "testing", "--tenants", "all")
    fleet.run(*upgrade())

    assert set(fleet.outcomes(*check, "--against", "history").values()) == {"yes"}
    assert set(fleet.outcomes(*check).values()) == {"yes"}
    fleet.database.query("CREATE VIEW globex.by_hand AS SELECT id FROM globex.one")
    found = fleet.answers(*check, code=1)
    assert [each["name"] for each in found["globex"]["result"]["drift"]] == ["globex.by_hand"]
    assert found["acme"]["result"]["compared"] == ["models", "edited files", "history"]
    assert found["acme"]["outcome"] == "yes"


@pytest.mark.slow
def test_a_revision_is_written_from_the_first_tenant(fleet: Fleet, tmp_path: Path) -> None:
    package = f"fleet_written_{tmp_path.parent.name.replace('-', '_')}_{tmp_path.name}"
    (fleet.root / f"{package}.py").write_text(
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
        "sa.Table('one', metadata, sa.Column('id', sa.Integer), sa.Column('name', sa.Text))\n"
        "sa.Table('two', metadata, sa.Column('id', sa.Integer))\n"
    )
    fleet.settings(QUERY, f"models = {package}")
    fleet.run(*upgrade())

    ran = fleet.run("generate", "-m", "two", "--rev-id", "r3")

    assert "the tenant acme stands for all" in ran.err
    (written,) = [path for path in versions(fleet.root).iterdir() if "r3" in path.name]
    assert "schema" not in written.read_text()
    fleet.run(*upgrade())
    assert set(fleet.heads().values()) == {"r3"}


@pytest.mark.slow
def test_an_edited_file_can_be_accepted_for_all(fleet: Fleet) -> None:
    fleet.run(*upgrade())
    file = versions(fleet.root) / "r1.py"
    file.write_text(file.read_text().replace("(id integer)", "(id bigint)"))
    fleet.settings(QUERY, "protected = true")

    ran = fleet.run(*upgrade("--keep-going"), code=4)

    assert "migrator mark --accept r1 --env testing --tenants acme" in ran.out
    accept = ("mark", "--accept", "r1", "--env", "testing", "--tenants", "all")
    assert set(fleet.outcomes(*accept).values()) == {"done"}
    assert set(fleet.outcomes(*upgrade()).values()) == {"nothing to do"}
    assert set(fleet.outcomes(*accept).values()) == {"nothing to do"}


@pytest.mark.slow
def test_marks_of_all_databases_are_set_with_one_confirmation(
    fleet: Fleet, new_database: Callable[[], Database]
) -> None:
    databases = [new_database(), new_database()]
    fleet.settings("tenants = file:tenants.txt")
    urls = [each.url.replace("postgresql:", "postgresql+asyncpg:") for each in databases]
    (fleet.root / "tenants.txt").write_text("\n".join(urls))
    fleet.run(*upgrade())
    for each in databases:
        each.query("UPDATE _migrator.mark SET database = 'where_it_was_copied_from'")

    ran = fleet.run(*upgrade(), code=4)

    assert f"migrator mark --confirm testing --env testing --tenants {databases[0].name}" in ran.out
    mark = ("mark", "--env", "testing", "--tenants", "all")
    fleet.run(*mark, "--confirm", databases[0].name, code=4)
    assert set(fleet.outcomes(*mark, "--confirm", "testing").values()) == {"done"}
    fleet.run(*upgrade())


@pytest.mark.slow
def test_tenants_of_one_database_that_are_marked_at_once_share_the_mark(fleet: Fleet) -> None:
    fleet.add(*(f"more{number}" for number in range(5)))
    fleet.run(*upgrade())
    fleet.database.query("UPDATE _migrator.mark SET database = 'where_it_was_copied_from'")

    mark = ("mark", "--env", "testing", "--tenants", "all", "--jobs", "4", "--confirm", "testing")

    assert set(fleet.outcomes(*mark).values()) <= {"done", "nothing to do"}
    assert fleet.database.query("SELECT database FROM _migrator.mark") == [(fleet.database.name,)]
    assert set(fleet.outcomes(*upgrade()).values()) == {"nothing to do"}


@pytest.mark.slow
def test_plain_alembic_needs_a_tenant_too_and_goes_to_it(fleet: Fleet, shell: Callable[..., Ran]) -> None:
    env = {"TESTING_DATABASE_URL": fleet.url}

    def alembic(*args: str) -> Ran:
        return shell(["alembic", "-c", "configs/alembic_test.ini", *args], cwd=fleet.root, env=env)

    assert "has tenants, and none was named" in alembic("upgrade", "head").out
    assert fleet.database.tables() == ["tenants"]
    assert alembic("-x", "tenant=globex", "upgrade", "head").code == 0
    assert fleet.heads() == {"globex": "r2"}


@pytest.mark.slow
def test_one_confirmation_is_for_all(fleet: Fleet) -> None:
    fleet.run(*upgrade())
    fleet.settings(QUERY, "protected = true")
    down = ("downgrade", "base", "--env", "testing", "--tenants", "all")

    assert "not confirmed to downgrade 3 tenants" in fleet.run(*down, code=4).err
    assert len(fleet.heads()) == 3
    fleet.run(*down, "--confirm", "testing")
    assert fleet.heads() == {}


@pytest.mark.slow
def test_at_a_terminal_it_is_asked_once_and_shows_how_far_it_is(fleet: Fleet) -> None:
    fleet.settings(QUERY, "protected = true")
    env = {"TESTING_DATABASE_URL": fleet.url}

    no = at_terminal(["migrator", *upgrade()], fleet.root, env, answer=("[y/N]", "n\n"))
    assert (no.code, fleet.heads()) == (4, {})
    assert "Upgrade 3 tenants of testing" in no.text

    yes = at_terminal(["migrator", *upgrade("--jobs", "1")], fleet.root, env, answer=("[y/N]", "y\n"))
    assert yes.code == 0
    assert "1/3 tenants" in yes.text
    assert "slowest acme" in yes.text
    assert yes.text.count("[y/N]") == 1


@pytest.mark.slow
def test_each_database_of_a_template_is_a_tenant(fleet: Fleet, new_database: Callable[[], Database]) -> None:
    databases = [new_database(), new_database()]
    url = fleet.url.replace(fleet.database.name, "{tenant}")
    fleet.settings("tenants = file:tenants.txt", f"tenant_url = {url}")
    (fleet.root / "tenants.txt").write_text("\n".join(each.name for each in databases))

    # The environment itself needs no database.
    ran = fleet.migrator(*upgrade(), "--json", cwd=fleet.root, env={})

    assert ran.code == 0, ran.err
    assert "2 databases" in ran.err
    found = {each["tenant"]: each["outcome"] for each in json.loads(ran.out)["data"]["tenants"]}
    assert found == {each.name: "done" for each in databases}
    for each in databases:
        assert heads(each) == {"public": "r2"}
        assert each.query("SELECT environment, database FROM _migrator.mark") == [("testing", each.name)]
    assert fleet.database.tables() == ["tenants"]


@pytest.mark.slow
def test_the_password_of_a_tenants_url_is_never_shown(fleet: Fleet) -> None:
    least = make_least(fleet.database, *ALL_GRANTS)
    url = least.variables("asyncpg")["DATABASE_URL"]
    try:
        fleet.settings("tenants = file:tenants.txt")
        (fleet.root / "tenants.txt").write_text(f"{url}\n{url.replace(fleet.database.name, 'nowhere')}\n")
        (versions(fleet.root) / "r1.py").write_text(f"raise RuntimeError({url!r})\n")
        for options in (["--traceback"], ["--json"], ["--json-lines"], ["--echo"]):
            ran = fleet.migrator(*upgrade(), *options, cwd=fleet.root, env={})
            assert ran.code != 0
            for secret in (least.password, url):
                assert secret not in ran.out + ran.err
        (fleet.root / "tenants.txt").write_text(url.partition("://")[2])
        ran = fleet.migrator(*upgrade("--json"), cwd=fleet.root, env={"TESTING_DATABASE_URL": fleet.url})
        assert ran.code == 3
        for secret in (least.password, quote(least.password, safe="")):
            assert secret not in ran.out + ran.err
    finally:
        drop_least(least)
    assert PASSWORD[:6] in least.password


def test_files_of_sqlite_are_tenants_too(fleet: Fleet) -> None:
    fleet.settings("tenants = file:tenants.txt", "tenant_url = sqlite:///{tenant}.db")
    (fleet.root / "tenants.txt").write_text("acme\nglobex\n")

    assert fleet.outcomes(*upgrade()) == {"acme": "done", "globex": "done"}
    assert sorted(path.name for path in fleet.root.glob("*.db")) == ["acme.db", "globex.db"]


def test_a_file_without_names_is_no_success(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("# nobody\n")

    assert "names no tenant" in fleet.run("upgrade", "--tenants", f"file:{tmp_path / 'list'}", code=2).err


@pytest.mark.slow
def test_where_an_error_came_from_is_shown_where_that_is_asked_for(fleet: Fleet) -> None:
    (fleet.root / "migrations" / "env.py").write_text("def odd():\n    raise KeyError(5)\n\n\nodd()\n")

    assert "in odd" not in fleet.run(*upgrade(), code=3).out
    assert "in odd" in fleet.run(*upgrade(), "--traceback", code=3).out


def foreign(fleet: Fleet, *, knows_tenants: bool) -> None:
    """Give the project an env.py that knows nothing of migrator."""
    text = FOREIGN_ENV_PY.replace("KNOWS_TENANTS", str(knows_tenants))
    (fleet.root / "migrations" / "env.py").write_text(text)


@pytest.mark.slow
def test_an_env_py_that_takes_the_tenant_from_x_serves(fleet: Fleet) -> None:
    foreign(fleet, knows_tenants=True)

    fleet.run(*upgrade())

    assert fleet.heads() == {"acme": "r2", "globex": "r2", "initech": "r2"}


def test_an_env_py_that_knows_no_tenants_is_refused(fleet: Fleet) -> None:
    foreign(fleet, knows_tenants=False)

    ran = fleet.run(*upgrade(), code=4)

    assert "works on the schema public, not on that of the tenant acme" in ran.out
    assert "get_x_argument" in ran.out
    assert fleet.database.tables() == ["tenants"]


@pytest.mark.slow
def test_json_lines_come_as_each_one_ends_and_the_document_is_the_last(fleet: Fleet) -> None:
    broken(fleet)

    lines = [json.loads(line) for line in fleet.run(*upgrade("--json-lines"), code=7).out.splitlines()]

    assert sorted(each["tenant"] for each in lines[:-1]) == ["acme", "globex", "initech"]
    assert lines[-1]["exit_code"] == 7
    assert sorted(lines[-1]["data"]["tenants"], key=str) == sorted(lines[:-1], key=str)


@pytest.mark.parametrize(
    "options",
    [
        ["--jobs", "2"],
        ["--fail-fast"],
        ["--keep-going"],
        ["--canary", "1"],
        ["--shard", "0/2"],
        ["--json-lines"],
        ["--executor", "local"],
    ],
)
def test_the_options_of_fleets_need_tenants(options: list[str], fleet: Fleet) -> None:
    assert f"{options[0]} needs --tenants" in fleet.run("upgrade", *options, code=2).err


@pytest.mark.parametrize(
    "options",
    [
        ["--executor", "threads"],
        ["--executor", "dask"],
        ["--scheduler", "tcp://127.0.0.1:1"],
        ["--shard", "2/2"],
        ["--jobs", "0"],
        ["--sql"],
        ["--echo"],
    ],
)
def test_options_that_do_not_go_together(options: list[str], fleet: Fleet) -> None:
    ran = fleet.run(*upgrade(), *options, code=2)

    assert ran.err.count("error: ") == 1
    assert fleet.heads() == {}


def sleeping(fleet: Fleet) -> int:
    """Count the sessions of the database that sleep in a revision."""
    rows = fleet.database.query(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
        " AND query LIKE '%pg_sleep(%' AND pid <> pg_backend_pid()"
    )
    return int(str(rows[0][0]))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "code"), first_is_fast([(signal.SIGINT, 130), (signal.SIGTERM, 143)]))
def test_an_interrupted_fleet_lets_end_what_has_begun(kind: signal.Signals, code: int, fleet: Fleet) -> None:
    shutil.rmtree(versions(fleet.root))
    versions(fleet.root).mkdir()
    write_revision(
        versions(fleet.root),
        "r1",
        None,
        'op.execute("CREATE TABLE one (id int)")\nop.execute("SELECT pg_sleep(3)")',
    )
    env = {"TESTING_DATABASE_URL": fleet.url}
    with started(fleet.root, env, *upgrade("--jobs", "2", "--json")) as running:
        running.until(lambda: sleeping(fleet) == 2, "two tenants have begun")
        running.process.send_signal(kind)
        ran = running.ended()

    assert ran.code == code
    document = json.loads(ran.out)
    assert "another Ctrl-C cancels them" in ran.err
    outcomes = [each["outcome"] for each in document["data"]["tenants"]]
    assert outcomes == ["done", "done", "skipped"]
    assert document["exit_code"] == code
    assert fleet.heads() == {"acme": "r1", "globex": "r1"}


@pytest.mark.slow
def test_a_second_interrupt_takes_back_what_has_begun(fleet: Fleet) -> None:
    write_revision(versions(fleet.root), "r3", "r2", 'op.execute("SELECT pg_sleep(60)")')
    env = {"TESTING_DATABASE_URL": fleet.url}
    with started(fleet.root, env, *upgrade("--jobs", "1", "--json")) as running:
        running.until(lambda: sleeping(fleet) == 1, "a tenant has begun")
        running.process.send_signal(signal.SIGINT)
        running.process.send_signal(signal.SIGINT)
        running.process.send_signal(signal.SIGTERM)
        ran = running.ended()

    first = json.loads(ran.out)["data"]["tenants"][0]
    assert first["outcome"] == "failed"
    assert first["code"] == 130
    assert fleet.heads() == {"acme": "r2"}
