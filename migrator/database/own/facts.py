"""What a connection says about its database: who is connected, as whom, and which of our tables are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, bindparam, text

from migrator.database.own.own_tables import LOG_COLUMNS, OWN_SCHEMA, TableName, TableNames

LogFault = Literal["no schema", "no privilege", "no log"]


@dataclass(frozen=True)
class Facts:
    """What was found on one connection.

    `schema` is the one that the version table is in, or would be made in; None where the kind of database has
    none. `mark` and `log` are our own tables, None where there are none. `invalid_indexes` are those that a
    broken concurrent build has left, with their schemas, quoted. `tells_identifier` says whether the server's
    own identifier may be asked for. `log_fault` is what is wrong with the name that the log has of its own:
    there is no such schema, the role may make no table in it, or what has the name is no log.
    """

    backend: str
    database: str
    pid: int | None = None
    user: str | None = None
    role: str | None = None
    search_path: str | None = None
    schema: str | None = None
    version: str = ""
    may_make_schema: bool = False
    may_make_tables: bool = True
    mark: TableName | None = None
    log: TableName | None = None
    may_read_records: bool = True
    may_write_records: bool = True
    invalid_indexes: tuple[str, ...] = ()
    tells_identifier: bool = False
    log_fault: LogFault | None = None

    @property
    def major(self) -> int:
        """The major version of a PostgreSQL, 0 for other servers."""
        return int(self.version.partition(" ")[0]) if self.postgresql else 0

    @property
    def postgresql(self) -> bool:
        """Whether the server is a PostgreSQL."""
        return self.backend == "postgresql"


def read_facts(
    connection: Connection, version_table: str, version_schema: str | None, log_table: TableName | None
) -> Facts:
    """Ask a database what it is, in one round trip.

    `log_table` is a name of the log's own, where it has one.
    """
    if connection.dialect.name == "postgresql":
        return _postgresql(connection, version_table, version_schema, log_table)
    if connection.dialect.name == "sqlite":
        return _sqlite(connection)
    if connection.dialect.name in ("mysql", "mariadb"):
        return _mysql(connection, version_schema)
    return Facts(connection.dialect.name, connection.engine.url.database or "")


# The version table may be in any schema of the search path; what it is in, or would be made in, names the
# lock.
_SCHEMA = """
    COALESCE(CAST(:schema AS text),
        (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relname = CAST(:table AS text) AND pg_table_is_visible(c.oid)
             AND c.relkind IN ('r', 'p') LIMIT 1),
        current_schema())
"""
_POSTGRESQL = text(f"""
WITH place AS (SELECT {_SCHEMA} AS schema),
ours AS (
    SELECT n.nspname, c.relname, c.oid, has_schema_privilege(n.oid, 'USAGE') AS usable
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND (
        (n.nspname = :own AND c.relname IN ('mark', 'log'))
        OR (n.nspname = (SELECT schema FROM place) AND c.relname IN ('migrator_mark', 'migrator_log'))
        OR (n.nspname = CAST(:log_schema AS text) AND c.relname = CAST(:log_name AS text)
            AND {len(LOG_COLUMNS)} = (
                SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped
                    AND a.attname IN ({", ".join(f"'{name}'" for name in LOG_COLUMNS)}))))
)
SELECT current_database(), pg_backend_pid(), CAST(session_user AS text), CAST(current_user AS text),
    current_setting('search_path'), current_setting('server_version_num'), version(),
    has_database_privilege(current_database(), 'CREATE'),
    (SELECT schema FROM place),
    COALESCE((SELECT has_schema_privilege(n.oid, 'CREATE') FROM pg_namespace n
              WHERE n.nspname = (SELECT schema FROM place)), false),
    ARRAY(SELECT nspname || '.' || relname FROM ours ORDER BY nspname, relname),
    COALESCE((SELECT bool_and(usable AND has_table_privilege(oid, 'SELECT')) FROM ours), true),
    COALESCE((SELECT bool_and(usable AND has_table_privilege(oid, 'INSERT')
                              AND (relname NOT LIKE '%mark' OR has_table_privilege(oid, 'DELETE')))
              FROM ours), true),
    ARRAY(SELECT format('%I.%I', n.nspname, c.relname) FROM pg_index i
          JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE NOT i.indisvalid AND c.relkind = 'i' ORDER BY 1),
    has_function_privilege('pg_control_system()', 'EXECUTE'),
    (SELECT has_schema_privilege(n.oid, 'CREATE') FROM pg_namespace n
     WHERE n.nspname = CAST(:log_schema AS text)),
    EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = CAST(:log_schema AS text) AND c.relname = CAST(:log_name AS text))
