"""A project whose environment is many tenants of one PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import sql

from tests.projects.small import INI, versions, write_project, write_revision

if TYPE_CHECKING:
    from tests.conftest import Database, Ran

QUERY = "tenants = SELECT name FROM public.tenants ORDER BY name"
# Two revisions: a table, and a column of it.
BODIES = ('op.execute("CREATE TABLE one (id integer)")', 'op.execute("ALTER TABLE one ADD COLUMN name text")')


@dataclass(frozen=True)
class Fleet:
    """The project, its database, and the command in this process."""

    root: Path
    database: Database
    migrator: Callable[..., Ran]

    @property
    def url(self) -> str:
        """The URL for the command, through asyncpg."""
        return self.database.url.replace("postgresql:", "postgresql+asyncpg:")

    def settings(self, *lines: str) -> None:
        """Write the section of the environment."""
        ini = INI.format(suffix="test", settings="\n".join(lines))
        (self.root / "configs" / "alembic_test.ini").write_text(ini)

    def add(self, *names: str) -> None:
        """Make schemas, and list them as tenants."""
        with self.database.connect() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS tenants (name text)")
            for name in names:
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
                connection.execute("INSERT INTO tenants VALUES (%s)", [name])

    def run(self, *args: str, code: int = 0, env: dict[str, str] | None = None) -> Ran:
        """Run a command on the environment, which must end with a code."""
        variables = {"TESTING_DATABASE_URL": self.url, **(env or {})}
        ran = self.migrator(*args, cwd=self.root, env=variables)
        assert ran.code == code, ran.out + ran.err
        return ran

    def answers(self, *args: str, code: int = 0) -> dict[str, dict[str, Any]]:
        """Run a command, and give what its JSON says of each tenant."""
        document = json.loads(self.run(*args, "--json", code=code).out)
        assert document["exit_code"] == code
        return {each["tenant"]: each for each in document["data"]["tenants"]}

    def outcomes(self, *args: str, code: int = 0) -> dict[str, str]:
        """Run a command, and give what became of each tenant in a word."""
        return {name: each["outcome"] for name, each in self.answers(*args, code=code).items()}

    def heads(self) -> dict[str, str]:
        """Give where each schema stands, by its own version table; those at base are left out."""
        return heads(self.database)


def heads(database: Database) -> dict[str, str]:
    """Give where each schema of a database stands, by its own version table; those at base are left out."""
    asked = "SELECT schemaname FROM pg_tables WHERE tablename = 'alembic_version'"
    found: dict[str, str] = {}
    with database.connect() as connection:
        for (schema,) in connection.execute(asked.encode()).fetchall():
            table = sql.Identifier(str(schema), "alembic_version")
            row = connection.execute(sql.SQL("SELECT version_num FROM {}").format(table)).fetchone()
            if row is not None:
                found[str(schema)] = str(row[0])
    return found


def make_fleet(
    root: Path, database: Database, migrator: Callable[..., Ran], bodies: Sequence[str] = BODIES
) -> Fleet:
    """Write a project of some revisions `r1`, `r2`, ... whose tenants are schemas."""
    write_project(root)
    for number, body in enumerate(bodies, start=1):
        write_revision(versions(root), f"r{number}", f"r{number - 1}" if number > 1 else None, body)
    fleet = Fleet(root, database, migrator)
    fleet.settings(QUERY)
    return fleet
