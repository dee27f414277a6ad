"""The projects of this folder: how each is pointed at a database, and what is different about it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import Database

FOLDER = Path(__file__).parent
PLACEHOLDER = "driver://user:pass@localhost/dbname"
# Tables, columns, types and indexes, constraints and enumerations, in every schema that a project can have.
CATALOGUE = """
    WITH schemas AS (
        SELECT oid, nspname FROM pg_namespace
        WHERE nspname NOT IN ('_migrator', 'information_schema') AND nspname NOT LIKE 'pg\\_%'
    )
    SELECT nspname, relname, relkind::text, attname, format_type(atttypid, atttypmod),
           attnotnull, pg_get_expr(adbin, adrelid)
    FROM schemas JOIN pg_class ON relnamespace = schemas.oid
    JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_attrdef ON adrelid = pg_class.oid AND adnum = attnum
    UNION ALL
    SELECT schemaname, tablename, 'index', indexname, indexdef, NULL, NULL
    FROM pg_indexes WHERE schemaname IN (SELECT nspname FROM schemas)
    UNION ALL
    SELECT nspname, conrelid::regclass::text, 'constraint', conname, pg_get_constraintdef(c.oid), NULL, NULL
    FROM schemas JOIN pg_constraint c ON connamespace = schemas.oid
    UNION ALL
    SELECT nspname, typname, 'enum', enumlabel, NULL, NULL, NULL
    FROM schemas JOIN pg_type ON typnamespace = schemas.oid JOIN pg_enum ON enumtypid = pg_type.oid
    UNION ALL
    SELECT nspname, NULL, 'schema', NULL, NULL, NULL, NULL FROM schemas
    ORDER BY 1, 2, 3, 4, 5
"""

Row = tuple[object, ...]


@dataclass(frozen=True)
class Kind:
    """A project. `upgraded` and `downgraded` are the exit codes of Alembic and of migrator."""

    name: str
    # Where the URL goes: a variable's name, `-x url=`, the placeholders of the ini, or nowhere.
    place: str = "DATABASE_URL"
    driver: str = "postgresql+psycopg"
    databases: int = 1
    config: str = "alembic.ini"
    options: tuple[str, ...] = ()
    target: str = "head"
    version_table: str = "public.alembic_version"
    # What the revisions have written: a query.
    data: str = ""
    # Beginnings of lines that env.py prints on stdout.
    chatter: tuple[str, ...] = ()
    # Ends with each process: there is nothing to come back to.
    in_memory: bool = False
    upgraded: tuple[int, int] = (0, 0)
    downgraded: tuple[int, int] = (0, 0)

    @property
    def has_models(self) -> bool:
        """Whether `check` has something to compare with."""
        return any((FOLDER / self.name).rglob("models.py"))


_TRANSACTIONS = "SELECT count(DISTINCT tx), array_agg(mood::text ORDER BY id) FROM people"

KINDS = (
    Kind("stock_sync", place="ini"),
    Kind("stock_async", place="ini", driver="postgresql+asyncpg"),
    Kind("settings_module", place="SHOP_DATABASE"),
    Kind("url_from_x", place="x"),
    Kind("own_variable", place="INVENTORY_DB"),
    Kind("sql_before_configure"),
    Kind("own_timeouts", data="SELECT * FROM seen ORDER BY 1"),
    Kind("transaction_per_migration", data=_TRANSACTIONS),
    Kind("one_transaction", data=_TRANSACTIONS),
    Kind("outer_transaction", data=_TRANSACTIONS),
    Kind("version_table", version_table="bookkeeping.shop_version"),
    Kind("folders_from_env_py"),
    Kind("prints_on_stdout", chatter=("[shop]", "INFO ")),
    Kind("module_name"),
    Kind("connection_attribute"),
    # Only the application can run it: Alembic's own command line ends in a KeyError.
    Kind("connection_required", upgraded=(1, 3)),
    Kind("command_options", place="x", options=("-x", "really=yes"), data="SELECT command FROM seen"),
    Kind("two_heads", target="heads"),
    Kind("several_folders"),
    Kind("recursive_folders"),
    Kind("no_downgrade", downgraded=(1, 5)),
    Kind("dotted_ids"),
    Kind("logging_sections"),
    Kind("multidb", place="ini", databases=2),
    Kind(
        "tenant_search_path",
        options=("-x", "tenant=acme"),
        version_table="acme.alembic_version",
    ),
    Kind("pyproject_toml", config="pyproject.toml"),
    Kind("engine_creator", place="SHOP_DSN", driver="postgresql"),
    Kind("password_on_connect"),
    Kind("autocommit_engine"),
    # Alembic logs that it upgrades, ends with 0, and nothing has been committed.
    Kind("statement_left_open", upgraded=(0, 7)),
    Kind("no_begin_transaction", upgraded=(0, 7)),
    Kind("sqlite_batch", databases=0),
    Kind("memory_in_env_py", databases=0, in_memory=True),
    Kind("memory_in_module", databases=0, in_memory=True),
)


@dataclass(frozen=True)
class Side:
    """A copy of a project with databases of its own."""

    kind: Kind
    root: Path
    databases: tuple[Database, ...]
    options: tuple[str, ...] = field(default=())
    env: dict[str, str] = field(default_factory=dict)

    def snapshot(self) -> list[list[Row]]:
        """Give the schema, the version table and what revisions have written, for each database."""
        if self.databases:
            return [self._postgresql(database) for database in self.databases]
        written = self.root / "schema.sql"
        if written.exists():
            return [[(written.read_text(),)]]
        return [_sqlite(file) for file in sorted(self.root.glob("*.db"))]

    def _postgresql(self, database: Database) -> list[Row]:
        rows = database.query(CATALOGUE)
        schema, _, table = self.kind.version_table.partition(".")
        names = {(row[0], row[1]) for row in rows}
        if (schema, table) in names:
            rows += database.query(f"SELECT version_num FROM {self.kind.version_table} ORDER BY 1")
        first = self.kind.data.partition("FROM ")[2].partition(" ")[0]
        if first and ("public", first) in names:
            rows += database.query(self.kind.data)
        return rows


def _sqlite(file: Path) -> list[Row]:
    connection = sqlite3.connect(file)
    try:
        rows: list[Row] = connection.execute(
            "SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2"
        ).fetchall()
        return rows + connection.execute("SELECT version_num FROM alembic_version").fetchall()
    finally:
        connection.close()


def place(kind: Kind, root: Path, new_database: Callable[[], Database]) -> Side:
    """Copy a project to a new folder and point it at new databases, each the way it asks for."""
    shutil.copytree(FOLDER / kind.name, root, ignore=shutil.ignore_patterns("__pycache__"))
    databases = tuple(new_database() for _ in range(kind.databases))
    urls = [each.url.replace("postgresql:", f"{kind.driver}:", 1) for each in databases]
    if kind.place == "ini":
        ini = root / kind.config
        text = ini.read_text()
        for url in urls:
            text = text.replace(PLACEHOLDER, url.replace("%", "%%"), 1)
        ini.write_text(text)
        return Side(kind, root, databases, kind.options)
    if kind.place == "x":
        return Side(kind, root, databases, ("-x", f"url={urls[0]}", *kind.options))
    return Side(kind, root, databases, kind.options, {kind.place: urls[0]} if urls else {})
