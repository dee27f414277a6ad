"""A project of testing, staging and production with three revisions each, and databases that a role owns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from tests.conftest import PASSWORD, Database, Ran
from tests.projects.small import revision_text, versions, write_project

OWNER = "owner_of_shops"
ENVIRONMENTS = {"testing": "test", "staging": "staging", "production": "online"}
TABLES = {"aaa1": "customers", "bbb2": "orders", "ccc3": "parcels"}
_CREATE_ROLE = "CREATE ROLE {} LOGIN PASSWORD {}"
_RELATIONS = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1, 2
"""


def write_shops(root: Path) -> Path:
    """Write the project; only production is protected."""
    write_project(root, *ENVIRONMENTS.values())
    for suffix in ENVIRONMENTS.values():
        write_shop_revisions(versions(root, suffix))
    return root


def write_shop_revisions(folder: Path) -> None:
    """Write three revisions that each create a table, and drop it on the way back."""
    down = None
    for revision, table in TABLES.items():
        up, back = (f'op.execute("{what} TABLE {table}{cols}")' for what, cols in _BOTH)
        (folder / f"{revision}.py").write_text(revision_text(revision, down, up, back))
        down = revision


_BOTH = (("CREATE", " (id integer PRIMARY KEY)"), ("DROP", ""))


@dataclass(frozen=True)
class Shop:
    """A database, as its owner reaches it."""

    database: Database

    @property
    def env(self) -> dict[str, str]:
        """The variable that gives it to a command: one that all environments share."""
        return {"DATABASE_URL": url_of(self.database)}

    def revisions(self) -> list[str]:
        """Give what the version table holds; nothing where there is none."""
        if not self.query("SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL"):
            return []
        return [str(row[0]) for row in self.query("SELECT version_num FROM alembic_version ORDER BY 1")]

    def mark(self) -> str | None:
        """Give the environment that it is marked for."""
        if not self.query("SELECT 1 WHERE to_regclass('_migrator.mark') IS NOT NULL"):
            return None
        rows = self.query("SELECT environment FROM _migrator.mark")
        assert len(rows) == 1
        return str(rows[0][0])

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement as the owner, and give its rows."""
        return self.database.query(statement)

    def state(self) -> Mapping[str, list[str]]:
        """Give every table of the database with its rows: to see that nothing changed."""
        found: dict[str, list[str]] = {}
        with self.database.connect() as connection:
            for schema, name in connection.execute(_RELATIONS).fetchall():
                table = sql.Identifier(str(schema), str(name))
                rows = connection.execute(sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(table))
                found[f"{schema}.{name}"] = [str(row[0]) for row in rows.fetchall()]
        return found


def entrusted(database: Database) -> Shop:
    """Give a database to a role that has a distinctive password and owns nothing else."""
    with database.connect() as connection:
        make_owner(connection)
        statement = sql.SQL("ALTER DATABASE {} OWNER TO {}")
        connection.execute(statement.format(sql.Identifier(database.name), sql.Identifier(OWNER)))
    return Shop(replace(database, user=OWNER, password=PASSWORD))


def make_owner(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Make the role that owns the databases."""
    statement = sql.SQL(_CREATE_ROLE).format(sql.Identifier(OWNER), sql.Literal(PASSWORD))
    # Each login of asyncpg counts these iterations in Python.
    connection.execute("SET scram_iterations = 1")
    try:
        connection.execute(statement)
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        # By an earlier test, or just now by another worker.
        return


def url_of(database: Database, driver: str = "") -> str:
    """Give a URL whose password may be anything."""
    login = f"{database.user}:{quote(database.password, safe='')}"
    scheme = f"postgresql+{driver}" if driver else "postgresql"
    return f"{scheme}://{login}@{database.host}:{database.port}/{database.name}"


def assert_no_password(*outputs: str) -> None:
    """Fail where the password is shown, as it is or encoded for a URL."""
    for form in (PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD), quote(PASSWORD, safe="").lower()):
        assert not any(form in output for output in outputs)


def hushed(ran: Ran) -> Ran:
    """Give a run on, having seen that it shows no password."""
    assert_no_password(ran.out, ran.err)
    return ran
