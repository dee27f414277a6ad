"""The database that all tools migrate: dropped and made anew before each run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from benchmarks.case import ours
from benchmarks.measure import run
from benchmarks.project import Project
from migrator.database.embedded.shared_use import EmbeddedServer
from migrator.database.own.own_tables import TableNames

_NAME = "bench"


@contextmanager
def bench_database(server: EmbeddedServer) -> Iterator[BenchDatabase]:
    """Give the database for the length of the block; afterwards it is gone."""
    database = BenchDatabase(server)
    try:
        yield database
    finally:
        database.drop()


@dataclass(frozen=True)
class BenchDatabase:
    """A database of the embedded PostgreSQL, under one name and address for every run."""

    server: EmbeddedServer

    @property
    def url(self) -> str:
        """The URL, with asyncpg."""
        return self.through(self.server.port)

    def through(self, port: int) -> str:
        """The URL through a proxy at a port of this machine."""
        at = f"{self.server.host}:{port}"
        return f"postgresql+asyncpg://{self.server.user}:{self.server.password}@{at}/{_NAME}"

    def make_anew(self) -> None:
        """Drop the database, and make it empty."""
        self.drop()
        with self._connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {_NAME} TEMPLATE template0")
            # The files of a thousand tables would otherwise be written back during the next run.
            connection.execute("CHECKPOINT")

    def drop(self) -> None:
        """Drop the database, if it is there."""
        with self._connect("postgres") as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {_NAME} WITH (FORCE)")

    def make_schemas(self, names: Iterable[str]) -> None:
        """Make empty schemas."""
        with self._connect(_NAME) as connection:
            for name in names:
                connection.execute(f"CREATE SCHEMA {name}")

    def require_upgraded(self, project: Project) -> None:
        """Make the database anew and upgrade it by migrator, unless migrator left it at the head."""
        if not self._is_ours_at(project.head):
            self.make_anew()
            run(ours(project, "upgrade", "head"))

    def require_revision(self, revision: str, schema: str = "public") -> None:
        """Raise RuntimeError unless a schema of the database is at `revision`."""
        rows = self._revisions(schema)
        if rows != [(revision,)]:
            raise RuntimeError(f"{schema} is at {rows}, not at {revision}.")

    def _is_ours_at(self, revision: str) -> bool:
        # The other tools leave no mark, without which migrator refuses a database that has tables.
        marks = f"SELECT 1 FROM {TableNames.own().mark}"
        try:
            return self._revisions("public") == [(revision,)] and bool(self._rows(marks))
        except psycopg.Error:
            return False

    def _revisions(self, schema: str) -> list[tuple[object, ...]]:
        return self._rows(f"SELECT version_num FROM {schema}.alembic_version")

    def _rows(self, query: str) -> list[tuple[object, ...]]:
        with self._connect(_NAME) as connection:
            return connection.execute(query).fetchall()

    def server_version(self) -> str:
        """Give the server's version, such as 18.4."""
        with self._connect("postgres") as connection:
            return connection.info.parameter_status("server_version") or "unknown"

    def _connect(self, name: str) -> psycopg.Connection[tuple[object, ...]]:
        server = self.server
        return psycopg.connect(
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password,
            dbname=name,
            autocommit=True,
        )
