"""The mark and the log, where they are, and the tables that belong to other applications."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Integer, MetaData, String, Table, Text

# A schema of its own, which plain autogenerate never looks at. Not "migrator": a role of that name would find
# the tables in it before its own, through "$user" in the search path.
OWN_SCHEMA = "_migrator"
_MARK, _LOG = "migrator_mark", "migrator_log"


@dataclass(frozen=True)
class TableName:
    """A table's name and its schema, None for the only or current one."""

    schema: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True)
class TableNames:
    """Where the mark and the log are, or are to be made; None for what is not kept."""

    mark: TableName | None
    log: TableName | None

    @classmethod
    def among(cls, found: Sequence[str], schema: str | None, log_table: TableName | None) -> TableNames:
        """Give those of the tables `found` that are ours: the own schema goes before the version table's."""
        own, beside = cls.own(), cls.beside(schema)
        logs = (log_table,) if log_table else (own.log, beside.log)
        return cls(
            next((name for name in (own.mark, beside.mark) if str(name) in found), None),
            next((name for name in logs if str(name) in found), None),
        )

    @classmethod
    def own(cls) -> TableNames:
        """Give the names in a schema of our own."""
        return cls(TableName(OWN_SCHEMA, "mark"), TableName(OWN_SCHEMA, "log"))

    @classmethod
    def beside(cls, schema: str | None) -> TableNames:
        """Give the names in the version table's schema."""
        return cls(TableName(schema, _MARK), TableName(schema, _LOG))


def is_own_table(name: str, schema: str | None, log_table: TableName | None = None) -> bool:
    """Whether a table is one of ours, which no autogenerate may drop."""
    if log_table is not None and name == log_table.name:
        # The default schema is reflected without its name.
        return schema == log_table.schema or (schema is None and log_table.schema == "public")
    return schema == OWN_SCHEMA or name in (_MARK, _LOG)


def mark_table(name: TableName) -> Table:
    """Give the table of the mark: one row that says which environment a database belongs to.

    `system_identifier` and `database` are those of the server where it was written: in a copy they differ.
    """
    return Table(
        name.name,
        MetaData(),
        Column("environment", String(255), nullable=False),
        Column("system_identifier", String(64)),
        Column("database", String(255), nullable=False),
        Column("marked_at", DateTime(timezone=True), nullable=False),
        Column("user_name", String(255)),
        Column("host", String(255)),
        Column("migrator_version", String(64)),
        schema=name.schema,
    )


def log_table(name: TableName) -> Table:
    """Give the table of the log: one row for each applied step. `duration_ms` is in milliseconds."""
    return Table(
        name.name,
        MetaData(),
        # An identity needs no privilege of its own, as the sequence of a BIGSERIAL would.
        Column("id", BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True),
        Column("environment", String(255), nullable=False),
        Column("version_table", String(255), nullable=False),
        Column("revision", String(255)),
        Column("down_revision", Text),
        Column("direction", String(16), nullable=False),
        Column("hash", String(64)),
        Column("file_hash", String(64)),
        Column("started_at", DateTime(timezone=True), nullable=False),
        Column("duration_ms", Integer),
        Column("user_name", String(255)),
        Column("host", String(255)),
        Column("migrator_version", String(64)),
        Column("git_commit", String(64)),
        # A database of many tenants has the rows of all.
        Index(f"ix_{name.name}_version_table", "version_table", "id"),
        schema=name.schema,
    )


# What a table has to have, to be a log.
LOG_COLUMNS = tuple(column.name for column in log_table(TableName(None, _LOG)).columns)


def excluder(patterns: Sequence[str]) -> Callable[[str, str | None], bool]:
    """Give the function that says whether a table is excluded, from its name and its schema (or None).

    The patterns are case-sensitive globs. One with a dot is compared with `schema.table` as well as with
    `table`, one without a dot with `table` only.
    """
    # A star also matches a dot: else `audit*` would take every table of the schema `audit`.
    qualified = tuple(pattern for pattern in patterns if "." in pattern)

    def excluded(table: str, schema: str | None) -> bool:
        if any(fnmatchcase(table, pattern) for pattern in patterns):
            return True
        return schema is not None and any(fnmatchcase(f"{schema}.{table}", pattern) for pattern in qualified)

    return excluded
