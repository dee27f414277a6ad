"""Finds the database that an open connection leads to, and the session that its login was told."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection

from migrator import secrets

_KEPT = "migrator_url"
_ASK = (
    "SELECT current_database() AS dbname, CAST(session_user AS text) AS user,"
    " host(inet_server_addr()) AS host, inet_server_port() AS port"
)


def url_of(connection: Connection) -> URL:
    """Give the URL of a connection's database, without a password where the connection had to be asked.

    It is asked where the engine has a creator of its own and a bare URL. No transaction is begun by that: one
    that is open before `context.configure()` is taken by Alembic for somebody else's.
    """
    url = connection.engine.url
    if url.database:
        return url
    if _KEPT not in connection.info:
        connection.info[_KEPT] = _asked(connection) or url
    kept: URL = connection.info[_KEPT]
    return kept


def _asked(connection: Connection) -> URL | None:
    driver: Any = connection.connection.driver_connection
    module = type(driver).__module__.partition(".")[0]
    if module in ("psycopg", "psycopg2"):
        # libpq has kept what it connected with.
        info = driver.info
        secrets.register(info.password, harmless=(info.user, info.host, info.dbname))
        host = info.host or getattr(info, "hostaddr", "")
        return _url(connection, info.user, host, info.port, info.dbname)
    if module == "asyncpg":
        # Past SQLAlchemy, whose adapter begins a transaction with the first statement.
        dbapi_connection: Any = connection.connection.dbapi_connection
        row = dbapi_connection.run_async(lambda asyncpg: asyncpg.fetchrow(_ASK))
        return _url(connection, row["user"], row["host"], row["port"], row["dbname"])
    return None


def _url(connection: Connection, user: str, host: str | None, port: int | None, database: str) -> URL:
    url = connection.engine.url.set(username=user, database=database)
    if host and host.startswith("/"):
        return url.update_query_dict({"host": host})
    return url.set(host=host or "localhost", port=port) if port else url.set(host=host or "localhost")


def session_of_login(dbapi_connection: Any) -> int | None:
    """Return the session number that the server sent at login; None if the driver does not keep it.

    A pooler invents one, so it differs from `pg_backend_pid()`.
    """
    # SQLAlchemy wraps the connection of an async driver.
    driver = getattr(dbapi_connection, "driver_connection", dbapi_connection)
    if hasattr(driver, "get_server_pid"):
        return int(driver.get_server_pid())
    # psycopg
    return getattr(getattr(driver, "pgconn", None), "backend_pid", None)
