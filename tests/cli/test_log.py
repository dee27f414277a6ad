"""The log: one row for each step in the step's own transaction, in one table that nobody else sees."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import migrator as package
from tests.conftest import Database, Ran
from tests.projects.books import AnyDatabase, BooksProject
from tests.projects.shops import TABLES, Shop
from tests.projects.small import revision_text, versions

Migrator = Callable[..., Ran]
STEPS = "SELECT revision, direction FROM {} ORDER BY id"


def settings(project: Path, *lines: str) -> None:
    """Add lines to the section of staging."""
    ini = project / "configs" / "alembic_staging.ini"
    ini.write_text("\n".join([ini.read_text().rstrip(), *lines]) + "\n")


def steps(shop: Shop, table: str = "_migrator.log") -> list[tuple[object, ...]]:
    """Give revision and direction of each row."""
    return shop.query(STEPS.format(table))


def test_each_step_has_one_row_that_says_what_was_done(shop: Shop, run_staging: Migrator) -> None:
    begun = datetime.now(UTC)
    for command in ("upgrade", "downgrade -1", "stamp ccc3", "stamp base"):
        assert run_staging(*command.split(), env=shop.env).code == 0

    rows = shop.query(
        "SELECT revision, down_revision, direction, duration_ms IS NOT NULL, length(hash), length(file_hash)"
        " FROM _migrator.log ORDER BY id"
    )
    assert rows == [
        ("aaa1", None, "upgrade", True, 64, 64),
        ("bbb2", "aaa1", "upgrade", True, 64, 64),
        ("ccc3", "bbb2", "upgrade", True, 64, 64),
        ("ccc3", "bbb2", "downgrade", True, 64, 64),
        ("ccc3", "bbb2", "stamp", False, 64, 64),
        (None, "ccc3", "stamp", False, None, None),
    ]
    same = shop.query(
        "SELECT DISTINCT environment, version_table, user_name <> '', host <> '', migrator_version,"
        " git_commit FROM _migrator.log"
    )
    assert same == [("staging", "public.alembic_version", True, True, package.__version__, None)]
    times = [row[0] for row in shop.query("SELECT started_at FROM _migrator.log ORDER BY id")]
    assert times == sorted(times, key=str)
    assert all(isinstance(at, datetime) and begun - timedelta(seconds=1) <= at for at in times)


def test_the_duration_is_that_of_the_step_in_milliseconds(
    shop: Shop, project: Path, run_staging: Migrator
) -> None:
    path = versions(project, "staging") / "aaa1.py"
    path.write_text(revision_text("aaa1", None, 'op.execute("SELECT pg_sleep(0.3)")'))

    assert run_staging("upgrade", "bbb2", env=shop.env).code == 0

    (slow,), (quick,) = shop.query("SELECT duration_ms FROM _migrator.log ORDER BY id")
    assert isinstance(slow, int)
    assert isinstance(quick, int)
    assert 300 <= slow < 3000
    assert quick < slow


def test_a_revision_that_fails_leaves_no_row(shop: Shop, project: Path, run_staging: Migrator) -> None:
    body = 'op.execute("CREATE TABLE lost (id integer)")\nop.execute("SELECT 1 / 0")'
    (versions(project, "staging") / "bbb2.py").write_text(revision_text("bbb2", "aaa1", body))

    assert run_staging("upgrade", env=shop.env).code == 7

    assert steps(shop) == [("aaa1", "upgrade")]
    assert sorted(shop.state()) == [
        "_migrator.log",
        "_migrator.mark",
        "public.alembic_version",
        "public.customers",
    ]


def test_a_run_whose_first_revision_fails_leaves_nothing_of_the_log(
    shop: Shop, project: Path, run_staging: Migrator
) -> None:
    path = versions(project, "staging") / "aaa1.py"
    path.write_text(revision_text("aaa1", None, 'op.execute("SELECT 1 / 0")'))

    assert run_staging("upgrade", env=shop.env).code == 7

    assert [name for name, rows in shop.state().items() if rows] == []


def test_the_row_is_written_in_the_transaction_of_its_step(shop: Shop, run_staging: Migrator) -> None:
    assert run_staging("upgrade", env=shop.env).code == 0

    together = shop.query(
        "SELECT l.revision, l.xmin = c.xmin FROM _migrator.log l"
        " JOIN (VALUES ('aaa1', 'customers'), ('bbb2', 'orders'), ('ccc3', 'parcels')) t (revision, name)"
        " USING (revision) JOIN pg_class c ON c.relname = t.name ORDER BY 1"
    )
    assert together == [(revision, True) for revision in TABLES]
    assert len(shop.query("SELECT DISTINCT xmin::text FROM _migrator.log")) == 3


def test_with_one_transaction_for_the_run_it_holds_all_rows(
    shop: Shop, project: Path, run_staging: Migrator
) -> None:
    settings(project, "transaction = run")

    assert run_staging("upgrade", env=shop.env).code == 0

    assert len(shop.query("SELECT DISTINCT xmin::text FROM _migrator.log")) == 1
    assert [row[0] for row in steps(shop)] == list(TABLES)


def test_the_git_commit_is_the_one_checked_out(shop: Shop, project: Path, run_staging: Migrator) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *command], cwd=project, check=True, capture_output=True)
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=project, check=True, capture_output=True, text=True
    )
    commit = done.stdout.strip()

    assert run_staging("upgrade", "aaa1", env=shop.env).code == 0

    assert shop.query("SELECT git_commit FROM _migrator.log") == [(commit,)]
    assert run_staging("log", env=shop.env).out.rstrip("\n").endswith(f"\t{commit[:10]}")


def test_log_shows_the_newest_first_and_as_many_as_are_asked_for(shop: Shop, run_staging: Migrator) -> None:
    for command in ("upgrade", "downgrade -1", "upgrade"):
        assert run_staging(*command.split(), env=shop.env).code == 0

    def shown(*options: str) -> list[tuple[str, str]]:
        ran = run_staging("log", *options, env=shop.env)
        assert ran.code == 0, ran.err
        cells = [line.split("\t") for line in ran.out.splitlines()]
        assert all(len(each) == 7 and each[5] == "staging" for each in cells)
        return [(each[1], each[2]) for each in cells]

    every = [
        ("upgrade", "ccc3"),
        ("downgrade", "ccc3"),
        *(("upgrade", each) for each in ("ccc3", "bbb2", "aaa1")),
    ]
    assert shown() == every
    assert shown("--limit", "2") == every[:2]
    assert shown("--limit", "1") == every[:1]
    assert shown("--revision", "ccc3") == every[:3]
    assert shown("--revision", "c", "--limit", "2") == every[:2]
    assert shown("--revision", "aa") == every[4:]
    # Neither a pattern, nor the end of an id.
    for nothing in ("%", "_", "cc3", "zzz"):
        assert shown("--revision", nothing) == []
    assert run_staging("log", "--limit", "0", env=shop.env).code == 2


def test_json_has_every_column(shop: Shop, run_staging: Migrator) -> None:
    assert run_staging("upgrade", "bbb2", env=shop.env).code == 0

    ran = run_staging("log", "--json", "--limit", "1", env=shop.env)

    document = json.loads(ran.out)
    assert (document["status"], document["exit_code"], ran.code) == ("success", 0, 0)
    assert document["data"]["table"] == "_migrator.log"
    (entry,) = document["data"]["entries"]
    ((columns,),) = shop.query(
        "SELECT array_agg(column_name::text) FROM information_schema.columns"
        " WHERE table_schema = '_migrator' AND table_name = 'log'"
    )
    assert isinstance(columns, list)
    assert sorted(entry) == sorted(columns)
    assert (entry["revision"], entry["down_revision"], entry["direction"]) == ("bbb2", "aaa1", "upgrade")
    assert datetime.fromisoformat(entry["started_at"]).tzinfo is not None


READING = [
    "current",
    "history -i",
    "log",
    "status --timeout 20s",
    "check",
    "doctor",
    "upgrade --dry-run",
    "wait",
]


@pytest.mark.parametrize("command", READING)
def test_what_only_reads_makes_no_table(command: str, shop: Shop, run_staging: Migrator) -> None:
    run_staging(*command.split(), env=shop.env)

    assert shop.state() == {}


def test_where_nothing_was_done_yet_there_is_no_log(shop: Shop, run_staging: Migrator) -> None:
    plain, as_json = run_staging("log", env=shop.env), run_staging("log", "--json", env=shop.env)

    assert (plain.code, plain.out) == (0, "")
    assert json.loads(as_json.out)["data"] == {"table": None, "entries": []}


def test_it_may_be_off(shop: Shop, project: Path, run_staging: Migrator) -> None:
    settings(project, "log_table = off")

    for command in ("upgrade", "downgrade -1", "stamp ccc3"):
        assert run_staging(*command.split(), env=shop.env).code == 0

    assert [name for name in shop.state() if "log" in name] == []
    # Whose database it is, is another matter.
    assert shop.mark() == "staging"
    assert run_staging("log", env=shop.env).out == ""


def test_it_may_have_a_name_of_its_own(shop: Shop, project: Path, run_staging: Migrator) -> None:
    settings(project, "log_table = audit.migrations")
    shop.query("CREATE SCHEMA audit")

    assert run_staging("upgrade", env=shop.env).code == 0
    assert run_staging("downgrade", "-1", env=shop.env).code == 0

    assert steps(shop, "audit.migrations")[-1] == ("ccc3", "downgrade")
    assert [name for name in shop.state() if "log" in name] == []
    assert json.loads(run_staging("log", "--json", env=shop.env).out)["data"]["table"] == "audit.migrations"


def test_purging_down_to_base_is_one_row_that_names_what_was_taken_away(
    shop: Shop, run_staging: Migrator
) -> None:
    assert run_staging("upgrade", env=shop.env).code == 0
    before = len(steps(shop))
    shop.query("UPDATE alembic_version SET version_num = 'long_gone'")
    shop.query("INSERT INTO alembic_version VALUES ('other')")

    assert run_staging("stamp", "--purge", "base", env=shop.env).code == 0
    assert run_staging("stamp", "--purge", "base", env=shop.env).code == 0

    rows = shop.query("SELECT direction, revision, down_revision FROM _migrator.log ORDER BY id")[before:]
    assert rows == [("stamp", None, "long_gone, other")]
    assert shop.revisions() == []


def test_a_purge_that_cannot_be_logged_is_rolled_back(shop: Shop, run_staging: Migrator) -> None:
    assert run_staging("upgrade", env=shop.env).code == 0
    shop.query("ALTER TABLE _migrator.log ADD CHECK (direction <> 'stamp')")

    ran = run_staging("stamp", "--purge", "base", env=shop.env)

    assert (ran.code, shop.revisions()) == (6, ["ccc3"]), ran.err


def wrong_log_table(shop: Shop, project: Path, kind: str) -> tuple[str, str]:
    """Let the key name what cannot be a log; gives what the error says of it, and what its hint does."""
    if kind == "schema":
        settings(project, "log_table = Audits.migrations")
        return "has no schema Audits", 'CREATE SCHEMA "Audits"'
    settings(project, "log_table = public.taken")
    shop.query(
        {
            "table": "CREATE TABLE taken (id integer, revision text)",
            "view": "CREATE VIEW taken AS SELECT 1 AS id",
        }[kind]
    )
    return "names public.taken", "Correct log_table"


@pytest.mark.parametrize("kind", ["schema", "table", "view"])
@pytest.mark.parametrize(
    "line", ["upgrade", "upgrade --dry-run", "stamp head", "mark --confirm {database}", "log"]
)
def test_a_log_table_that_can_be_none_is_named_before_anything_is_begun(
    shop: Shop, project: Path, run_staging: Migrator, kind: str, line: str
) -> None:
    said, hint = wrong_log_table(shop, project, kind)
    before = shop.state()

    ran = run_staging(*line.format(database=shop.database.name).split(), env=shop.env)

    assert (ran.code, ran.out, shop.state()) == (3, "", before), ran.err
    assert "log_table" in ran.err
    assert "configs/alembic_staging.ini" in ran.err
    assert said in ran.err
    assert hint in ran.err.partition("hint: ")[2]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["schema", "table", "view"])
def test_what_needs_no_log_goes_on_without_and_says_what_is_wrong_with_it(
    shop: Shop, project: Path, run_staging: Migrator, kind: str
) -> None:
    assert run_staging("upgrade", env=shop.env).code == 0
    said, _hint = wrong_log_table(shop, project, kind)

    assert run_staging("current", env=shop.env).out == "ccc3 (head)\n"
    status = run_staging("status", "--json", env={"STAGING_DATABASE_URL": shop.env["DATABASE_URL"]})
    (staging,) = [each for each in json.loads(status.out)["data"]["environments"] if each["current"]]
    assert (staging["state"], staging["last_run"]) == ("ok", None)
    assert said in staging["notes"][0]
    doctor = run_staging("doctor", env=shop.env)
    assert doctor.code == 1
    (problem,) = [line for line in doctor.out.splitlines() if line.startswith("problem\tlog\t")]
    assert said in problem


def test_the_hint_for_a_missing_schema_is_enough(shop: Shop, project: Path, run_staging: Migrator) -> None:
    wrong_log_table(shop, project, "schema")
    ran = run_staging("upgrade", env=shop.env)

    shop.query(ran.err.partition("Create it: ")[2].partition(";")[0])

    assert run_staging("upgrade", env=shop.env).code == 0
    assert len(steps(shop, '"Audits".migrations')) == 3


def test_the_schema_of_our_own_need_not_be_there_to_be_named(
    shop: Shop, project: Path, run_staging: Migrator
) -> None:
    settings(project, "log_table = _migrator.log")

    assert run_staging("upgrade", env=shop.env).code == 0
    assert len(steps(shop)) == 3


def test_a_schema_that_the_role_may_make_no_table_in_is_named_before_anything_is_begun(
    shop: Shop, postgres_database: Database, project: Path, run_staging: Migrator
) -> None:
    postgres_database.query("CREATE SCHEMA audit")
    settings(project, "log_table = audit.migrations")

    ran = run_staging("upgrade", env=shop.env)

    assert (ran.code, shop.state()) == (6, {}), ran.err
    grant = ran.err.partition("Grant it: ")[2].partition(";")[0]
    postgres_database.query(grant)
    assert run_staging("upgrade", env=shop.env).code == 0


def test_an_existing_log_is_used_and_never_a_second_one_made(
    bare_role: Shop, postgres_database: Database, run_staging: Migrator
) -> None:
    assert run_staging("upgrade", "aaa1", env=bare_role.env).code == 0
    assert steps(bare_role, "public.migrator_log") == [("aaa1", "upgrade")]

    postgres_database.query(
        f"GRANT CREATE ON DATABASE {bare_role.database.name} TO {bare_role.database.user}"
    )
    assert run_staging("upgrade", "bbb2", env=bare_role.env).code == 0
    # Another role that may do more comes along.
    strong = Shop(postgres_database)
    assert run_staging("upgrade", env=strong.env).code == 0

    assert steps(bare_role, "public.migrator_log") == [(each, "upgrade") for each in TABLES]
    assert [name for name in strong.state() if "log" in name or "mark" in name] == [
        "public.migrator_log",
        "public.migrator_mark",
    ]
    assert (
        json.loads(run_staging("log", "--json", env=bare_role.env).out)["data"]["table"]
        == "public.migrator_log"
    )


def test_a_role_that_may_not_write_into_the_log_is_told_so_before_anything_is_done(
    bare_role: Shop, postgres_database: Database, run_staging: Migrator
) -> None:
    assert run_staging("upgrade", "aaa1", env=Shop(postgres_database).env).code == 0
    user = bare_role.database.user
    postgres_database.query(
        f"GRANT ALL ON alembic_version TO {user}; GRANT USAGE ON SCHEMA _migrator TO {user}"
    )
    postgres_database.query(f"GRANT SELECT ON _migrator.mark, _migrator.log TO {user}")
    before = Shop(postgres_database).state()

    ran = run_staging("upgrade", env=bare_role.env)

    assert (ran.code, Shop(postgres_database).state()) == (6, before), ran.err
    # What the hint says is enough.
    _, _, grants = ran.err.partition("Grant it: ")
    postgres_database.query(grants.partition("; or ")[0])
    assert run_staging("upgrade", env=bare_role.env).code == 0
    assert run_staging("log", "--limit", "1", env=bare_role.env).out.split("\t")[2] == "ccc3"


@pytest.mark.slow
def test_autogenerate_does_not_see_it(
    books: BooksProject, either_database: AnyDatabase, migrator: Migrator, shell: Callable[..., Ran]
) -> None:
    """Neither migrator's own, nor that of plain Alembic with the same env.py."""
    generated = migrator("generate", "-m", "first", cwd=books.root, env=either_database.env)
    assert generated.code == 0, generated.err
    assert migrator("upgrade", cwd=books.root, env=either_database.env).code == 0
    ours = {"sqlite": "migrator_log", "postgresql": "_migrator.log"}[either_database.backend]
    assert len(either_database.query(f"SELECT id FROM {ours}")) == 1

    check = migrator("check", cwd=books.root, env=either_database.env)
    again = migrator("generate", "-m", "second", cwd=books.root, env=either_database.env)
    alembic = ["alembic", "-c", "configs/alembic_test.ini"]
    plain = shell([*alembic, "check"], cwd=books.root, env=either_database.env)

    assert check.code == 0, check.out + check.err
    assert (again.code, len(books.files())) == (0, 1), again.out
    assert plain.code == 0, plain.out + plain.err
    assert "No new upgrade operations detected" in plain.out


