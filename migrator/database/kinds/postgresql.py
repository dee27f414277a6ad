"""PostgreSQL."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import URL, Connection, Text, bindparam, cast, func, literal_column, select, text
from sqlalchemy.exc import OperationalError

from migrator.database.connecting.connected_url import session_of_login
from migrator.database.connecting.timeouts import Timeouts
from migrator.database.kinds.interface import DatabaseKind, ErrorMeaning, Explanation
from migrator.database.kinds.postgresql_errors import EXPLANATIONS, MEANINGS, sqlstate
from migrator.database.own.facts import PRIVILEGES_NEEDED, Facts, LockName, LogFault, Privileges
from migrator.database.own.own_tables import LOG_COLUMNS, OWN_SCHEMA, TableName, TableNames
from migrator.results.run import Holder

# The version table may be in any schema of the search path; what it is in, or would be made in, names the
# lock.
_SCHEMA = """
    COALESCE(CAST(:schema AS text),
        (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relname = CAST(:table AS text) AND pg_table_is_visible(c.oid)
             AND c.relkind IN ('r', 'p') LIMIT 1),
        current_schema())
"""
_FACTS = text(f"""
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
SELECT current_database() AS database, pg_backend_pid() AS pid, CAST(session_user AS text) AS "user",
    CAST(current_user AS text) AS role, current_setting('search_path') AS search_path,
    (SELECT schema FROM place) AS schema, version() AS version,
    CAST(current_setting('server_version_num') AS integer) / 10000 AS major,
    has_database_privilege(current_database(), 'CREATE') AS may_make_schema,
    COALESCE((SELECT has_schema_privilege(n.oid, 'CREATE') FROM pg_namespace n
              WHERE n.nspname = (SELECT schema FROM place)), false) AS may_make_tables,
    COALESCE((SELECT bool_and(usable AND has_table_privilege(oid, 'SELECT')) FROM ours), true)
        AS may_read_records,
    COALESCE((SELECT bool_and(usable AND has_table_privilege(oid, 'INSERT')
                              AND (relname NOT LIKE '%mark' OR has_table_privilege(oid, 'DELETE')))
              FROM ours), true) AS may_write_records,
    ARRAY(SELECT format('%I.%I', n.nspname, c.relname) FROM pg_index i
          JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE NOT i.indisvalid AND c.relkind = 'i' ORDER BY 1) AS invalid_indexes,
    has_function_privilege('pg_control_system()', 'EXECUTE') AS tells_identifier,
    ARRAY(SELECT nspname || '.' || relname FROM ours ORDER BY nspname, relname) AS ours,
    (SELECT has_schema_privilege(n.oid, 'CREATE') FROM pg_namespace n
     WHERE n.nspname = CAST(:log_schema AS text)) AS may_create,
    EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = CAST(:log_schema AS text) AND c.relname = CAST(:log_name AS text)) AS taken
""").bindparams(bindparam("log_schema"), bindparam("log_name"))
# Without those that belong to an extension.
_TABLES = text("""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND n.nspname = COALESCE(CAST(:schema AS text), n.nspname)
    AND NOT EXISTS (SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
""")
_PRIVILEGES = text(f"""
SELECT pg_has_role(CAST(:role AS name), 'pg_read_all_stats', 'USAGE'), c.oid IS NOT NULL,
    {", ".join(f"has_table_privilege(CAST(:role AS name), c.oid, '{each}')" for each in PRIVILEGES_NEEDED)}
FROM (SELECT) AS one LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace)
    ON c.relname = CAST(:table AS text) AND n.nspname = CAST(:schema AS text) AND c.relkind IN ('r', 'p')
""")

# An idle lock must not be taken away by a timeout that is meant for forgotten sessions. No statement is
# to wait so long that its answer is given up: the server would go on with it.
_SECOND = text(
    "SELECT set_config('search_path', :path, false), set_config('role', :role, false),"
    " set_config('application_name', :application, false), set_config('lock_timeout', '10s', false),"
    " CASE WHEN current_setting('server_version_num')::int >= 140000 THEN"
    " set_config('idle_session_timeout', '0', false) END"
)
_PID = "SELECT pg_backend_pid()"
_SESSION = """
    a.pid, a.usename, a.application_name, a.state, CAST(a.client_addr AS text),
    CAST(date_trunc('second', a.xact_start) AS text), CAST(date_trunc('second', a.backend_start) AS text),
    a.backend_start IS NULL
