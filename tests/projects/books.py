"""A project of one environment and one package of models, and a database of any kind to look into."""

from __future__ import annotations

import ast
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

ROOT = Path(__file__).resolve().parents[2]

MODELS = """
from sqlalchemy import MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    metadata = MetaData(naming_convention={
        "pk": "pk_%(table_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    })

class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
"""


@dataclass(frozen=True)
class AnyDatabase:
    """An empty database: `url` is what the command is given, `sync_url` how the test looks into it."""

    url: str
    sync_url: str

    @property
    def env(self) -> dict[str, str]:
        """The variable that gives it to the command."""
        return {"TESTING_DATABASE_URL": self.url}

    @property
    def backend(self) -> str:
        """The kind of database: `postgresql` or `sqlite`."""
        return self.url.partition("+")[0].partition(":")[0]

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement, commit it, and give its rows."""
        engine = create_engine(self.sync_url, poolclass=NullPool)
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    def tables(self) -> list[str]:
        """Give the names of the tables, sorted, less migrator's own."""
        found = inspect(create_engine(self.sync_url, poolclass=NullPool)).get_table_names()
        return sorted(name for name in found if not name.startswith("migrator_"))

    def columns(self, table: str) -> dict[str, str]:
        """Give the columns of a table with their types in words."""
        found = inspect(create_engine(self.sync_url, poolclass=NullPool)).get_columns(table)
        return {str(column["name"]): str(column["type"]) for column in found}

    def version(self) -> list[str]:
        """Give the revisions in the version table."""
        return sorted(str(row[0]) for row in self.query("SELECT version_num FROM alembic_version"))


@dataclass(frozen=True)
class BooksProject:
    """A project with the environment `testing` and one package of models under a name of its own."""

    root: Path
    package: str = field(default_factory=lambda: f"books_{uuid.uuid4().hex[:10]}")

    @property
    def ini(self) -> Path:
        """The environment's file."""
        return self.root / "configs" / "alembic_test.ini"

    @property
    def env_py(self) -> Path:
        """The project's env.py."""
        return self.root / "migrations" / "env.py"

    @property
    def versions(self) -> Path:
        """The version folder."""
        return self.root / "migrations" / "test" / "versions"

    def files(self) -> list[str]:
        """Give the names of all files in the version folder, hidden ones too."""
        return sorted(path.name for path in self.versions.iterdir() if path.name != "__pycache__")

    def models(self, source: str) -> None:
        """Write the models. In one process they are imported once for each project."""
        folder = self.root / self.package
        folder.mkdir(exist_ok=True)
        # Of the same length and second, old bytecode would pass for that of the new source.
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        (folder / "__init__.py").write_text(source, encoding="utf-8")

    def settings(self, alembic: Sequence[str] = (), migrator: Sequence[str] = ()) -> None:
        """Write the environment's file, with further lines in its two sections."""
        lines = [
            "[alembic]",
            "script_location = %(here)s/../migrations",
            "version_locations = %(here)s/../migrations/test/versions",
            "prepend_sys_path = %(here)s/..",
            "path_separator = newline",
            *alembic,
            "",
            "[migrator]",
            f"models = {self.package}",
            *migrator,
        ]
        self.ini.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def revision(
        self,
        revision: str,
        down: str | tuple[str, ...] | None,
        upgrade: str = "pass",
        downgrade: str = "pass",
        *,
        message: str = "",
        **header: object,
    ) -> Path:
        """Write a version file by hand; `header` may hold `branch_labels` and `depends_on`."""
        path = self.versions / f"{revision}_by_hand.py"
        steps = {"upgrade": upgrade, "downgrade": downgrade}
        lines = [
            f'"""{message or revision}"""',
            "import sqlalchemy as sa",
            "from alembic import op",
            f"revision = {revision!r}",
            f"down_revision = {down!r}",
            *(f"{name} = {value!r}" for name, value in header.items()),
        ]
        for name, body in steps.items():
            lines += ["", f"def {name}():", *(f"    {line}" for line in body.splitlines())]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def tables(self, *names: str) -> None:
        """Write a line of revisions `r1`, `r2`, ... each of which creates one of the tables."""
        for index, name in enumerate(names, start=1):
            self.revision(
                f"r{index}",
                f"r{index - 1}" if index > 1 else None,
                f"op.create_table({name!r}, sa.Column('id', sa.Integer, primary_key=True))",
                f"op.drop_table({name!r})",
                message=f"create {name}",
            )


def make_project(root: Path) -> BooksProject:
    """Make a project with models and without revisions; its env.py and template are this repository's."""
    project = BooksProject(root)
    project.versions.mkdir(parents=True)
    project.ini.parent.mkdir()
    for name in ("env.py", "script.py.mako"):
        shutil.copy(ROOT / "migrations" / name, root / "migrations" / name)
    project.models(MODELS)
    project.settings()
    return project


def docstring(path: Path) -> str:
    """Give the docstring of a file, which must be valid Python."""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")), clean=False) or ""