""").bindparams(bindparam("log_schema"), bindparam("log_name"))


def _postgresql(
    connection: Connection, version_table: str, version_schema: str | None, log_table: TableName | None
) -> Facts:
    row = connection.execute(
        _POSTGRESQL,
        {
            "schema": version_schema,
            "table": version_table,
            "own": OWN_SCHEMA,
            "log_schema": log_table.schema if log_table else None,
            "log_name": log_table.name if log_table else None,
        },
    ).one()
    schema = row[8]
    names = TableNames.among([str(each) for each in row[10]], schema, log_table)
    return Facts(
        backend="postgresql",
        database=row[0],
        pid=row[1],
        user=row[2],
        role=row[3],
        search_path=row[4],
        schema=schema,
        version=f"{int(row[5]) // 10000} {row[6]}",
        may_make_schema=row[7],
        may_make_tables=row[9],
        mark=names.mark,
        log=names.log,
        may_read_records=row[11],
        may_write_records=row[12],
        invalid_indexes=tuple(row[13]),
        tells_identifier=row[14],
        log_fault=(
            _log_fault(log_table, may_create=row[15], taken=row[16], may_make_schema=row[7])
            if log_table is not None and names.log is None
            else None
        ),
    )


def _log_fault(
    log_table: TableName, *, may_create: bool | None, taken: bool, may_make_schema: bool
) -> LogFault | None:
    """Say why there can be no log of that name; `may_create` is None where there is no such schema."""
    if may_create is None:
        # Our own schema is made with the log.
        return None if log_table.schema == OWN_SCHEMA and may_make_schema else "no schema"
    if taken:
        return "no log"
    return None if may_create else "no privilege"


def _sqlite(connection: Connection) -> Facts:
    found = connection.execute(
        text("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'migrator%'")
    ).scalars()
    names = TableNames.among(list(found), None, None)
    return Facts("sqlite", connection.engine.url.database or ":memory:", mark=names.mark, log=names.log)


def _mysql(connection: Connection, version_schema: str | None) -> Facts:
    database, pid, user, version = connection.execute(
        text("SELECT database(), connection_id(), current_user(), version()")
    ).one()
    found = connection.execute(
        text(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = database() AND table_name IN ('migrator_mark', 'migrator_log')"
        )
    ).scalars()
    names = TableNames.among([str(name) for name in found], None, None)
    return Facts(
        "mysql",
        str(database),
        pid=int(pid),
        user=str(user),
        schema=version_schema,
        version=str(version),
        mark=names.mark,
        log=names.log,
    )


_IS_EMPTY = {
    "postgresql": """
        SELECT NOT EXISTS (
            SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_'
                AND n.nspname NOT IN ('information_schema', '_migrator') AND c.relname <> :table
                AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'))
    """,
    "sqlite": """
        SELECT NOT EXISTS (SELECT 1 FROM sqlite_master WHERE type IN ('table', 'view')
            AND name NOT LIKE 'sqlite_%' AND name <> :table)
    """,
    "mysql": """
        SELECT NOT EXISTS (SELECT 1 FROM information_schema.tables
            WHERE table_schema = database() AND table_name <> :table)
    """,
}


def is_empty(connection: Connection, facts: Facts, version_table: str) -> bool:
    """Whether a database has no tables and views but an (empty) version table."""
    question = _IS_EMPTY.get(facts.backend)
    if question is None:
        return False
    return bool(connection.execute(text(question), {"table": version_table}).scalar_one())
