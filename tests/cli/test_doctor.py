"""`migrator doctor`: each thing that can be wrong, made for real, and what to type against it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from rich.console import Console

from migrator.cli.rich_tables import rendered
from migrator.database.kinds.postgresql import lock_key
from migrator.database.own.facts import Facts, LockName
from migrator.operations.look.doctor.server_checks import server_version
from migrator.plain import How
from migrator.results.environment_status import Diagnosis, Finding
from tests.conftest import Database, Ran
from tests.faults.least import Least, least_databases
from tests.projects.books import AnyDatabase
from tests.projects.small import revision_text, tree, versions, write_project, write_revision

Migrator = Callable[..., Ran]
CREATE = "op.execute('create table one (id integer)')"
LONG = "a" * 33
_SBIN = "/usr/sbin:/usr/bin"
POOLER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path=_SBIN)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project with one revision in `testing`, and another in `production`."""
    root = write_project(tmp_path / "a project", "test", "online")
    write_revision(versions(root), "aaa1", None, CREATE)
    write_revision(versions(root, "online"), "fff1")
    return root


@pytest.fixture
def least(new_database: Callable[[], Database]) -> Iterator[Callable[..., Least]]:
    """Makes databases with a role that may do no more than it is granted."""
    with least_databases(new_database) as make:
        yield make


def found(ran: Ran) -> dict[str, list[list[str]]]:
    """Give what was found by its topic: severity, text and, where there is one, hint."""
    assert ran.code in (0, 1), ran.err
    findings: dict[str, list[list[str]]] = {}
    for line in ran.out.splitlines():
        severity, topic, *rest = line.split("\t")
        assert severity in ("ok", "note", "problem")
        assert len(rest) == (1 if severity == "ok" else 2), line
        findings.setdefault(topic, []).append([severity, *rest])
    problem = any(each[0] == "problem" for several in findings.values() for each in several)
    assert ran.code == (1 if problem else 0)
    return findings


def severities(findings: dict[str, list[list[str]]]) -> dict[str, str]:
    """Give the worst severity of each topic."""
    return {topic: sorted(each[0] for each in several)[-1] for topic, several in findings.items()}


def only(ran: Ran, topic: str) -> list[str]:
    """Give the only finding of a topic."""
    [finding] = found(ran)[topic]
    return finding


def on(database: Database) -> dict[str, str]:
    return {"TESTING_DATABASE_URL": database.url}


def upgraded(root: Path, database: Database, migrator: Migrator, *args: str) -> None:
    ran = migrator("upgrade", *args, cwd=root, env=on(database))
    assert ran.code == 0, ran.err


def test_all_is_well_after_an_upgrade(small: Path, either_database: AnyDatabase, migrator: Migrator) -> None:
    assert migrator("upgrade", cwd=small, env=either_database.env).code == 0

    ran = migrator("doctor", cwd=small, env=either_database.env)

    assert set(severities(found(ran)).values()) == {"ok"}, ran.out
    assert {"configuration", "url", "version files", "heads", "connection", "mark", "revision"} <= set(
        found(ran)
    )
    asked_of_a_server = {"server", "privileges", "indexes", "lock", "pooler"} & set(found(ran))
    assert len(asked_of_a_server) == (5 if either_database.backend == "postgresql" else 0)
    assert ran.code == 0


def test_nothing_is_written(small: Path, postgres_database: Database, migrator: Migrator) -> None:
    before = tree(small)
    relations = "SELECT count(*) FROM pg_class UNION ALL SELECT count(*) FROM pg_namespace"
    counted = postgres_database.query(relations)

    ran = migrator("doctor", cwd=small, env=on(postgres_database))

    assert only(ran, "mark")[0] == "note"
    assert ran.code == 0
    assert (tree(small), postgres_database.query(relations)) == (before, counted)


def test_without_a_url_the_files_are_looked_at(small: Path, migrator: Migrator) -> None:
    ran = migrator("doctor", cwd=small)

    severity, text, hint = only(ran, "url")
    assert (severity, text) == ("problem", "There is no database URL for the environment testing.")
    assert "Set TESTING_DATABASE_URL=" in hint
    assert severities(found(ran))["version files"] == "ok"
    assert "connection" not in found(ran)


