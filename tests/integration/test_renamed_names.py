"""A new release of SQLAlchemy or asyncpg that renames a private name makes runs slower, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy

from tests.conftest import ROOT, Ran, process_variables
from tests.projects.small import revision_text, versions, write_project
from tests.proxy import counting_proxy
from tests.slow import first_is_fast

if TYPE_CHECKING:
    from tests.conftest import Database

_DIALECT = "sqlalchemy.dialects.postgresql.asyncpg"
_CONNECTOR = "sqlalchemy.connectors.asyncio"
_ASYNCPG = "asyncpg.connection,asyncpg.transaction"
_IS_2_0 = sqlalchemy.__version__.startswith("2.0.")
# Each with the modules that have it. Those of SQLAlchemy 2.0 are all in one.
RENAMED = [
    (_DIALECT, "_transaction"),
    (_DIALECT if _IS_2_0 else f"{_DIALECT},{_CONNECTOR}", "_handle_exception"),
    (_DIALECT, "isolation_level"),
    (_DIALECT, "readonly"),
    (_DIALECT, "deferrable"),
    (_DIALECT, "_started" if _IS_2_0 else "_rowcount"),
    (_ASYNCPG, "_top_xact"),
]
# Names that earlier versions used.
UNUSED = [
    (_DIALECT if _IS_2_0 else f"{_DIALECT},{_CONNECTOR}", "_execute_mutex"),
    (_DIALECT, "_start_transaction"),
    (_DIALECT if _IS_2_0 else f"{_DIALECT},{_CONNECTOR}", "_adapt_connection"),
    ("asyncpg.transaction", "_state"),
    ("asyncpg.connection,asyncpg.transaction,asyncpg.cursor,asyncpg.prepared_stmt", "_protocol"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with three revisions, of which the last sends a statement that gives rows."""
    root = write_project(tmp_path / "project")
    create = 'op.execute("CREATE TABLE {0} (id int)"); op.execute("CREATE INDEX i_{0} ON {0} (id)")'
    write = (versions(root) / "r1.py").write_text
    write(revision_text("r1", None, create.format("a"), 'op.drop_table("a")'))
    (versions(root) / "r2.py").write_text(revision_text("r2", "r1", create.format("b"), 'op.drop_table("b")'))
    asks = f"op.get_bind().exec_driver_sql('SELECT 1').scalar_one()\n{create.format('c')}"
    (versions(root) / "r3.py").write_text(revision_text("r3", "r2", asks, 'op.drop_table("c")'))
    return root


Renamed = Callable[..., Ran]


@pytest.fixture
def renamed(root: Path, postgres_database: Database) -> Renamed:
    """Runs a command line with a name renamed: `renamed(modules, name, "upgrade")`."""

    def run(modules: str, name: str, *arguments: str, port: int | None = None) -> Ran:
        own = postgres_database.port
        url = postgres_database.url.replace(f":{own}/", f":{port or own}/")
        done = subprocess.run(
            [sys.executable, "-m", "tests.renamed", modules, name, *arguments],
            cwd=root,
            env=process_variables({"TESTING_DATABASE_URL": url, "PYTHONPATH": str(ROOT)}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.mark.parametrize(("modules", "name"), first_is_fast(RENAMED), ids=[name for _, name in RENAMED])
def test_without_a_private_name_a_run_takes_the_ordinary_way_and_doctor_says_so(
    modules: str, name: str, renamed: Renamed, postgres_database: Database
) -> None:
    with counting_proxy(postgres_database.host, postgres_database.port) as proxy:
        up = renamed(modules, name, "upgrade", port=proxy.port)
    doctor = renamed(modules, name, "doctor")
    down = renamed(modules, name, "downgrade", "r1")

    assert (up.code, down.code) == (0, 0), up.err + down.err
    assert max(proxy.trips_of_each) > 30
    assert postgres_database.tables() == ["a", "alembic_version"]
    logged = postgres_database.query("SELECT direction, revision FROM _migrator.log ORDER BY id")
    assert logged == [
        ("upgrade", "r1"),
        ("upgrade", "r2"),
        ("upgrade", "r3"),
        ("downgrade", "r3"),
        ("downgrade", "r2"),
    ]
    assert doctor.code == 0, doctor.out + doctor.err
    (line,) = [line for line in doctor.out.splitlines() if line.startswith("note\tround trips\t")]
    assert f".{name}: each statement of a revision takes two or three round trips" in line


@pytest.mark.slow
@pytest.mark.parametrize(("modules", "name"), UNUSED, ids=[name for _, name in UNUSED])
def test_a_name_that_is_not_used_may_be_renamed(
    modules: str, name: str, renamed: Renamed, postgres_database: Database
) -> None:
    up, doctor = renamed(modules, name, "upgrade"), renamed(modules, name, "doctor")

    assert up.code == 0, up.err
    assert postgres_database.tables() == ["a", "alembic_version", "b", "c"]
    assert "round trips" not in doctor.out