@pytest.mark.slow
def test_a_log_under_a_name_of_its_own_is_not_seen_either(
    books: BooksProject, either_database: AnyDatabase, migrator: Migrator, shell: Callable[..., Ran]
) -> None:
    # Elsewhere than on PostgreSQL a schema is a database of its own, and the log keeps its name.
    name = "migrator_log" if either_database.backend == "sqlite" else "kept"
    books.settings(migrator=["log_table = public.kept"])
    assert migrator("generate", "-m", "first", cwd=books.root, env=either_database.env).code == 0
    assert migrator("upgrade", cwd=books.root, env=either_database.env).code == 0
    assert len(either_database.query(f"SELECT id FROM {name}")) == 1

    check = migrator("check", cwd=books.root, env=either_database.env)
    plain = shell(
        ["alembic", "-c", "configs/alembic_test.ini", "check"], cwd=books.root, env=either_database.env
    )

    assert (check.code, plain.code) == (0, 0), check.out + plain.out + plain.err


def test_sqlite_keeps_it_beside_the_version_table(run_staging: Migrator) -> None:
    env = {"DATABASE_URL": "sqlite:///shop.db"}
    for command in ("upgrade", "downgrade -1"):
        assert run_staging(*command.split(), env=env).code == 0

    document = json.loads(run_staging("log", "--json", env=env).out)["data"]

    assert document["table"] == "migrator_log"
    logged = [(each["direction"], each["revision"], each["version_table"]) for each in document["entries"]]
    assert logged == [
        (direction, revision, "alembic_version")
        for direction, revision in (
            ("downgrade", "ccc3"),
            *(("upgrade", each) for each in ("ccc3", "bbb2", "aaa1")),
        )
    ]
    # What is stored is UTC, whatever the machine's own time is.
    for entry in document["entries"]:
        assert abs(datetime.fromisoformat(entry["started_at"]) - datetime.now(UTC)) < timedelta(minutes=5)
