"""Keeps an env.py that does not connect where it was told from doing anything to a real database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import URL, Engine, event
from sqlalchemy.pool import Pool

from migrator.database.kinds import kind_of
from migrator.errors import RefusedError

_HINT = (
    'Let env.py take its URL from config.get_main_option("sqlalchemy.url"), or from'
    ' config.attributes["connection"]; or compare with a database: --against database'
)

_KNOWN = "migrator_scratch"


class ConnectionRefusal:
    """What keeps watch while an env.py runs; `refused` is the error where it connected elsewhere."""

    def __init__(self, url: URL) -> None:
        self._kind = kind_of(url)
        self._name = self._kind.resolved_name(url.database or "")
        self.refused: RefusedError | None = None

    def before(self, dialect: Any, _record: object, args: list[Any], parameters: dict[str, Any]) -> None:
        """Refuse an address that says it is another database, before anything waits for its server."""
        kind = kind_of(dialect.name)
        said = kind.connects_to(args, parameters)
        if said is not None and kind.resolved_name(str(said)) != self._name:
            raise self._refusal(str(said))

    def after(self, connection: Any, record: Any, *_: object) -> None:
        """Ask a connection what it is, before anybody else asks it for anything: a new one, or a pool's."""
        if record.info.get(_KNOWN) == self._name:
            return
        found = _database_of(connection)
        if found is None or self._kind.resolved_name(found) != self._name:
            raise self._refusal(found or "a database that does not say what it is")
        record.info[_KNOWN] = self._name

    def _refusal(self, where: str) -> RefusedError:
        # An env.py may hide it.
        self.refused = RefusedError(
            f"env.py connects to {where}, and not to the scratch database that it was given; nothing was done"
            " there.",
            hint=_HINT,
        )
        return self.refused


@contextmanager
def refuse_other_connections(url: URL) -> Iterator[None]:
    """Let no engine of this process connect to another database than `url` in the block.

    Raises RefusedError where one tried to, whatever became of the error where it tried.
    """
    guard = ConnectionRefusal(url)
    event.listen(Engine, "do_connect", guard.before)
    event.listen(Pool, "connect", guard.after)
    # A module of the project may have connected before.
    event.listen(Pool, "checkout", guard.after)
    try:
        yield
    except BaseException as exc:
        if guard.refused is not None and exc is not guard.refused and not isinstance(exc, KeyboardInterrupt):
            raise guard.refused from exc
        raise
    finally:
        event.remove(Engine, "do_connect", guard.before)
        event.remove(Pool, "connect", guard.after)
        event.remove(Pool, "checkout", guard.after)
    if guard.refused is not None:
        raise guard.refused


def _database_of(connection: Any) -> str | None:
    """Ask a driver's connection for its database, leaving no transaction behind."""
    kind = f"{type(connection).__module__}.{type(connection).__name__}"
    if "asyncpg" in kind:
        return str(connection.run_async(lambda driver: driver.fetchval("SELECT current_database()")))
    if "psycopg" in kind:
        # SQLAlchemy wraps the connection of an async driver.
        driver = getattr(connection, "driver_connection", connection)
        return str(driver.info.dbname)
    for words, question, column in (
        ("sqlite", "PRAGMA database_list", 2),
        ("mysql", "SELECT database()", 0),
        ("pg8000", "SELECT current_database()", 0),
    ):
        if words in kind.lower():
            try:
                with closing(connection.cursor()) as cursor:
                    cursor.execute(question)
                    return str(cursor.fetchone()[column])
            finally:
                connection.rollback()
    return None
