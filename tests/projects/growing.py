"""A project whose models change step by step, and what its database looks like in between."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.projects.books import AnyDatabase, BooksProject

if TYPE_CHECKING:
    from tests.conftest import Ran

HEAD = """
import enum
import sqlalchemy as sa
from sqlalchemy import MetaData
from sqlalchemy.dialects import postgresql
metadata = MetaData()
"""
# Everything that a revision may change, as text that does not depend on the order of creation.
_SHAPE = """
SELECT 'column', table_schema || '.' || table_name, column_name, concat_ws(' ', data_type, udt_name,
  character_maximum_length, is_nullable, column_default, is_identity, generation_expression,
  col_description(format('%I.%I', table_schema, table_name)::regclass, ordinal_position::int))
FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema', '_migrator')
UNION ALL
SELECT 'index', schemaname, indexname, indexdef FROM pg_indexes
WHERE schemaname NOT IN ('pg_catalog', 'information_schema', '_migrator', 'pg_toast')
UNION ALL
SELECT 'constraint', k.conrelid::regclass::text, k.conname, pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', '_migrator') AND k.contype <> 'n'
UNION ALL
SELECT 'enum', n.nspname, t.typname, string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid JOIN pg_namespace n ON n.oid = t.typnamespace
GROUP BY 1, 2, 3
UNION ALL
SELECT 'comment', c.relname, '', obj_description(c.oid, 'pg_class') FROM pg_class c
WHERE obj_description(c.oid, 'pg_class') IS NOT NULL AND c.relnamespace = 'public'::regnamespace
ORDER BY 1, 2, 3, 4
"""


def shape(database: AnyDatabase) -> list[tuple[object, ...]]:
    """Give everything that a database of PostgreSQL has, less migrator's own."""
    return database.query(_SHAPE)


@dataclass(frozen=True)
class Growing:
    """A project, its database, and the command."""

    migrator: Callable[..., Ran]
    books: BooksProject
    database: AnyDatabase

    def __post_init__(self) -> None:
        """Let `check` compare with the models only: replaying the history each time takes twice as long."""
        if self.database.backend == "postgresql":
            self.books.settings(migrator=["scratch_url = sqlite:///of_another_kind.db"])

    def run(self, *args: str, code: int = 0) -> Ran:
        """Run a command, which must end with a code."""
        ran = self.migrator(*args, cwd=self.books.root, env=self.database.env)
        assert ran.code == code, ran.err + ran.out
        return ran

    def start(self, models: str) -> None:
        """Bring an empty database to the first models."""
        self.books.models(HEAD + models)
        self.run("generate", "-m", "start", "--rev-id", "start")
        self.run("upgrade")
        self.agree()

    def agree(self) -> None:
        """See that models and database agree."""
        said = self.run("check", "--traceback").out.splitlines()
        assert said[0] == "models and database agree"
        assert [line for line in said if line.startswith(("add ", "drop ", "alter "))] == []

    def change(self, models: str, *options: str) -> str:
        """Change the models: generate, upgrade, see that all agree, go back to the very same, and up again.

        Gives the text of the file.
        """
        before = self._shape()
        self.books.models(HEAD + models)
        files = set(self.books.files())
        self.run("generate", "-m", "change", *options)
        (new,) = set(self.books.files()) - files
        text = (self.books.versions / new).read_text()
        self.run("upgrade")
        self.agree()
        after = self._shape()
        self.run("downgrade", "-1")
        assert self._shape() == before, text
        self.run("upgrade")
        assert self._shape() == after, text
        assert imported(text) <= {"typing", "collections", "alembic", "sqlalchemy"}
        return text

    def _shape(self) -> list[tuple[object, ...]]:
        if self.database.backend == "postgresql":
            return shape(self.database)
        rows = self.database.query("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'migrator%'")
        tables = [(name, str(self.database.columns(name))) for name in self.database.tables()]
        return [*sorted(rows, key=str), *tables]


def imported(text: str) -> set[str]:
    """Give the packages that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            found.add(str(node.module).partition(".")[0])
        elif isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
    return found - {"__future__"}
