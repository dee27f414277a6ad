"""Projects that know nothing of migrator: it leaves what plain Alembic leaves, and says what that says."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.conftest import Database, Ran, process_variables
from tests.projects.foreign.alembic_processes import AlembicProcesses
from tests.projects.foreign.kinds import FOLDER, KINDS, Kind, Side, place
from tests.slow import first_is_fast, slow

Command = Callable[..., Ran]
NewSide = Callable[..., Side]
OWNER = "shopkeeper"

LASTING = [kind for kind in KINDS if kind.upgraded == (0, 0) and not kind.in_memory]


# One of each sort: asynchronous on PostgreSQL, SQLite, and one that commits nothing.
FAST = ("stock_async", "sqlite_batch", "statement_left_open")


def each(kinds: Iterable[Kind]) -> pytest.MarkDecorator:
    """Run a test once for each of the kinds; the others than FAST are slow."""
    params = [kind if kind.name in FAST else slow(kind) for kind in kinds]
    return pytest.mark.parametrize("kind", params, ids=lambda kind: kind.name)


@pytest.fixture
def new_side(tmp_path: Path, new_database: Callable[[], Database]) -> NewSide:
    """Copies a project and gives it databases. Its role owns them, or else may only use `public`."""
    copies: list[Side] = []

    def new(kind: Kind, *, owner: bool = True) -> Side:
        copy = tmp_path / str(len(copies)) / "shop"
        copies.append(place(kind, copy, lambda: _entrusted(new_database(), owner)))
        return copies[-1]

    return new


def _entrusted(database: Database, owner: bool) -> Database:
    """Give a database to a role without further privileges."""
    allow = "ALTER DATABASE {database} OWNER TO {role}" if owner else "GRANT ALL ON SCHEMA public TO {role}"
    with database.connect() as connection:
        _role(connection)
        names = {"database": sql.Identifier(database.name), "role": sql.Identifier(OWNER)}
        connection.execute(sql.SQL(allow).format(**names))
    return replace(database, user=OWNER, password=f"{OWNER}-password")


def _role(connection: psycopg.Connection[Any]) -> None:
    created = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
    try:
        connection.execute(created.format(sql.Identifier(OWNER), sql.Literal(f"{OWNER}-password")))
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        # By an earlier test, or just now by another worker.
        return


@pytest.fixture
def plain(processes: AlembicProcesses) -> Command:
    """Runs plain Alembic in a copy: `plain(side, "upgrade", "head")`."""

    def run(side: Side, *command: str) -> Ran:
        arguments = ["-c", side.kind.config, *side.options, *command]
        return Ran(*processes.run(arguments, cwd=side.root, env=process_variables(side.env)))

    return run


@pytest.fixture
def ours(migrator: Command) -> Command:
    """Runs migrator in a copy: `ours(side, "upgrade", "head")`."""

    def run(side: Side, *command: str) -> Ran:
        arguments = [*side.options, *command, "--config", side.kind.config]
        for entry in [entry for entry in sys.path_importer_cache if not Path(entry).is_absolute()]:
            # `prepend_sys_path = .` meant another copy before: Python remembers where it led.
            del sys.path_importer_cache[entry]
        return migrator(*arguments, cwd=side.root, env=side.env)

    return run


def kind_named(name: str) -> Kind:
    """Give one of the kinds."""
    return next(kind for kind in KINDS if kind.name == name)


def data_of(ran: Ran) -> dict[str, Any]:
    """Give the one document on stdout, which says how the command ended."""
    document: dict[str, Any] = json.loads(ran.out)
    assert document["exit_code"] == ran.code, ran.out + ran.err
    return document


def lines(ran: Ran, chatter: tuple[str, ...] = ()) -> list[str]:
    """Give what was said on stdout, less what begins as env.py's own words do; equal lines once."""
    return sorted({line for line in ran.out.splitlines() if not line.startswith(chatter)})


def test_every_folder_is_tested() -> None:
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert folders == {kind.name for kind in KINDS}


@each(KINDS)
def test_heads_and_history_are_those_of_alembic(
    kind: Kind, new_side: NewSide, plain: Command, ours: Command
) -> None:
    side = new_side(kind)

    for command in ("heads", "history"):
        theirs, mine = plain(side, command), ours(side, command)
        assert (mine.code, mine.out) == (theirs.code, theirs.out), theirs.err + mine.err
        assert mine.out != ""


@each(kind for kind in KINDS if kind not in LASTING)
def test_upgrade_ends_where_alembic_ends_or_says_that_it_does_not(
    kind: Kind, new_side: NewSide, plain: Command, ours: Command
) -> None:
    assert_upgraded_alike(new_side(kind), new_side(kind), plain, ours)


@pytest.mark.slow
@each(LASTING)
def test_upgrade_current_and_downgrade_do_what_alembic_does(
    kind: Kind, new_side: NewSide, plain: Command, ours: Command
) -> None:
    by_alembic, by_migrator = new_side(kind), new_side(kind)
    assert_upgraded_alike(by_alembic, by_migrator, plain, ours)
    upgraded = by_migrator.snapshot()

    assert lines(ours(by_migrator, "current")) == lines(plain(by_alembic, "current"), kind.chatter)
    again = data_of(ours(by_migrator, "upgrade", kind.target, "--json"))
    assert (again["exit_code"], by_migrator.snapshot()) == (0, upgraded)
    theirs, mine = plain(by_alembic, "downgrade", "base"), ours(by_migrator, "downgrade", "base", "--json")
    data_of(mine)
    assert (theirs.code, mine.code) == kind.downgraded, theirs.err + mine.out + mine.err
    assert by_migrator.snapshot() == by_alembic.snapshot()