"""
_HOLDER = text(f"""
SELECT {_SESSION}
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid = CAST(CAST(:high AS bigint) AS oid) AND l.objid = CAST(CAST(:low AS bigint) AS oid)
""")
_BLOCKERS = text(f"""
SELECT {_SESSION}
FROM unnest(pg_blocking_pids(:pid)) AS b(pid) JOIN pg_stat_activity a ON a.pid = b.pid
""")
_LOCK_HOLDERS = text(f"""
SELECT {_SESSION} FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND EXISTS (
    SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.granted
        AND (l.locktype = 'transactionid' OR l.mode IN ('ShareLock', 'AccessExclusiveLock')))
""")


class PostgreSQL(DatabaseKind):
    """PostgreSQL: schemas, roles, timeouts, locks of sessions, and DDL that can be rolled back."""

    name = "postgresql"
    driver = async_driver = "asyncpg"
    has_schemas = True
    has_roles = True
    has_timeouts = True
    has_session_locks = True
    keeps_time_zones = True
    runs_scripts = True
    copies_databases = True
    has_own_server = True
    server_identifier: Any = (
        select(cast(literal_column("system_identifier"), Text))
        .select_from(func.pg_control_system())
        .scalar_subquery()
    )

    def read_facts(self, connection: Connection, version: TableName, log: TableName | None) -> Facts:
        """Return what a database says about itself, in one round trip."""
        asked = {
            "schema": version.schema,
            "table": version.name,
            "own": OWN_SCHEMA,
            "log_schema": log.schema if log else None,
            "log_name": log.name if log else None,
        }
        said = dict(connection.execute(_FACTS, asked).mappings().one())
        said["invalid_indexes"] = tuple(said["invalid_indexes"])
        names = TableNames.among(said.pop("ours"), said["schema"], log)
        may_create, taken = said.pop("may_create"), said.pop("taken")
        fault: LogFault | None = None
        if log is not None and names.log is None:
            if may_create is None:
                # Our own schema is made with the log.
                made = log.schema == OWN_SCHEMA and said["may_make_schema"]
                fault = None if made else "no schema"
            elif taken or not may_create:
                fault = "no log" if taken else "no privilege"
        told = session_of_login(connection.connection.dbapi_connection)
        pooled = told not in (None, said["pid"])
        return Facts(
            self.name, mark=names.mark, log=names.log, log_fault=fault, through_pooler=pooled, **said
        )

    def tables(self, connection: Connection, schema: str | None) -> list[TableName]:
        return [TableName(*row) for row in connection.execute(_TABLES, {"schema": schema})]

    def read_privileges(self, connection: Connection, facts: Facts, version_table: str) -> Privileges | None:
        named = {"role": facts.role, "schema": facts.schema, "table": version_table}
        sees, there, *may = connection.execute(_PRIVILEGES, named).one()
        lacking = tuple(name for name, has in zip(PRIVILEGES_NEEDED, may, strict=True) if there and not has)
        return Privileges(lacking, bool(sees))

    def variables(self, url: URL) -> dict[str, str]:
        parts = {
            "POSTGRES_DB": url.database,
            "POSTGRES_USER": url.username,
            "POSTGRES_PASSWORD": None if url.password is None else str(url.password),
            "POSTGRES_HOST": url.host,
            "POSTGRES_PORT": str(url.port or 5432),
        }
        return {name: value for name, value in parts.items() if value is not None}

    def session_id(self, connection: Connection) -> int | None:
        """Return the process id of the session's backend.

        It is asked between any two revisions. asyncpg itself prepares the question once in a session;
        SQLAlchemy's adapter prepares it anew each time where it may keep no statements.
        """
        if connection.dialect.driver != "asyncpg":
            return int(connection.execute(text(_PID)).scalar_one())
        adapted: Any = connection.connection.dbapi_connection
        try:
            return int(adapted.run_async(lambda driver: driver.fetchval(_PID)))
        except Exception as exc:
            if not (isinstance(exc, OSError) or type(exc).__module__.startswith("asyncpg.")):
                raise
            raise OperationalError(_PID, None, exc) from exc

    def session_place(self, connection: Connection) -> tuple[int, str, str | None] | None:
        question = text("SELECT pg_backend_pid(), current_database(), current_schema()")
        pid, database, schema = connection.execute(question).one()
        return pid, database, schema

    def prepare_second(self, connection: Connection, facts: Facts, application_name: str) -> None:
        role = facts.role if facts.role != facts.user else "none"
        wanted = {"path": facts.search_path, "role": role, "application": application_name}
        connection.execute(_SECOND, wanted)

    def only_read(self, connection: Connection) -> None:
        connection.exec_driver_sql("SET default_transaction_read_only = on")

    def start_run(self, facts: Facts, timeouts: Timeouts, working_lock: LockName) -> str:
        statements = []
        if facts.major >= 14 and "linux" in facts.version:
            # A server process whose client was killed ends soon, and not when its statement does. Whoever has
            # set an interval for the server or the role has done so already.
            statements.append(
                "SELECT set_config('client_connection_check_interval', '1s', false)"
                " WHERE current_setting('client_connection_check_interval') = '0'"
            )
        statements.append(timeouts.sql())
        # No other run can hold it: that run would need the lock of the run first.
        statements.append(f"SELECT pg_advisory_lock({lock_key(working_lock)})")
        return "; ".join(statements)

    def try_lock(self, connection: Connection, name: LockName) -> bool:
        question = text("SELECT pg_try_advisory_lock(:k)")
        return bool(connection.execute(question, {"k": lock_key(name)}).scalar_one())

    def unlock(self, connection: Connection, name: LockName) -> None:
        connection.execute(text("SELECT pg_advisory_unlock(:k)"), {"k": lock_key(name)})

    def holder_of(self, connection: Connection, name: LockName) -> Holder | None:
        unsigned = lock_key(name) % 2**64
        parts = {"high": unsigned >> 32, "low": unsigned & 0xFFFFFFFF}
        row = connection.execute(_HOLDER, parts).first()
        return None if row is None else Holder(*row)

    def blockers_of(self, connection: Connection, session: int) -> tuple[Holder, ...]:
        return tuple(Holder(*row) for row in connection.execute(_BLOCKERS, {"pid": session}))

    def lock_holders(self, connection: Connection) -> tuple[Holder, ...]:
        return tuple(Holder(*row) for row in connection.execute(_LOCK_HOLDERS))

    def end_session(self, session: int) -> str:
        return f"SELECT pg_terminate_backend({session})"

    def meaning_of(self, exc: BaseException) -> ErrorMeaning | None:
        return MEANINGS.get(sqlstate(exc))

    def explain(self, exc: BaseException) -> Explanation | None:
        return EXPLANATIONS.get(sqlstate(exc))

    def server_version(self, connection: Connection) -> str:
        return str(connection.execute(text("SHOW server_version_num")).scalar_one())

    def major(self, version: str) -> str:
        return str(int(version) // 10000)

    def create_database(self, connection: Connection, name: str, template: str | None) -> None:
        # Copying a database of many tables as files takes a fraction of logging each of its pages.
        as_files = template is not None and _major(connection) >= 15
        strategy = " STRATEGY FILE_COPY" if as_files else ""
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'}{strategy}")
        # A scratch database that a crash of the server damages is thrown away anyway.
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET synchronous_commit = off")

    def drop_database(self, connection: Connection, name: str, *, force: bool) -> None:
        with_force = " WITH (FORCE)" if force and _major(connection) >= 13 else ""
        if force and not with_force:
            end = text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = :name")
            connection.execute(end, {"name": name})
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}{with_force}")

    def database_names(self, connection: Connection) -> list[str]:
        return [str(row[0]) for row in connection.execute(text("SELECT datname FROM pg_database"))]

    def described(self, connection: Connection, prefix: str) -> list[tuple[str, str]]:
        question = text(
            "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database"
            " WHERE starts_with(datname, :prefix) ORDER BY oid"
        )
        rows = connection.execute(question, {"prefix": prefix}).all()
        return [(str(name), str(said)) for name, said in rows if said]

    def describe(self, connection: Connection, name: str, description: str, new_name: str) -> None:
        comment = description.replace("'", "''")
        connection.exec_driver_sql(f"COMMENT ON DATABASE {name} IS '{comment}'")
        connection.exec_driver_sql(f"ALTER DATABASE {name} RENAME TO {new_name}")

    def create_role(self, connection: Connection, name: str) -> None:
        connection.exec_driver_sql(f"CREATE ROLE {quoted(name)} NOLOGIN")


def lock_key(name: LockName) -> int:
    """Return the key of an advisory lock: 64 bits with a sign."""
    return int.from_bytes(hashlib.sha256(name.text.encode()).digest()[:8], signed=True)


def drop_index(index: str) -> str:
    """Return the statement that removes an INVALID index without blocking anyone."""
    return f"DROP INDEX CONCURRENTLY {index}"


def quoted(name: str) -> str:
    """Return an identifier in quotes, whether or not it needs them."""
    return '"{}"'.format(name.replace('"', '""'))


def _major(connection: Connection) -> int:
    return int((connection.dialect.server_version_info or (0,))[0])
