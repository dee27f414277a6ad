"""The commands on a real MariaDB through asyncmy, as a user who owns nothing but one database."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url

from tests.conftest import process_variables, program
from tests.projects.small import versions, write_project, write_revision

if TYPE_CHECKING:
    from tests.conftest import Ran
    from tests.mariadb import MariaDatabase

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_secrets_known")]
Migrator = Callable[..., "Ran"]

MODELS = """
from sqlalchemy import BigInteger, DateTime, Enum, ForeignKey, Numeric, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True, comment="100% sure")
    active: Mapped[bool] = mapped_column(server_default=text("1"))
    born = mapped_column(DateTime, server_default=text("CURRENT_TIMESTAMP"))
    state = mapped_column(Enum("new", "old", name="state"), server_default="new")

class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    title: Mapped[str] = mapped_column(String(100), index=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    price = mapped_column(Numeric(10, 2))
    body: Mapped[str | None] = mapped_column(Text)
"""
# The part of the password that no encoding changes.
PART = "S3cr3t"
COMMANDS = (["upgrade"], ["current"], ["history", "-i"], ["stamp", "head"], ["ensure-version"], ["check"])


@pytest.fixture
def altering(tmp_path: Path) -> Path:
    """A project with two revisions."""
    root = write_project(tmp_path / "a project")
    write_revision(versions(root), "first", up='op.execute("CREATE TABLE books (id int PRIMARY KEY)")')
    path = write_revision(versions(root), "second", "first", up='op.add_column("books", title)')
    text = path.read_text().replace(
        "def upgrade", 'title = sa.Column("title", sa.String(50))\n\n\ndef upgrade'
    )
    text = text.replace("from alembic import op", "import sqlalchemy as sa\nfrom alembic import op")
    path.write_text(text.replace("    pass\n", '    op.drop_column("books", "title")\n'))
    return root


@pytest.fixture
def env(mariadb_database: MariaDatabase) -> dict[str, str]:
    return {"DATABASE_URL": mariadb_database.url()}


def columns(at: MariaDatabase) -> list[tuple[str, ...]]:
    return at.query(
        "SELECT table_name, column_name, column_type, column_default, is_nullable, column_key, column_comment"
        " FROM information_schema.columns"
        " WHERE table_schema = database() AND table_name NOT LIKE 'migrator%' ORDER BY 1, 2"
    )


def one_revision(root: Path, *statements: str) -> None:
    for file in versions(root).glob("*.py"):
        file.unlink()
    write_revision(versions(root), "only", up="\n".join(f"op.execute({each!r})" for each in statements))


@pytest.mark.parametrize("driver", ["mysql", "mariadb", "mysql+asyncmy", "mariadb+asyncmy"])
def test_an_upgrade_and_a_downgrade_on_every_way_to_write_the_driver(
    altering: Path, migrator: Migrator, mariadb_database: MariaDatabase, driver: str
) -> None:
    at = mariadb_database
    process = {"DATABASE_URL": at.url(driver)}

    up = migrator("upgrade", cwd=altering, env=process)

    assert (up.code, PART in up.out + up.err) == (0, False), up.err
    assert up.out.startswith("upgraded testing: base -> second")
    assert f"{at.user}@{at.address}/{at.name}" in up.err
    assert at.query("SELECT version_num FROM alembic_version") == [("second",)]
    assert ("books", "title") in [row[:2] for row in columns(at)]

    down = migrator("downgrade", "first", cwd=altering, env=process)
    assert (down.code, down.out.split(" (")[0]) == (0, "downgraded testing: second -> first"), down.err
    assert at.query("SELECT version_num FROM alembic_version") == [("first",)]
    assert ("books", "title") not in [row[:2] for row in columns(at)]


def test_the_server_s_remarks_on_tables_that_alembic_and_migrator_make_are_not_shown(
    altering: Path, migrator: Migrator, env: dict[str, str]
) -> None:
    for command in (["upgrade", "first"], ["upgrade"]):
        ran = migrator(*command, cwd=altering, env=env)
        assert (ran.code, "warning" in ran.err) == (0, False), ran.err


def test_an_upgrade_with_nothing_to_do_says_so(
    altering: Path, migrator: Migrator, env: dict[str, str]
) -> None:
    assert migrator("upgrade", cwd=altering, env=env).code == 0
    again = migrator("upgrade", cwd=altering, env=env)
    assert (again.code, again.out) == (0, "testing is already at head (second): nothing to do\n")


def test_what_is_there_is_shown(altering: Path, migrator: Migrator, env: dict[str, str]) -> None:
    before = migrator("current", cwd=altering, env=env)
    assert (before.code, before.out) == (0, "")
    assert migrator("upgrade", "first", cwd=altering, env=env).code == 0

    assert migrator("current", cwd=altering, env=env).out == "first\n"
    assert migrator("heads", cwd=altering, env=env).out == "second (head)\n"
    history = migrator("history", "-i", cwd=altering, env=env)
    assert history.out.splitlines() == [
        "first -> second (head) (pending), message of second",
        "<base> -> first (current), message of first",
    ]
    assert migrator("check", cwd=altering, env=env).code == 1


def test_reading_writes_nothing(
    altering: Path, migrator: Migrator, mariadb_database: MariaDatabase, env: dict[str, str]
) -> None:
    for command in (["current"], ["history", "-i"], ["check"]):
        assert migrator(*command, cwd=altering, env=env).code < 2
    assert mariadb_database.query("SHOW TABLES") == []


def test_stamp_writes_the_revision_and_runs_nothing(
    altering: Path, migrator: Migrator, mariadb_database: MariaDatabase, env: dict[str, str]
) -> None:
    ran = migrator("stamp", "head", cwd=altering, env=env)
    assert (ran.code, ran.out) == (0, "stamped testing: base -> second\n"), ran.err
    assert mariadb_database.query("SELECT version_num FROM alembic_version") == [("second",)]
    assert columns(mariadb_database) == [
        ("alembic_version", "version_num", "varchar(32)", "NULL", "NO", "PRI", "")
    ]


def test_ensure_version_makes_the_table_once(altering: Path, migrator: Migrator, env: dict[str, str]) -> None:
    made = migrator("ensure-version", cwd=altering, env=env)
    assert (made.code, made.out) == (0, "created alembic_version\n")
    again = migrator("ensure-version", cwd=altering, env=env)
    assert (again.code, again.out) == (0, "alembic_version is there already\n")


def test_generate_writes_what_makes_the_models_and_nothing_is_left_to_find(
    migrator: Migrator, mariadb_database: MariaDatabase, env: dict[str, str], tmp_path: Path
) -> None:
    root = write_project(tmp_path / "project", settings="models = shop")
    (root / "shop.py").write_text(MODELS)

    generated = migrator("generate", "-m", "add shop", cwd=root, env=env)

    (file,) = versions(root).glob("*.py")
    assert generated.out.splitlines() == [
        "add table authors",
        "add table books",
        "add index ix_books_title on books (title)",
        f"wrote migrations/test/versions/{file.name}",
    ], generated.err
    assert migrator("check", cwd=root, env=env).code == 1
    assert migrator("upgrade", cwd=root, env=env).code == 0
    assert {"authors", "books"} < set(mariadb_database.tables())
    check = migrator("check", cwd=root, env=env)
    assert check.code == 0, check.out
    again = migrator("generate", "-m", "nothing", cwd=root, env=env)
    assert (again.code, again.out) == (0, "nothing changed: no revision was written\n")

    assert migrator("downgrade", "base", cwd=root, env=env).code == 0
    assert not {"authors", "books"} & set(mariadb_database.tables())


def test_the_sql_of_an_upgrade_makes_the_same_schema(
    altering: Path, migrator: Migrator, new_mariadb: Callable[[], MariaDatabase]
) -> None:
    ran_here, applied_here = new_mariadb(), new_mariadb()
    insert = "INSERT INTO shelves VALUES ('10% off', '%s')"
    one_revision(altering, "CREATE TABLE shelves (a varchar(20) DEFAULT '10%', b varchar(20))", insert)
    assert migrator("upgrade", "--url", ran_here.url(), cwd=altering).code == 0

    written = migrator("upgrade", "--sql", "--url", "mysql://nobody:secret-word@127.0.0.1:1/x", cwd=altering)

    assert (written.code, written.err) == (0, "")
    applied_here.query(written.out)
    assert columns(applied_here) == columns(ran_here)
    for at in (ran_here, applied_here):
        assert at.query("SELECT * FROM shelves") == [("10% off", "%s")]
        assert at.query("SELECT * FROM alembic_version") == [("only",)]


def test_text_of_any_language_arrives_whole(
    altering: Path, migrator: Migrator, mariadb_database: MariaDatabase, env: dict[str, str]
) -> None:
    table = "CREATE TABLE teas (name varchar(20)) CHARACTER SET utf8mb4"
    one_revision(altering, table, "INSERT INTO teas VALUES ('čaj 茶 🍵')")
    assert migrator("upgrade", cwd=altering, env=env).code == 0
    assert mariadb_database.query("SELECT name FROM teas") == [("čaj 茶 🍵",)]


def test_a_later_statement_of_one_text_that_fails_is_a_failure(
    altering: Path, migrator: Migrator, mariadb_database: MariaDatabase, env: dict[str, str]
) -> None:
    one_revision(altering, "CREATE TABLE a (id int); CREATE TABEL b (id int)", "CREATE TABLE c (id int)")

    ran = migrator("upgrade", cwd=altering, env=env)

    assert ran.code == 7
    assert "You have an error in your SQL syntax" in ran.err
    # No DDL of MariaDB's can be rolled back.
    tables = mariadb_database.tables()
    assert ("a" in tables, "c" in tables) == (True, False)
    assert mariadb_database.query("SELECT * FROM alembic_version") == []


def test_several_statements_in_one_text_all_run_and_rows_are_given(
    altering: Path, migrator: Migrator, mariadb_database: MariaDatabase, env: dict[str, str]
) -> None:
    one_revision(altering, "CREATE TABLE a (id int); INSERT INTO a VALUES (1), (2); CREATE TABLE b (id int);")
    body = (
        "bind = op.get_bind().execution_options(yield_per=1)\n"
        'rows = list(bind.exec_driver_sql("SELECT id FROM a ORDER BY id"))\n'
        'op.execute(f"INSERT INTO b VALUES ({rows[0][0]}), ({rows[1][0] + 40})")'
    )
    write_revision(versions(altering), "copies", "only", up=body)
    ran = migrator("upgrade", cwd=altering, env=env)
    assert ran.code == 0, ran.err
    assert mariadb_database.query("SELECT id FROM b ORDER BY id") == [("1",), ("42",)]


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_run_gives_the_command_a_url_with_the_driver(
    altering: Path, migrator: Migrator, mariadb_database: MariaDatabase, kind: str
) -> None:
    said = 'printf %s "$DATABASE_URL" > url; env > variables'
    ran = migrator(
        "run", "--", "sh", "-c", said, cwd=altering, env={"DATABASE_URL": mariadb_database.url(kind)}
    )
    assert ran.code == 0, ran.err
    given = make_url((altering / "url").read_text())
    assert given == make_url(mariadb_database.url(f"{kind}+asyncmy"))
    assert given.password == mariadb_database.password
    assert "POSTGRES_" not in (altering / "variables").read_text()


def fails(migrator: Migrator, root: Path, url: str) -> str:
    """Give the error of commands that all fail with the same one, and show the password in no mode."""
    errors = set()
    for command in COMMANDS:
        for options in ([], ["--json"], ["--traceback", "--echo"]):
            ran = migrator(*options, *command, cwd=root, env={"DATABASE_URL": url})
            assert ran.code == 6, (command, ran.err)
            assert PART not in ran.out + ran.err, (command, options)
            assert ("Traceback" in ran.err) == ("--traceback" in options)
            if not options:
                errors.add(ran.err.partition("process's variables\n")[2])
    (error,) = errors
    return error


def test_a_wrong_password_is_said_to_be_one(
    altering: Path, migrator: Migrator, mariadb_database: MariaDatabase
) -> None:
    at = mariadb_database
    at.query(f"ALTER USER '{at.user}'@'127.0.0.1' IDENTIFIED BY 'another one'")
    assert fails(migrator, altering, at.url()).splitlines() == [
        f"error: The database {at.user}@{at.address}/{at.name} cannot be used. The server refused the login. "
        f"(Access denied for user '{at.user}'@'127.0.0.1' (using password: YES))",
        "hint: Check user and password in: DATABASE_URL in the process's variables",
    ]


def test_a_database_that_does_not_exist_is_said_not_to(
    altering: Path, migrator: Migrator, mariadb_database: MariaDatabase
) -> None:
    at = mariadb_database
    url = at.url(name="no_such_database")
    # To those who may not look at all databases it does not say which of the two it is.
    error = fails(migrator, altering, url)
    assert "The user may not use the database, or it does not exist. (Access denied for user" in error
    assert "Create it (CREATE DATABASE), grant privileges on it, or correct: DATABASE_URL" in error

    at.query(f"GRANT SELECT ON *.* TO '{at.user}'@'127.0.0.1'")
    error = fails(migrator, altering, url)
    assert "The database does not exist. (Unknown database 'no_such_database')" in error
    assert "Create it (CREATE DATABASE), or correct: DATABASE_URL" in error


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_port_where_nothing_listens_is_named(altering: Path, migrator: Migrator, host: str) -> None:
    error = fails(migrator, altering, f"mysql://app:{PART}%2540%40@{host}:1/shop")
    assert error.splitlines() == [
        f"error: The database app@{host}:1/shop cannot be used. Nothing listens there.",
        "hint: Start the server, or correct host and port in: DATABASE_URL in the process's variables",
    ]


def test_a_server_that_does_not_answer_is_given_up(altering: Path, migrator: Migrator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mysql://app:{PART}@127.0.0.1:{silent.getsockname()[1]}/shop?connect_timeout=1"
        ran = migrator("upgrade", cwd=altering, env={"DATABASE_URL": url})
    assert ran.code == 6
    assert "It did not answer in time." in ran.err


def test_a_user_who_may_not_connect_again_is_told_so(
    altering: Path, migrator: Migrator, mariadb_database: MariaDatabase
) -> None:
    at = mariadb_database
    at.query(f"ALTER USER '{at.user}'@'127.0.0.1' WITH MAX_CONNECTIONS_PER_HOUR 1")
    assert migrator("current", cwd=altering, env={"DATABASE_URL": at.url()}).code == 0
    ran = migrator("current", cwd=altering, env={"DATABASE_URL": at.url()})
    assert ran.code == 6
    assert "The user has used up what the server allows. (User" in ran.err


def test_a_user_who_may_not_create_tables_is_told_so(
    altering: Path, migrator: Migrator, mariadb_database: MariaDatabase, env: dict[str, str]
) -> None:
    at = mariadb_database
    at.query(f"REVOKE CREATE ON {at.name}.* FROM '{at.user}'@'127.0.0.1'")
    ran = migrator("upgrade", cwd=altering, env=env)
    assert ran.code == 6
    assert "The user lacks a privilege. (CREATE command denied to user" in ran.err
    assert at.query("SHOW TABLES") == []


def test_a_parameter_that_the_driver_does_not_take_is_a_configuration_error(
    altering: Path, migrator: Migrator, env: dict[str, str]
) -> None:
    ran = migrator("current", cwd=altering, env={"DATABASE_URL": env["DATABASE_URL"] + "?nope=1"})
    assert ran.code == 3
    assert "unexpected keyword argument 'nope'" in ran.err
    assert PART not in ran.out + ran.err


def test_what_a_failed_revision_has_committed_is_told(
    altering: Path, migrator: Migrator, mariadb_database: MariaDatabase, env: dict[str, str]
) -> None:
    one_revision(
        altering, "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (1)", "CREATE TABLE kept (id int)"
    )

    ran = migrator("upgrade", "--json", cwd=altering, env=env)

    failed = json.loads(ran.out)["data"]["failed"]
    assert (ran.code, failed["committed"]) == (
        7,
        ["CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (1)"],
    )
    assert "2 statements are committed already and could not be rolled back." in ran.err
    assert mariadb_database.query("SELECT id FROM kept") == [("1",)]
    log = mariadb_database.query(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = database() AND table_name = 'migrator_log'"
    )
    assert log == []


def test_a_second_run_waits_for_the_lock_and_ends_with_8_when_time_is_up(
    altering: Path, migrator: Migrator, mariadb_database: MariaDatabase, env: dict[str, str]
) -> None:
    one_revision(altering, "DO SLEEP(4)")
    with subprocess.Popen(
        program(["migrator", "upgrade"]), cwd=altering, env=process_variables(env), stderr=subprocess.PIPE
    ) as first:
        wait_for_query(mariadb_database, "DO SLEEP(4)")

        impatient = migrator("upgrade", "--lock-wait", "500ms", cwd=altering, env=env)
        patient = migrator("upgrade", cwd=altering, env=env)

        assert first.wait(timeout=20) == 0
    assert impatient.code == 8, impatient.err
    assert f"Another run works on the database {mariadb_database.name}: pid " in impatient.err
    assert f"user {mariadb_database.user}" in impatient.err
    assert patient.code == 0, patient.err
    assert mariadb_database.query("SELECT revision FROM migrator_log") == [("only",)]


def wait_for_query(at: MariaDatabase, text: str) -> None:
    """Wait until a session runs a statement; after 20 seconds the test fails."""
    end = time.monotonic() + 20
    while not any(
        text in row[0]
        for row in at.query(
            "SELECT COALESCE(info, '') FROM information_schema.processlist WHERE id <> connection_id()"
        )
    ):
        assert time.monotonic() < end, f"nobody runs {text}"
        time.sleep(0.02)


def test_a_database_with_unknown_tables_is_refused_until_it_is_marked(
    altering: Path, migrator: Migrator, env: dict[str, str], mariadb_database: MariaDatabase
) -> None:
    mariadb_database.query("CREATE TABLE theirs (id int)")

    refused = migrator("upgrade", "--env", "testing", cwd=altering, env=env)

    assert (refused.code, "has tables (theirs), but no revision" in refused.err) == (4, True), refused.err
    assert mariadb_database.query("SHOW TABLES") == [("theirs",)]
    marked = migrator("mark", "--confirm", mariadb_database.name, "--env", "testing", cwd=altering, env=env)
    assert (marked.code, migrator("upgrade", cwd=altering, env=env).code) == (0, 0), marked.err


def test_what_a_first_revision_has_left_is_not_taken_for_somebody_elses(
    altering: Path, migrator: Migrator, env: dict[str, str], mariadb_database: MariaDatabase
) -> None:
    one_revision(altering, "CREATE TABLE IF NOT EXISTS books (id int)", "DROP TABLE nowhere")
    failed = migrator("upgrade", "--env", "testing", cwd=altering, env=env)
    assert (failed.code, ("books",) in mariadb_database.query("SHOW TABLES")) == (7, True), failed.err
    one_revision(altering, "CREATE TABLE IF NOT EXISTS books (id int)")

    ran = migrator("upgrade", "--env", "testing", cwd=altering, env=env)

    assert ran.code == 0, ran.err
