"""What SQLAlchemy asks a server when an engine first connects, asked once for all engines of a command.

Those are four questions: the version, the default schema, the default isolation level, and how the server
takes backslashes. An environment is connected to again and again, each time by an engine of its own.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine

# By database, user and role: what the server answered, as attributes of a dialect.
Answers = dict[object, dict[str, Any]]


def initialize_once(engine: Engine, known: Answers, key: object) -> None:
    """Let an engine of asyncpg take from `known` what another one was told, and others what it is told.

    `key` tells databases, users and roles apart. A schema that the engine's connections look in is its
    dialect's default one by then.
    """
    dialect = engine.dialect
    if dialect.driver != "asyncpg":
        # What other dialects make of the answers may belong to one engine.
        return
    ask = dialect.initialize

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
