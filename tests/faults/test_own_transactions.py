"""A transaction that an env.py leaves open: no command waits for itself, and each wait has an end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Database, Ran
from tests.projects.small import revision_text

ENV_PY = """\
from alembic import context
from sqlalchemy import create_engine, text

def migrate(connection):
    connection.execute(text({statement!r}))
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()

url = {url!r}
"""
IN_BLOCK = "with create_engine(url).connect() as connection:\n    migrate(connection)\n"
IN_MODULE = "connection = create_engine(url).connect()\nmigrate(connection)\n"
IN_FUNCTION = "def go():\n    connection = create_engine(url).connect()\n    migrate(connection)\n\ngo()\n"
IN_LOOP = """\
import asyncio
from sqlalchemy.ext.asyncio import create_async_engine

async def go():
    connection = await create_async_engine(url.replace("psycopg", "asyncpg")).connect()
    await connection.run_sync(migrate)

asyncio.run(go())
"""
IN_ASYNC_BLOCK = """\
import asyncio
from sqlalchemy.ext.asyncio import create_async_engine

async def go():
    async with create_async_engine(url.replace("psycopg", "asyncpg")).connect() as connection:
        await connection.run_sync(migrate)

asyncio.run(go())
"""
# What two of them at once wait for, and what each reader of the version table waits for.
CREATE, LOCK = "CREATE SCHEMA IF NOT EXISTS app", "LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"


@pytest.fixture
def plain(tmp_path: Path, postgres_database: Database) -> Callable[[str, str], Path]:
    """Writes a plain Alembic project at the first of two revisions, whose env.py runs a statement first."""
    (tmp_path / "versions").mkdir()
    for revision, down in (("aaa1", None), ("bbb2", "aaa1")):
        text = revision_text(revision, down, f"op.execute('CREATE TABLE {revision} (id int)')")
        (tmp_path / "versions" / f"{revision}.py").write_text(text)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s\n")
    postgres_database.query("CREATE TABLE alembic_version AS SELECT 'aaa1'::varchar(32) AS version_num")
    url = postgres_database.url.replace("postgresql", "postgresql+psycopg")

    def write(statement: str, connecting: str) -> Path:
        (tmp_path / "env.py").write_text(ENV_PY.format(statement=statement, url=url) + connecting)
        return tmp_path

    return write


@pytest.mark.parametrize("connecting", [IN_BLOCK, IN_MODULE, IN_FUNCTION, IN_LOOP])
@pytest.mark.parametrize("statement", [CREATE, LOCK])
@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("downgrade bbb2", 5, "Destination bbb2 is not a valid downgrade target"),
        ("upgrade zzzz", 5, "zzzz"),
        ("upgrade", 7, "env.py reported success, but the database is at aaa1"),
    ],
)
def test_an_env_py_that_leaves_a_transaction_open_does_not_wait_for_itself(
    command: str,
    code: int,
    said: str,
    statement: str,
    connecting: str,
    plain: Callable[[str, str], Path],
    shell: Callable[..., Ran],
) -> None:
    root = plain(statement, connecting)

    ran = shell(["migrator", *command.split(), "--config", "alembic.ini"], cwd=root, timeout=25)

    assert (ran.code, said in ran.err) == (code, True), ran.err


@pytest.mark.slow
@pytest.mark.parametrize("connecting", [IN_BLOCK, IN_ASYNC_BLOCK])
def test_a_version_table_that_another_session_has_locked_is_not_waited_for_without_end(
    connecting: str, plain: Callable[[str, str], Path], shell: Callable[..., Ran], postgres_database: Database
) -> None:
    root = plain("SELECT 1", connecting)
    with postgres_database.connect() as other, other.transaction():
        other.execute(LOCK.encode())
        ran = shell(["migrator", "upgrade", "--config", "alembic.ini"], cwd=root, timeout=30)

    assert (ran.code, "A statement waited for a lock in vain." in ran.err) == (6, True), ran.err
    assert "hint: See who holds locks: SELECT" in ran.err


KEPT = """
import os, psycopg, sys
if os.path.exists("second"):
    sys.kept = psycopg.connect(url.replace("+psycopg", ""))
    sys.kept.execute("{lock}")
open("second", "w").close()
"""


@pytest.mark.slow
def test_a_wait_for_a_lock_that_this_very_process_holds_ends_and_names_the_session(
    plain: Callable[[str, str], Path], shell: Callable[..., Ran]
) -> None:
    """env.py holds it by a connection that nobody can know of."""
    root = plain("ROLLBACK", IN_BLOCK + KEPT.format(lock=LOCK))
    source = (root / "env.py").read_text()
    (root / "env.py").write_text(
        source.replace("    context.configure", "    connection.commit()\n    context.configure")
    )

    ran = shell(["migrator", "upgrade", "--config", "alembic.ini"], cwd=root, timeout=50)

    assert ran.code == 7, ran.err
    assert "waited in vain for a lock in the database" in ran.err
    assert "which is held by pid" in ran.err
