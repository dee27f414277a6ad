"""What SQLAlchemy and asyncpg ask a server first, asked once for all engines of a command or not at all.

SQLAlchemy has four questions when an engine first connects: the version, the default schema, the default
isolation level, and how the server takes backslashes. They are asked in one statement. An environment is
connected to again and again, each time by an engine of its own.

asyncpg would ask each connection's server about PostgreSQL's own array types. The first statement that gives
one costs four to six round trips more, and there are two such statements where SQLAlchemy looks at tables.
What the answer is has been fixed since the types were made (pg_type.dat).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Dialect, Engine

from migrator.database.round_trips.probe import missing_for_array_types

# By database, user and role: what the server answered, as attributes of a dialect.
Answers = dict[object, dict[str, Any]]

_LEVEL = "show transaction isolation level"
# Each question as PostgreSQL's dialect words it, and what answers it within a SELECT. One that is worded
# otherwise is asked as ever, which costs no more than the trip to the server.
_QUESTIONS = {
    "select pg_catalog.version()": "pg_catalog.version()",
    "select current_schema()": "CAST(pg_catalog.current_schema() AS text)",
    _LEVEL: "pg_catalog.current_setting('transaction_isolation')",
    "show standard_conforming_strings": "pg_catalog.current_setting('standard_conforming_strings')",
}
_AT_ONCE = f"SELECT {', '.join(_QUESTIONS.values())}"


def initialize_once(engine: Engine, known: Answers, key: object) -> None:
    """Let an engine of asyncpg take from `known` what another one was told, and others what it is told.

    `key` tells databases, users and roles apart. A schema that the engine's connections look in is its
    dialect's default one by then.
    """
    dialect = engine.dialect
    if dialect.driver != "asyncpg":
        # What other dialects make of the answers may belong to one engine.
        return
    ask = _asking_at_once(dialect)

    def initialize(connection: Connection) -> None:
        at = (key, dialect.default_schema_name)
        if at not in known:
            before = dict(vars(dialect))
            ask(connection)
            # Not what the dialect has begun to remember for itself, of types say.
            known[at] = {
                name: said
                for name, said in vars(dialect).items()
                if isinstance(said, str | int | tuple | None) and before.get(name, ask) is not said
            }
        vars(dialect).update(known[at])

    # SQLAlchemy calls it through the instance, with the engine's first connection.
    dialect.initialize = initialize  # type: ignore[method-assign]


def _asking_at_once(dialect: Dialect) -> Callable[[Connection], None]:
    """Give the dialect's own `initialize`, with fewer round trips where it is PostgreSQL's."""
    from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

    plainly = dialect.initialize
    if type(dialect) is not PGDialect_asyncpg:
        # Another database that speaks to asyncpg may not know the questions.
        return plainly

    def ask(connection: Connection) -> None:
        told = connection.exec_driver_sql(_AT_ONCE).one()
        answers = _Answers(connection, dict(zip(_QUESTIONS, told, strict=True)))
        dialect.get_default_isolation_level = answers.level  # type: ignore[method-assign]
        try:
            plainly(answers)  # type: ignore[arg-type]
        finally:
            del dialect.get_default_isolation_level

    return ask


class _Answers:
    """Stands for a connection on which the questions are answered already."""

    def __init__(self, connection: Connection, told: Mapping[str, str | None]) -> None:
        self._connection = connection
        self._told = told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def exec_driver_sql(self, statement: str) -> Any:
        """Answer a question in place of the server, which gets every other statement."""
        if statement in self._told:
            return SimpleNamespace(scalar=lambda: self._told[statement])
        return self._connection.exec_driver_sql(statement)

    def level(self, _dbapi_connection: object) -> Any:
        """Give the isolation level, as a dialect's `get_default_isolation_level` does."""
        return str(self._told[_LEVEL]).upper()


# The oids of array types, with the oids and the names of what they hold.
_ARRAYS = {
    22: (21, "int2vector"),
    1000: (16, "_bool"),
    1003: (19, "_name"),
    1005: (21, "_int2"),
    1016: (20, "_int8"),
    1028: (26, "_oid"),
}


def know_array_types(driver_connection: Any) -> None:
    """Let a connection of asyncpg read these types without asking for them.

    Where asyncpg no longer has the place for it, it asks, as ever.
    """
    if missing_for_array_types(driver_connection):
        return
    types = [
        {
            "oid": oid,
            "ns": "pg_catalog",
            "name": name,
            "kind": b"b",
            "basetype": None,
            "elemtype": element,
            "elemtype_name": None,
            "elemdelim": ",",
            "range_subtype": None,
            "attrtypoids": None,
            "attrnames": None,
        }
        for oid, (element, name) in _ARRAYS.items()
    ]
    driver_connection.get_settings().register_data_types(types)
