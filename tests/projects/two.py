"""A project of two environments, testing and production, with a folder of revisions each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from tests.conftest import Database, Ran
from tests.projects.small import revision_text, tree, versions, write_project

SQLITE = {"PRODUCTION_DATABASE_URL": "sqlite:///prod.db", "TESTING_DATABASE_URL": "sqlite:///test.db"}


@dataclass(frozen=True)
class TwoProject:
    """The project, how a command is run in it, and the URLs that it gets."""

    root: Path
    migrator: Callable[..., Ran]
    env: dict[str, str]

    @property
    def testing(self) -> Path:
        """The version folder of testing."""
        return versions(self.root)

    @property
    def production(self) -> Path:
        """The version folder of production."""
        return versions(self.root, "online")

    def run(self, *arguments: str, code: int = 0) -> Ran:
        """Run a command, which must end with a code."""
        ran = self.migrator(*arguments, cwd=self.root, env=self.env)
        assert ran.code == code, ran.out + ran.err
        return ran

    def query(self, statement: str, environment: str) -> list[tuple[object, ...]]:
        """Run a statement in the database of an environment, and give its rows."""
        url = make_url(self.env[f"{environment}_DATABASE_URL"])
        if url.drivername == "sqlite":
            url = url.set(database=str(self.root / str(url.database)))
        else:
            url = url.set(drivername="postgresql+psycopg")
        with create_engine(url, poolclass=NullPool).begin() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def files(self, folder: Path) -> dict[str, bytes]:
        """Give the files of a folder and of what is beside it: nothing may be left there."""
        return tree(folder.parent)


def revision(
    folder: Path,
    revision: str,
    down: str | tuple[str, ...] | None,
    up: str = "pass",
    down_body: str = "pass",
    *,
    head: str = "",
    **header: object,
) -> Path:
    """Write a version file; `head` are further lines above its functions, `header` other values."""
    source = revision_text(revision, None, up, down_body).replace(
        "down_revision = None", f"down_revision = {down!r}"
    )
    for name, value in header.items():
        source = source.replace(f"{name} = None", f"{name} = {value!r}")
    path = folder / f"{revision}.py"
    path.write_text(source.replace("\n\n\ndef upgrade", f"\n{head}\n\n\ndef upgrade"))
    return path


def two_project(
    root: Path, migrator: Callable[..., Ran], new_database: Callable[[], Database] | None
) -> TwoProject:
    """Make it on PostgreSQL, where databases can be made, or on SQLite."""
    if new_database is None:
        return TwoProject(write_project(root, "online", "test"), migrator, SQLITE)
    urls = [new_database().url.replace("postgresql:", "postgresql+asyncpg:") for _ in range(2)]
    settings = f"scratch_url = {urls[0]}\nscratch_keep = 0"
    env = {"TESTING_DATABASE_URL": urls[0], "PRODUCTION_DATABASE_URL": urls[1]}
    return TwoProject(write_project(root, "online", "test", settings=settings), migrator, env)
