"""What a worker has sent to two tenants it sends to the next without working it out anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Database, Ran
from tests.projects.fleet import QUERY, Fleet, make_fleet
from tests.projects.small import versions

NAMES = ["acme", "globex", "hooli", "initech"]
TABLE = """\
op.create_table("counted", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("name", sa.Text()))
op.create_index("by_name", "counted", ["name"])"""
ENUM = 'op.create_table("moods", sa.Column("mood", sa.Enum("good", "bad", name="mood")))'
AGAIN = 'op.create_table("again", sa.Column("mood", sa.Enum("good", "bad", name="mood")))'
COUNTING = """\
import sqlalchemy as sa
from pathlib import Path
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateTable

metadata = sa.MetaData()


@compiles(CreateTable)
def counted(element, compiler, **options):
    with Path("made").open("a") as file:
        file.write(f"{element.element.name}\\n")
    return compiler.visit_create_table(element, **options)
"""
LISTENING = """

@sa.event.listens_for(sa.Table, "after_create")
def comment(table, connection, **_):
    schema = connection.dialect.default_schema_name
    connection.exec_driver_sql(f"COMMENT ON TABLE {table.name} IS 'of {schema}'")
"""


@pytest.fixture
def models(tmp_path: Path) -> str:
    """Give a name of a module that no other test has imported."""
    return f"repeated_{tmp_path.parent.name.replace('-', '_')}_{tmp_path.name}"


@pytest.fixture
def make(
    tmp_path: Path, models: str, postgres_database: Database, migrator: Callable[..., Ran]
) -> Callable[..., Fleet]:
    """Make a project of four tenants at base, from its models and what its revisions do."""

    def make(text: str, *bodies: str) -> Fleet:
        fleet = make_fleet(tmp_path / "a fleet", postgres_database, migrator, bodies)
        for path in versions(fleet.root).glob("*.py"):
            path.write_text(
                path.read_text().replace("from alembic", "import sqlalchemy as sa\nfrom alembic", 1)
            )
        (fleet.root / f"{models}.py").write_text(text)
        fleet.settings(QUERY, f"models = {models}:metadata")
        fleet.add(*NAMES)
        return fleet

    return make


UPGRADE = ("upgrade", "--env", "testing", "--tenants", "all", "--jobs", "1", "--keep-going")


def made(fleet: Fleet, table: str) -> int:
    """Count how often SQLAlchemy wrote the statement that makes a table."""
    return (fleet.root / "made").read_text().splitlines().count(table)


@pytest.mark.slow
def test_all_get_the_same_and_it_is_worked_out_twice(make: Callable[..., Fleet]) -> None:
    fleet = make(COUNTING, TABLE, ENUM, AGAIN)

    assert fleet.outcomes(*UPGRADE) == dict.fromkeys(NAMES, "done")

    columns = (
        "SELECT count(*) FROM information_schema.columns WHERE table_name IN ('counted', 'moods', 'again')"
    )
    assert fleet.database.query(columns) == [(4 * 4,)]
    assert fleet.database.query("SELECT count(*) FROM pg_indexes WHERE indexname = 'by_name'") == [(4,)]
    assert fleet.database.query("SELECT count(*) FROM pg_type WHERE typname = 'mood'") == [(4,)]
    assert fleet.heads() == dict.fromkeys(NAMES, "r3")
    # Whether a type is there is asked of each database.
    assert [made(fleet, table) for table in ("counted", "moods", "again")] == [2, 4, 4]


@pytest.mark.slow
def test_what_a_listener_adds_for_each_is_not_taken_for_the_same(make: Callable[..., Fleet]) -> None:
    fleet = make(COUNTING + LISTENING, TABLE)

    assert fleet.outcomes(*UPGRADE) == dict.fromkeys(NAMES, "done")

    comments = "SELECT obj_description(oid) FROM pg_class WHERE relname = 'counted' ORDER BY 1"
    assert fleet.database.query(comments) == [(f"of {name}",) for name in NAMES]


@pytest.mark.slow
def test_one_that_fails_is_run_again_to_say_which_statement_it_was(make: Callable[..., Fleet]) -> None:
    fleet = make(COUNTING, TABLE)
    fleet.database.query("CREATE SEQUENCE initech.by_name")

    answers = fleet.answers(*UPGRADE, code=7)

    assert [answers[name]["outcome"] for name in NAMES] == ["done", "done", "done", "failed"]
    assert 'relation "by_name" already exists' in answers["initech"]["error"]
    assert "CREATE INDEX by_name" in str(answers["initech"])
    assert fleet.heads() == dict.fromkeys(NAMES[:3], "r1")


@pytest.mark.slow
@pytest.mark.parametrize(("driver", "way"), [("asyncpg", "plain"), ("psycopg", "fast")])
def test_what_goes_the_ordinary_way_is_worked_out_for_each(
    driver: str, way: str, make: Callable[..., Fleet]
) -> None:
    fleet = make(COUNTING, TABLE)
    with (fleet.root / "configs" / "alembic_test.ini").open("a") as ini:
        ini.write(f"round_trips = {way}\n")

    fleet.run(*UPGRADE, env={"TESTING_DATABASE_URL": fleet.url.replace("asyncpg", driver)})

    assert fleet.heads() == dict.fromkeys(NAMES, "r1")
    assert fleet.database.query("SELECT count(*) FROM pg_indexes WHERE indexname = 'by_name'") == [(4,)]
    assert made(fleet, "counted") == 4