def test_an_unreachable_server_hides_nothing_of_the_files(small: Path, migrator: Migrator) -> None:
    write_revision(versions(small), LONG, "aaa1")

    ran = migrator("doctor", cwd=small, env={"DATABASE_URL": "postgresql://u:p@127.0.0.1:1/d"})

    severity, text, hint = only(ran, "connection")
    assert (severity, "Nothing listens there." in text) == ("problem", True)
    assert hint == "Start the server, or correct host and port in: DATABASE_URL in the process's variables"
    assert severities(found(ran))["ids"] == "problem"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("import nosuch\n", "line 1, failed: ModuleNotFoundError"),
        ("def (:\n", "line 1, is not valid Python"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_broken_env_py_hides_nothing_of_the_files(
    content: str | None, said: str, small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    env_py = small / "migrations" / "env.py"
    env_py.unlink()
    if content is not None:
        env_py.write_text(content)

    findings = found(migrator("doctor", cwd=small, env=on(postgres_database)))

    [problem] = [each for each in findings["env.py"] if each[0] == "problem"]
    assert said in problem[1]
    assert severities(findings)["heads"] == "ok"


def test_a_broken_version_file_hides_nothing_of_the_database(
    small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    upgraded(small, postgres_database, migrator)
    (versions(small) / "bbb2.py").write_text("def (:\n")

    ran = migrator("doctor", cwd=small, env=on(postgres_database))

    severity, text, hint = only(ran, "version files")
    assert (severity, "bbb2.py has a syntax error in line 1" in text) == ("problem", True)
    assert hint.endswith("python -m py_compile migrations/test/versions/bbb2.py")
    assert severities(found(ran))["mark"] == "ok"
    assert "revision" not in found(ran)


def test_a_hint_names_a_command_that_shows_the_traceback(small: Path, migrator: Migrator) -> None:
    write_revision(versions(small), "bbb2", "aaa1").write_text("raise ValueError\n")

    hint = only(migrator("doctor", cwd=small), "version files")[2]

    assert "migrator current --traceback --env testing shows where" in hint


def test_files_that_make_trouble_one_day_are_named(small: Path, migrator: Migrator) -> None:
    write_revision(versions(small), "bbb2", "aaa1")
    path = write_revision(versions(small), LONG, "aaa1")
    path.write_text(revision_text(LONG, "aaa1").partition("def downgrade")[0])
    env_py = small / "migrations" / "env.py"
    env_py.write_text(f"from logging.config import fileConfig\n\nfileConfig('x.ini')\n{env_py.read_text()}")

    ran = migrator("doctor", cwd=small)

    file = f"migrations/test/versions/{LONG}.py"
    assert only(ran, "ids")[:2] == [
        "problem",
        f"{LONG} in {file} has 33 characters; alembic_version holds 32",
    ]
    severity, text, hint = only(ran, "heads")
    heads = f"several: {LONG} in {file} and bbb2 in migrations/test/versions/bbb2.py"
    assert (severity, text) == ("problem", heads)
    assert hint.startswith("Join them: migrator merge heads -m merge --env testing; or, ")
    assert hint.endswith("put it on top: migrator rebase bbb2 --env testing")
    assert only(ran, "downgrade")[:2] == ["note", f"{file} has no function downgrade()"]
    severity, text, hint = only(ran, "env.py")
    assert (severity, "line 3, calls fileConfig()" in text) == ("note", True)
    assert hint.startswith("Take it out")
    assert "version files" not in found(ran)


@pytest.mark.parametrize(
    "ending", ["downgrade = upgrade", "from other import downgrade", "from other import *"]
)
def test_a_downgrade_need_not_be_written_out(ending: str, small: Path, migrator: Migrator) -> None:
    (small / "other.py").write_text("def downgrade():\n    pass\n")
    text = revision_text("bbb2", "aaa1").partition("def downgrade")[0]
    (versions(small) / "bbb2.py").write_text(f"{text}{ending}\n")

    assert only(migrator("doctor", cwd=small), "downgrade")[0] == "ok"


def test_a_file_config_that_keeps_the_loggers_is_none_to_note(small: Path, migrator: Migrator) -> None:
    call = "logging.config.fileConfig('x.ini', disable_existing_loggers=False)"
    (small / "migrations" / "env.py").write_text(f"import logging.config\n{call}\n")

    assert only(migrator("doctor", cwd=small), "env.py")[0] == "ok"


def test_several_heads_with_names_of_their_own_are_noted(small: Path, migrator: Migrator) -> None:
    for revision in ("bbb2", "ccc3"):
        text = revision_text(revision).replace("branch_labels = None", f"branch_labels = ('of_{revision}',)")
        (versions(small) / f"{revision}.py").write_text(text)
    (versions(small) / "aaa1.py").unlink()

    assert only(migrator("doctor", cwd=small), "heads")[:2] == ["note", "several: bbb2, ccc3"]


def run_hint(hint: str, database: Database) -> None:
    """Run the statements of a hint, as whoever may."""
    for statement in hint.removeprefix("As its owner: ").removeprefix("As their owner: ").split("; "):
        assert statement.startswith(("GRANT ", "DROP INDEX ")), hint
        database.query(statement)


def test_what_a_role_lacks_is_named_and_the_statements_grant_it(
    small: Path, least: Callable[..., Least], migrator: Migrator
) -> None:
    base = least("CONNECT ON DATABASE {database}")

    def privileges() -> list[list[str]]:
        ran = migrator("doctor", cwd=small, env=base.variables())
        return found(ran)["privileges"] + found(ran).get("sessions", [])

    schema, database, sessions = privileges()
    assert schema[:2] == ["problem", f"the role {base.role} may make no table in the schema public"]
    assert schema[2] == f"As its owner: GRANT USAGE, CREATE ON SCHEMA public TO {base.role}"
    assert (database[0], "migrator_log" in database[1]) == ("note", True)
    assert database[2] == f"GRANT CREATE ON DATABASE {base.admin.name} TO {base.role}"
    assert sessions[0] == "note"
    for finding in (schema, database):
        run_hint(finding[2], base.admin)
    base.admin.query(f"GRANT pg_read_all_stats TO {base.role}")
    assert f"GRANT pg_read_all_stats TO {base.role}" in sessions[2]
    assert [each[0] for each in privileges()] == ["ok"]


def test_a_version_table_that_may_not_be_written_is_named(
    small: Path, least: Callable[..., Least], migrator: Migrator
) -> None:
    base = least()
    upgraded(small, base.admin, migrator)
    base.admin.query(f"GRANT SELECT ON alembic_version TO {base.role}")
    base.admin.query(f"GRANT USAGE ON SCHEMA _migrator TO {base.role}")
    base.admin.query(f"GRANT SELECT, INSERT, DELETE ON _migrator.mark, _migrator.log TO {base.role}")

    [problem] = found(migrator("doctor", cwd=small, env=base.variables()))["privileges"]

    assert problem[1] == f"the role {base.role} may not INSERT, UPDATE, DELETE in public.alembic_version"
    run_hint(problem[2], base.admin)
    assert only(migrator("doctor", cwd=small, env=base.variables()), "privileges")[0] == "ok"


def test_a_version_table_that_may_not_be_read_is_named(
    small: Path, least: Callable[..., Least], migrator: Migrator
) -> None:
    base = least()
    upgraded(small, base.admin, migrator)

    severity, _text, hint = only(migrator("doctor", cwd=small, env=base.variables()), "connection")

    assert severity == "problem"
    run_hint(hint, base.admin)
    [problem] = found(migrator("doctor", cwd=small, env=base.variables()))["privileges"]
    assert "may not read _migrator.mark, _migrator.log" in problem[1]
    run_hint(problem[2], base.admin)
    assert only(migrator("doctor", cwd=small, env=base.variables()), "privileges")[0] == "ok"


def test_another_environments_database_and_a_copy_are_problems(
    small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    upgraded(small, postgres_database, migrator)
    postgres_database.query("UPDATE _migrator.mark SET environment = 'production'")
    name = postgres_database.name

    severity, text, hint = only(migrator("doctor", cwd=small, env=on(postgres_database)), "mark")
    assert (severity, f"{name} belongs to production, not to testing" in text) == ("problem", True)
    assert hint.endswith(f"migrator mark --confirm {name} --env testing --force")

    postgres_database.query("UPDATE _migrator.mark SET database = 'elsewhere'")
    severity, text, hint = only(migrator("doctor", cwd=small, env=on(postgres_database)), "mark")
    assert (severity, f"{name} is a copy of production" in text) == ("problem", True)
    assert "nothing was done" not in text
    assert hint.endswith(f"migrator mark --confirm {name} --env testing")


def test_an_unmarked_database_that_nobody_named_is_noted(
    small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    postgres_database.query("CREATE TABLE somebodys (id int)")

    ran = migrator("doctor", cwd=small, env={"DATABASE_URL": postgres_database.url})

    severity, _text, hint = only(ran, "mark")
    assert (severity, hint) == ("note", "If it does, name the environment: add --env testing")


def test_an_unknown_revision_is_explained(
    small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    upgraded(small, postgres_database, migrator)
    postgres_database.query("UPDATE alembic_version SET version_num = 'fff1'")

    severity, text, hint = only(migrator("doctor", cwd=small, env=on(postgres_database)), "revision")

    assert (severity, "belongs to environment production" in text) == ("problem", True)
    assert "--env production" in hint


def test_a_database_ahead_of_the_checkout_is_noted(
    small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    newer = write_revision(versions(small), "bbb2", "aaa1")
    upgraded(small, postgres_database, migrator)
    newer.unlink()

    severity, text, hint = only(migrator("doctor", cwd=small, env=on(postgres_database)), "revision")

    assert (severity, text) == ("note", "the database is ahead of this checkout by 1 revision, at bbb2")
    assert hint.endswith("migrator upgrade --allow-ahead --env testing")


@pytest.mark.parametrize(("settings", "severity"), [("", "note"), ("protected = true", "problem")])
def test_edited_files_are_named(
    settings: str, severity: str, tmp_path: Path, postgres_database: Database, migrator: Migrator
) -> None:
    root = write_project(tmp_path / "a project", settings=settings)
    path = write_revision(versions(root), "aaa1", None, CREATE)
    upgraded(root, postgres_database, migrator)
    path.write_text(path.read_text().replace("table one", "table two"))

    found_one = only(migrator("doctor", cwd=root, env=on(postgres_database)), "edited")

    assert found_one[:2] == [severity, "edited after they had been applied: aaa1"]
    assert found_one[2].endswith("migrator mark --accept aaa1 --env testing")


def test_an_invalid_index_is_named_with_the_statement_that_removes_it(
    small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    postgres_database.query("CREATE TABLE twice AS SELECT 1 AS id FROM generate_series(1, 2)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        postgres_database.query('CREATE UNIQUE INDEX CONCURRENTLY "An index" ON twice (id)')

    severity, text, hint = only(migrator("doctor", cwd=small, env=on(postgres_database)), "indexes")

    assert (severity, text.startswith('public."An index" is INVALID')) == ("problem", True)
    statement = hint.removeprefix("If none is at work: ").partition(";")[0]
    assert statement == 'DROP INDEX CONCURRENTLY public."An index"'
    postgres_database.query(statement)
    assert only(migrator("doctor", cwd=small, env=on(postgres_database)), "indexes")[0] == "ok"


@pytest.mark.parametrize(
    ("working", "what"), [(False, "a run is at work"), (True, "the last statement of a run")]
)
def test_a_lock_that_is_held_is_named_with_its_holder(
    working: bool, what: str, small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    facts = Facts("postgresql", postgres_database.name, schema="public")
    name = LockName(facts, "public.alembic_version", working=working)
    with postgres_database.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [lock_key(name)])
        pid = connection.info.backend_pid

        severity, text, hint = only(migrator("doctor", cwd=small, env=on(postgres_database)), "lock")

    assert (severity, text.startswith(f"{what}")) == ("problem", True)
    assert f"pid {pid} (user {postgres_database.user}" in text
    assert hint.endswith(f"SELECT pg_terminate_backend({pid})")


@contextlib.contextmanager
def pooler(database: Database, folder: Path, mode: str) -> Iterator[int]:
    """Run PgBouncer in front of a database while the block runs, and give its port."""
    if POOLER is None:
        pytest.skip("PgBouncer is not installed (pgbouncer); as root on Debian, .ci/run installs it")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = int(unused.getsockname()[1])
    ini = folder / "pgbouncer.ini"
    server = f"host={database.host} port={database.port} dbname={database.name}"
    ini.write_text(
        f"[databases]\n{database.name} = {server} user={database.user} password='{database.password}'\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = any\npool_mode = {mode}\n"
    )
    # It refuses to run as root.
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([POOLER, "-q", *user, str(ini)], stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 20
        while not _listens(port):
            assert process.poll() is None, "pgbouncer has ended"
            assert time.monotonic() < end, "pgbouncer does not listen"
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


# Statement mode refuses every transaction: older asyncpg fails at the first look, in other words.
@pytest.mark.parametrize(
    ("mode", "driver"),
    [
        ("transaction", "asyncpg"),
        ("transaction", "psycopg"),
        ("statement", "psycopg"),
        ("session", "asyncpg"),
        ("session", "psycopg"),
    ],
)
def test_a_pooler_that_hands_sessions_around_is_noticed(
    mode: str, driver: str, small: Path, tmp_path: Path, postgres_database: Database, migrator: Migrator
) -> None:
    with pooler(postgres_database, tmp_path, mode) as port:
        url = f"postgresql+{driver}://any:body@127.0.0.1:{port}/{postgres_database.name}"
        ran = migrator("doctor", cwd=small, env={"TESTING_DATABASE_URL": url})

    if mode == "session":
        assert only(ran, "pooler") == ["ok", "each connection keeps its own session"]
        return
    severity, text, hint = only(ran, "pooler")
    assert (severity, "hands sessions around" in text) == ("problem", True)
    assert "past the pooler: TESTING_DATABASE_URL=postgresql://" in hint


def test_prepared_statements_of_others_behind_a_pooler_are_understood(
    small: Path, tmp_path: Path, postgres_database: Database, shell: Callable[..., Ran]
) -> None:
    with pooler(postgres_database, tmp_path, "transaction") as port:
        url = f"postgresql://any:body@127.0.0.1:{port}/{postgres_database.name}"
        with psycopg.connect(url, autocommit=True) as connection:
            for number in range(1, 50):
                connection.execute(f"PREPARE __asyncpg_stmt_{number:x}__ AS SELECT 1".encode())

        # asyncpg numbers its statements from the start of the process.
        ran, other = (
            shell(["migrator", command], cwd=small, env={"TESTING_DATABASE_URL": url})
            for command in ("doctor", "current")
        )

    assert other.code == 6
    assert "A pooler in front of the server hands sessions around. (prepared statement" in other.err
    assert "hint: Connect to the server itself, past the pooler: correct TESTING_DATABASE_URL" in other.err
    severity, text, _hint = only(ran, "pooler")
    assert (severity, "prepared statements are lost" in text) == ("problem", True)
    assert "connection" not in found(ran)


def test_behind_a_pooler_that_hands_sessions_around_nothing_is_upgraded(
    small: Path, tmp_path: Path, postgres_database: Database, shell: Callable[..., Ran]
) -> None:
    with pooler(postgres_database, tmp_path, "transaction") as port:
        url = f"postgresql://any:body@127.0.0.1:{port}/{postgres_database.name}"

        ran = shell(["migrator", "upgrade"], cwd=small, env={"TESTING_DATABASE_URL": url})

    # Whichever of its connections meets the other's session first.
    assert (ran.code in (6, 8), "pooler" in ran.err) == (True, True), ran.err
    assert set(postgres_database.tables()) <= {"alembic_version"}


def test_a_lock_that_is_left_in_a_pooler_is_told_from_a_run(
    small: Path, tmp_path: Path, postgres_database: Database, migrator: Migrator
) -> None:
    with pooler(postgres_database, tmp_path, "transaction") as port:
        url = f"postgresql+psycopg://any:body@127.0.0.1:{port}/{postgres_database.name}"
        key = lock_key(LockName(Facts("postgresql", "", schema="public"), "public.alembic_version"))
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"SELECT pg_advisory_lock({key})".encode())

        ran = migrator("doctor", cwd=small, env={"TESTING_DATABASE_URL": url})

    severity, text, hint = only(ran, "lock")
    assert (severity, "left its lock on a session of the pooler" in text) == ("problem", True)
    assert hint.startswith("End that session: SELECT pg_terminate_backend(")


@pytest.mark.parametrize("url", ["postgresql://u:p@127.0.0.1:6432/d", "postgresql://u:p@my-pooler.invalid/d"])
def test_an_address_that_looks_like_a_poolers_is_noted(url: str, small: Path, migrator: Migrator) -> None:
    ran = migrator("doctor", cwd=small, env={"TESTING_DATABASE_URL": url})

    assert only(ran, "pooler")[0] == "note"


@pytest.mark.parametrize(
    ("version", "severity"),
    [("PostgreSQL 11.22", "problem"), ("PostgreSQL 13.9", "note"), ("PostgreSQL 14.1", "ok")],
)
def test_an_old_server_is_named(version: str, severity: str) -> None:
    said, major = f"{version} on x86_64, compiled by gcc", int(version.split()[1].split(".")[0])
    [finding] = server_version(Facts("postgresql", "d", version=said, major=major))

    assert finding.severity == severity
    assert bool(finding.hint) == (severity != "ok")


TWO_DATABASES = """
from alembic import context
from sqlalchemy import create_engine

for name in ("one", "two"):
    with create_engine(f"sqlite:///{name}.db").connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""


def test_each_database_of_an_env_py_that_has_several_is_looked_at(tmp_path: Path, migrator: Migrator) -> None:
    (tmp_path / "alembic" / "versions").mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/alembic\n")
    (tmp_path / "alembic" / "env.py").write_text(TWO_DATABASES)
    for name in ("one.db", "two.db"):
        (tmp_path / name).touch()

    ran = migrator("doctor", "--config", "alembic.ini", cwd=tmp_path)

    assert [each[1] for each in found(ran)["revision"]] == ["one.db: at base", "two.db: at base"]


def test_an_env_py_that_connects_elsewhere_is_a_problem_of_the_url(small: Path, migrator: Migrator) -> None:
    (small / "migrations" / "env.py").write_text(TWO_DATABASES)
    (small / "data.db").touch()

    ran = migrator("doctor", cwd=small, env={"TESTING_DATABASE_URL": "sqlite:///data.db"})

    [_, [severity, text, hint]] = found(ran)["url"]
    assert (severity, text.startswith("env.py connects to one.db")) == ("problem", True)
    assert hint.startswith("Let env.py take its URL from")


def test_a_plain_alembic_project_is_looked_at_too(tmp_path: Path, migrator: Migrator) -> None:
    (tmp_path / "alembic" / "versions").mkdir(parents=True)
    write_revision(tmp_path / "alembic" / "versions", "aaa1", None, CREATE)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/alembic\n")
    (tmp_path / "alembic" / "env.py").write_text(
        "from alembic import context\nfrom sqlalchemy import create_engine\n\n"
        "with create_engine('sqlite:///plain.db').connect() as connection:\n"
        "    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )
    (tmp_path / "plain.db").touch()

    ran = migrator("doctor", "--config", "alembic.ini", cwd=tmp_path)

    assert set(severities(found(ran)).values()) == {"ok"}
    assert only(ran, "revision")[1] == "at base"
    assert "mark" not in found(ran)


def test_json_has_the_same_facts(small: Path, migrator: Migrator) -> None:
    ran = migrator("doctor", "--json", cwd=small)

    document = json.loads(ran.out)
    assert (document["status"], document["exit_code"], document["errors"]) == ("negative", 1, [])
    assert document["data"]["environment"] == "testing"
    problems = [each for each in document["data"]["findings"] if each["severity"] == "problem"]
    assert [(each["topic"], bool(each["hint"])) for each in problems] == [("url", True)]


def test_at_a_terminal_severities_have_colours_and_hints_lines_of_their_own() -> None:
    findings = (
        Finding("heads", "ok", "aaa1"),
        Finding("mark", "note", "none yet", "migrator mark"),
        Finding("indexes", "problem", "one is INVALID", "DROP INDEX it"),
    )
    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=80)

    console.print(rendered(Diagnosis("testing", findings), How()))

    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue().splitlines()
    assert len(shown) == 5
    assert "\x1b[32mok" in shown[0]
    assert "\x1b[33mnote" in shown[1]
    assert "\x1b[2mmigrator mark" in shown[2]
    assert "\x1b[1;31mproblem" in shown[3]
    assert "\x1b[2mDROP INDEX it" in shown[4]
