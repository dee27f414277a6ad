"""How often a run waits for the server, and that what is sent in a shorter way means the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migrator.database.round_trips.one_trip import ends_by_itself, goes_plainly
from tests.projects.small import revision_text, versions, write_project, write_revision
from tests.proxy import counting_proxy
from tests.terminal import at_terminal

if TYPE_CHECKING:
    from tests.conftest import Database, Ran

Migrator = Callable[..., "Ran"]


@pytest.fixture(params=["fast", "plain"])
def way(request: pytest.FixtureRequest) -> str:
    """How statements are sent: `round_trips` of the project. What comes of them is the same."""
    return str(request.param)


@pytest.fixture
def root(tmp_path: Path, way: str) -> Path:
    """A project without revisions."""
    return write_project(
        tmp_path / "project", settings=f"round_trips = {way}\nexclude_tables = counted, a, said"
    )


def write(root: Path, *bodies: str) -> None:
    """Write a line of revisions, `r1` first, with the given bodies of `upgrade()`."""
    for number, body in enumerate(bodies, start=1):
        down = f"r{number - 1}" if number > 1 else None
        (versions(root) / f"r{number}.py").write_text(revision_text(f"r{number}", down, body))


def url_of(database: Database, port: int | None = None) -> dict[str, str]:
    """Give the variable that names a database, or a proxy before it."""
    url = database.url.replace(f":{database.port}/", f":{port or database.port}/")
    return {"TESTING_DATABASE_URL": url.replace("postgresql:", "postgresql+asyncpg:")}


def one_by_one(root: Path) -> None:
    """Let every statement be sent by itself."""
    ini = root / "configs" / "alembic_test.ini"
    ini.write_text(f"{ini.read_text()}hold_statements = false\n")


def trips(migrator: Migrator, root: Path, database: Database, revisions: int, body: str) -> int:
    """Upgrade by revisions with a body each, and return the trips of the connection that runs them.

    A second connection watches the first for locks, by the clock: under load it makes the most trips.
    """
    write(root, *(body.format(n) for n in range(revisions)))
    with counting_proxy(database.host, database.port) as proxy:
        ran = migrator("upgrade", cwd=root, env=url_of(database, proxy.port))
    assert ran.code == 0, ran.err
    return proxy.trips_of("CREATE TABLE t0 ")


ONE = 'op.execute("CREATE TABLE t{0} (id int)")'
THREE = f'{ONE}; op.execute("ALTER TABLE t{{0}} ADD a int"); op.execute("CREATE INDEX i{{0}} ON t{{0}} (a)")'


@pytest.mark.parametrize(
    ("way", "body", "hold", "expected"),
    [
        # The statement with its BEGIN; the version table and the log with the COMMIT.
        ("fast", ONE, False, 2),
        ("fast", THREE, False, 4),
        # All in one.
        ("fast", ONE, True, 1),
        ("fast", THREE, True, 1),
        # With another statement than an operation's every one is sent by itself.
        ("fast", f"{THREE}; import os", True, 4),
        # BEGIN, COMMIT, and each statement prepared first: those of the version table and the log too.
        ("plain", ONE, True, 8),
        ("plain", THREE, True, 12),
    ],
    indirect=["way"],
)
def test_how_many_trips_a_revision_takes_with_its_log_row(
    body: str,
    hold: bool,
    expected: int,
    migrator: Migrator,
    root: Path,
    new_database: Callable[[], Database],
) -> None:
    if not hold:
        one_by_one(root)
    few = trips(migrator, root, new_database(), 5, body)
    many = trips(migrator, root, new_database(), 25, body)

    assert (many - few) / 20 == expected


@pytest.mark.slow
@pytest.mark.parametrize("transaction", ["revision", "run"])
def test_statements_that_fail_together_are_run_again_one_by_one_to_say_which_it_was(
    transaction: str, migrator: Migrator, root: Path, postgres_database: Database
) -> None:
    ini = root / "configs" / "alembic_test.ini"
    ini.write_text(f"{ini.read_text()}transaction = {transaction}\n")
    bad = 'op.execute("CREATE TABLE b (id int)")\nop.execute("DROP TABLE nowhere")\nop.drop_table("a")'
    write(root, 'op.execute("CREATE TABLE a (id int)")', bad)
    env = url_of(postgres_database)

    held = migrator("upgrade", cwd=root, env=env)
    one_by_one(root)
    plain = migrator("upgrade", cwd=root, env=env)

    assert (held.code, "again in" in held.err) == (7, False), held.err
    assert "statement: DROP TABLE nowhere" in held.out
    assert "r2.py, line 13" in held.err
    failed = held.err[held.err.index("error:") :]
    assert failed == plain.err[plain.err.index("error:") :]
    kept = ["a", "alembic_version"] if transaction == "revision" else []
    assert postgres_database.tables() == kept


@pytest.mark.slow
def test_at_a_terminal_a_revision_that_begins_again_is_shown_in_its_line(
    root: Path, way: str, postgres_database: Database
) -> None:
    write(root, 'op.execute("CREATE TABLE a (id int)")\nop.execute("DROP TABLE nowhere")')

    shown = at_terminal(["migrator", "upgrade"], root, url_of(postgres_database))

    # With fewer round trips it is run a second time, to say which of its statements failed.
    assert (shown.code, shown.text.count("upgrade 1/1")) == (7, 2 if way == "fast" else 1)
    assert ("...\r  upgrade 1/1" in shown.text) == (way == "fast")


@pytest.mark.slow
def test_statements_that_are_held_share_one_lock_timeout_and_are_tried_again(
    migrator: Migrator, root: Path, way: str, postgres_database: Database
) -> None:
    postgres_database.query("CREATE TABLE a (id int)")
    postgres_database.query("CREATE TABLE said AS SELECT CAST('' AS text) AS lock_timeout WHERE false")
    ini = root / "configs" / "alembic_test.ini"
    ini.write_text(f"{ini.read_text()}lock_timeout = 900ms\nretries = 1\n")
    say = "op.execute(\"INSERT INTO said SELECT current_setting('lock_timeout')\")"
    write(root, f'{say}\n{say}\nop.execute("ALTER TABLE a ADD b int")', say)

    with postgres_database.connect() as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE a")
        failed = migrator("upgrade", cwd=root, env=url_of(postgres_database))
    done = migrator("upgrade", cwd=root, env=url_of(postgres_database))

    assert failed.code == 7
    assert "statement: ALTER TABLE a ADD b int" in failed.out
    assert failed.err.count("again in") == 1
    assert done.code == 0, done.err
    share = "300ms" if way == "fast" else "900ms"
    assert postgres_database.query("SELECT * FROM said") == [(share,), (share,), ("900ms",)]


def test_what_is_held_is_sent_before_a_statement_that_is_not(
    migrator: Migrator, root: Path, postgres_database: Database
) -> None:
    look = "op.execute(\"SELECT 1 / count(*) FROM pg_tables WHERE tablename = 'a'\")"
    write(root, f'op.execute("CREATE TABLE a (id int)")\n{look}\nop.drop_table("a")')

    ran = migrator("upgrade", cwd=root, env=url_of(postgres_database))

    assert ran.code == 0, ran.err
    assert postgres_database.tables() == ["alembic_version"]


@pytest.mark.parametrize(
    ("statement", "plainly"),
    [
        ("CREATE TABLE a (id int)", True),
        ("  create index i on a (id);  ", True),
        ("UPDATE a SET id = 1", True),
        ("INSERT INTO a SELECT 1", True),
        ("ALTER TABLE a ADD b int; ALTER TABLE a ADD c int", False),
        ("CREATE FUNCTION f() RETURNS int AS $$ SELECT 1; $$ LANGUAGE sql", False),
        ("INSERT INTO a VALUES (1) RETURNING id", False),
        ("SELECT 1", False),
        ("WITH x AS (SELECT 1) INSERT INTO a SELECT * FROM x", False),
        ("SET search_path = a", False),
        ("COPY a FROM STDIN", False),
        ("createtable", False),
    ],
)
def test_only_what_is_one_statement_without_rows_is_sent_as_text(statement: str, plainly: bool) -> None:
    assert goes_plainly(statement) is plainly


@pytest.mark.parametrize(
    ("statement", "closed"),
    [
        ("CREATE TABLE a (b text DEFAULT 'it''s')", True),
        ('ALTER TABLE "a" ADD b int', True),
        ("CREATE TABLE a (id int) -- the first", False),
        ("CREATE TABLE a (id int) /* the first", False),
        ("CREATE TABLE a (b text DEFAULT 'open)", False),
        ('ALTER TABLE "a ADD b int', False),
        ("COMMENT ON TABLE a IS $$open", False),
    ],
)
def test_what_is_open_at_its_end_is_not_held_before_another(statement: str, closed: bool) -> None:
    assert ends_by_itself(statement) is closed


def test_a_comment_at_a_statements_end_takes_nothing_with_it(
    migrator: Migrator, root: Path, postgres_database: Database
) -> None:
    write(root, 'op.execute("CREATE TABLE a (id int) -- one")\nop.execute("CREATE TABLE b (id int)  ; ")')

    ran = migrator("upgrade", cwd=root, env=url_of(postgres_database))

    assert ran.code == 0, ran.err
    assert postgres_database.tables() == ["a", "alembic_version", "b"]


def test_several_statements_in_one_text_are_refused_as_they_are_by_plain_alembic(
    migrator: Migrator, root: Path, postgres_database: Database
) -> None:
    write(root, 'op.execute("CREATE TABLE a (id int); CREATE TABLE b (id int)")')

    ran = migrator("upgrade", cwd=root, env=url_of(postgres_database))

    assert ran.code == 7
    assert "cannot insert multiple commands into a prepared statement" in ran.err
    assert postgres_database.tables() == []


def test_an_error_of_the_first_statement_is_that_of_a_prepared_statement(
    migrator: Migrator, root: Path, postgres_database: Database
) -> None:
    write(root, "try:\n    op.execute('DROP TABLE nowhere')\nexcept Exception as exc:\n    raise exc")

    ran = migrator("upgrade", cwd=root, env=url_of(postgres_database))

    assert ran.code == 7
    assert 'table "nowhere" does not exist' in ran.err
    assert "statement: DROP TABLE nowhere" in ran.out
    assert "the database is at base" in ran.out


def test_the_number_of_changed_rows_is_told_to_a_revision(
    migrator: Migrator, root: Path, postgres_database: Database
) -> None:
    postgres_database.query("CREATE TABLE counted AS SELECT generate_series(1, 7) AS n")
    body = (
        "import sqlalchemy as sa\n"
        "changed = op.get_bind().execute(sa.text('DELETE FROM counted WHERE n > 4')).rowcount\n"
        "op.execute(f'CREATE TABLE deleted_{changed} (id int)')"
    )
    write(root, body)

    ran = migrator("upgrade", "--env", "testing", cwd=root, env=url_of(postgres_database))

    assert ran.code == 0, ran.err
    assert "deleted_3" in postgres_database.tables()


def test_a_transaction_of_the_drivers_own_is_a_savepoint_in_the_revisions(
    migrator: Migrator, root: Path, postgres_database: Database
) -> None:
    body = (
        "async def two(driver):\n"
        "    try:\n"
        "        async with driver.transaction():\n"
        "            await driver.execute('CREATE TABLE undone (id int)')\n"
        "            raise LookupError\n"
        "    except LookupError:\n"
        "        pass\n"
        "    async with driver.transaction():\n"
        "        await driver.execute('CREATE TABLE kept (id int)')\n"
        "op.execute('CREATE TABLE first (id int)')\n"
        "op.get_bind().connection.dbapi_connection.run_async(two)"
    )
    write(root, body)

    ran = migrator("upgrade", cwd=root, env=url_of(postgres_database))

    assert ran.code == 0, ran.err
    assert postgres_database.tables() == ["alembic_version", "first", "kept"]


def test_quotes_and_backslashes_reach_the_log_as_they_are(
    migrator: Migrator, root: Path, postgres_database: Database
) -> None:
    write(root, "pass")
    user = "o'Neil\\n; DROP TABLE x"

    ran = migrator("upgrade", cwd=root, env={**url_of(postgres_database), "LOGNAME": user})

    assert ran.code == 0, ran.err
    assert postgres_database.query("SELECT user_name FROM _migrator.log") == [(user,)]


def test_a_log_row_that_is_refused_takes_its_revision_back(
    migrator: Migrator, root: Path, postgres_database: Database
) -> None:
    write(root, 'op.execute("CREATE TABLE a (id int)")', 'op.execute("CREATE TABLE b (id int)")')
    assert migrator("upgrade", "r1", cwd=root, env=url_of(postgres_database)).code == 0
    postgres_database.query(
        "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE 'not this row'; END $$ LANGUAGE plpgsql"
    )
    postgres_database.query(
        "CREATE TRIGGER refuse BEFORE INSERT ON _migrator.log FOR EACH ROW EXECUTE FUNCTION refuse()"
    )

    ran = migrator("upgrade", cwd=root, env=url_of(postgres_database))

    assert ran.code == 7
    assert "The upgrade of revision r2 (message of r2) failed: not this row" in ran.err
    assert "the database is at r1" in ran.out
    assert postgres_database.tables() == ["a", "alembic_version"]
    postgres_database.query("DROP TRIGGER refuse ON _migrator.log")
    assert migrator("upgrade", cwd=root, env=url_of(postgres_database)).code == 0
    assert postgres_database.query("SELECT revision FROM _migrator.log ORDER BY id") == [("r1",), ("r2",)]


def test_log_rows_of_one_transaction_come_before_what_follows_them(
    migrator: Migrator, root: Path, postgres_database: Database
) -> None:
    ini = root / "configs" / "alembic_test.ini"
    ini.write_text(f"{ini.read_text()}transaction = run\n")
    write(root, 'op.execute("CREATE TABLE a (id int)")', "pass", "op.get_bind().exec_driver_sql('SELECT 1')")
    write_look = "rows = op.get_bind().exec_driver_sql('SELECT revision FROM _migrator.log').fetchall()\n"
    (versions(root) / "r4.py").write_text(
        revision_text("r4", "r3", f"{write_look}assert rows == [('r1',), ('r2',), ('r3',)], rows")
    )

    ran = migrator("upgrade", cwd=root, env=url_of(postgres_database))

    assert ran.code == 0, ran.err
    assert len(postgres_database.query("SELECT * FROM _migrator.log")) == 4


@pytest.mark.parametrize("hold", [True, False])
def test_a_version_row_that_is_not_there_fails_the_revision_in_alembics_words(
    hold: bool, migrator: Migrator, root: Path, postgres_database: Database
) -> None:
    if not hold:
        one_by_one(root)
    write_revision(versions(root), "r1", None, 'op.execute("CREATE TABLE a (id int)")')
    gone = 'op.execute("CREATE TABLE b (id int)")\nop.execute("DELETE FROM alembic_version")'
    write_revision(versions(root), "r2", "r1", gone)

    ran = migrator("upgrade", cwd=root, env=url_of(postgres_database))

    assert ran.code == 7
    assert "Online migration expected to match one row when updating 'r1' to 'r2'" in ran.err
    assert postgres_database.query("SELECT version_num FROM alembic_version") == [("r1",)]
    assert postgres_database.tables() == ["a", "alembic_version"]


@pytest.mark.slow
@pytest.mark.parametrize("hold", [True, False])
def test_the_log_knows_how_long_a_revision_took_also_where_all_was_sent_at_once(
    hold: bool, migrator: Migrator, root: Path, postgres_database: Database
) -> None:
    if not hold:
        one_by_one(root)
    slow = 'op.execute("CREATE TABLE a AS SELECT pg_sleep(0.4)::text")'
    write_revision(versions(root), "r1", None, 'op.execute("CREATE TABLE b (id int)")')
    write_revision(versions(root), "r2", "r1", slow)

    assert migrator("upgrade", cwd=root, env=url_of(postgres_database)).code == 0

    ((took,),) = postgres_database.query("SELECT duration_ms FROM _migrator.log WHERE revision = 'r2'")
    assert 400 <= int(str(took)) < 4000