def assert_upgraded_alike(by_alembic: Side, by_migrator: Side, plain: Command, ours: Command) -> None:
    """Upgrade each copy its way: the exit codes are the kind's, and the databases are equal."""
    kind = by_alembic.kind
    theirs, mine = (
        plain(by_alembic, "upgrade", kind.target),
        ours(by_migrator, "upgrade", kind.target, "--json"),
    )
    assert (theirs.code, mine.code) == kind.upgraded, theirs.err + mine.out + mine.err
    data_of(mine)
    assert by_migrator.snapshot() == by_alembic.snapshot() != []


@pytest.mark.slow
@each(kind for kind in KINDS if kind.has_models)
def test_alembic_check_answers_as_if_migrator_had_never_been_there(
    kind: Kind, new_side: NewSide, plain: Command, ours: Command
) -> None:
    by_alembic, by_migrator = new_side(kind), new_side(kind)
    plain(by_alembic, "upgrade", kind.target)
    before = plain(by_alembic, "check")
    assert before.code == (255 if kind.name == "own_variable" else 0), before.err

    for side in (by_migrator, by_alembic):
        assert ours(side, "upgrade", kind.target).code == 0
        after = plain(side, "check")
        assert (after.code, lines(after, kind.chatter)) == (before.code, lines(before, kind.chatter)), (
            after.err
        )
        assert ours(side, "check").code == (1 if before.code else 0)


@pytest.mark.slow
def test_each_tenant_of_a_database_has_its_own_history(
    new_side: NewSide, plain: Command, ours: Command
) -> None:
    kind = kind_named("tenant_search_path")
    by_alembic, by_migrator = new_side(kind), new_side(kind)
    for tenant in ("acme", "globex"):
        options = ("-x", f"tenant={tenant}")
        plain(replace(by_alembic, options=options), "upgrade", "head")
        mine = ours(replace(by_migrator, options=options), "upgrade", "head", "--json")
        assert [step["revision"] for step in data_of(mine)["data"]["applied"]] == ["a1", "a2"]
        assert by_migrator.snapshot() == by_alembic.snapshot()

    back = replace(by_migrator, options=("-x", "tenant=globex"))
    assert ours(back, "downgrade", "base").code == 0
    assert lines(ours(by_migrator, "current")) == ["a2 (head)"]
    assert lines(ours(back, "current")) == []


@pytest.mark.parametrize("name", ["memory_in_env_py", "memory_in_module"])
def test_a_database_in_memory_is_not_said_to_have_been_read_again(
    name: str, new_side: NewSide, ours: Command
) -> None:
    side = new_side(kind_named(name))

    assert data_of(ours(side, "upgrade", "--json"))["data"]["after"] is None
    assert "not read again: in memory" in ours(side, "upgrade").out


LOGGED = ("stock_async", "version_table", "one_transaction", "tenant_search_path", "two_heads", "multidb")


@pytest.mark.parametrize("name", first_is_fast([*LOGGED, "engine_creator", "autocommit_engine"]))
def test_the_log_has_a_schema_of_its_own(name: str, new_side: NewSide, ours: Command) -> None:
    kind = kind_named(name)
    side = new_side(kind)

    applied = data_of(ours(side, "upgrade", kind.target, "--json"))["data"]["applied"]

    # Where there are several databases, each has its own log of all revisions.
    expected = [(kind.version_table, revision) for revision in dict.fromkeys(s["revision"] for s in applied)]
    for database in side.databases:
        assert database.query("SELECT version_table, revision FROM _migrator.log ORDER BY id") == expected


@pytest.mark.parametrize("name", first_is_fast(["stock_sync", "stock_async", "one_transaction"]))
def test_without_leave_for_a_schema_there_is_no_log_table(
    name: str, new_side: NewSide, plain: Command, ours: Command
) -> None:
    kind = kind_named(name)
    by_alembic, by_migrator = new_side(kind, owner=False), new_side(kind, owner=False)
    assert plain(by_alembic, "upgrade", "head").code == 0

    mine = ours(by_migrator, "upgrade")

    assert mine.code == 0, mine.err
    assert by_migrator.snapshot() == by_alembic.snapshot()
    assert by_migrator.databases[0].query("SELECT 1 FROM pg_namespace WHERE nspname = '_migrator'") == []


@pytest.mark.parametrize("name", ["statement_left_open", "no_begin_transaction"])
def test_what_was_not_committed_is_said_to_remain(name: str, new_side: NewSide, ours: Command) -> None:
    side = new_side(kind_named(name))

    document = data_of(ours(side, "upgrade", "--json"))

    assert (document["exit_code"], document["status"]) == (7, "error")
    assert document["data"]["applied"] == []
    assert [step["revision"] for step in document["data"]["remaining"]] == ["r001", "r002"]


def test_a_connection_that_the_application_hands_in_is_not_asked_for_in_vain(
    new_side: NewSide, ours: Command
) -> None:
    side = new_side(kind_named("connection_required"))

    ran = ours(side, "upgrade")

    assert ran.code == 3
    assert "migrations/env.py, line 4, failed: KeyError: 'connection'" in ran.err


@pytest.mark.slow
@pytest.mark.parametrize("name", first_is_fast(["prints_on_stdout", "logging_sections", "stock_async"]))
def test_stdout_of_a_process_is_one_document_whatever_env_py_writes(
    name: str, new_side: NewSide, shell: Command
) -> None:
    side = new_side(kind_named(name))

    ran = shell(["migrator", "upgrade", "--json", "--config", side.kind.config], cwd=side.root, env=side.env)

    assert data_of(ran)["exit_code"] == 0
    assert ("[shop] past Python's own stream" in ran.err) == (name == "prints_on_stdout")
