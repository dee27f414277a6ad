"""Which private names of SQLAlchemy and asyncpg this package needs, and which of them are missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy
from sqlalchemy import Connection


@dataclass(frozen=True)
class MissingName:
    """A name that an installed release of a package no longer has, and what that costs."""

    package: str
    version: str
    name: str
    costs: str


_STATEMENTS = "each statement of a revision takes two or three round trips to the server instead of one"
_ARRAYS = "a command that looks at tables takes about ten round trips to the server more"


def missing_names(connection: Connection) -> tuple[MissingName, ...]:
    """Return what is missing for a connection: nothing where its driver is not asyncpg."""
    if connection.dialect.driver != "asyncpg":
        return ()
    reached = connection.connection
    return (
        *missing_for_statements(reached.dbapi_connection),
        *missing_for_array_types(reached.driver_connection),
    )


def missing_for_statements(adapted: Any) -> tuple[MissingName, ...]:
    """Return what `one_trip` cannot do without; `adapted` is SQLAlchemy's wrapper of a connection."""
    wanted = ["_transaction", "_handle_exception", "isolation_level", "readonly", "deferrable"]
    if sqlalchemy.__version__.startswith("2.0."):
        wanted.append("_started")
    missing = [("SQLAlchemy", adapted, name) for name in wanted if not hasattr(adapted, name)]
    cursor = adapted.cursor()
    try:
        set_row_count(cursor, -1)
    except AttributeError:
        missing.append(("SQLAlchemy", cursor, "_rowcount"))
    if not hasattr(adapted.driver_connection, "_top_xact"):
        missing.append(("asyncpg", adapted.driver_connection, "_top_xact"))
    return tuple(_missing(*each, _STATEMENTS) for each in missing)


def missing_for_array_types(driver: Any) -> tuple[MissingName, ...]:
    """Return what `know_array_types` cannot do without; `driver` is a connection of asyncpg."""
    settings = driver.get_settings()
    if hasattr(settings, "register_data_types"):
        return ()
    return (_missing("asyncpg", settings, "register_data_types", _ARRAYS),)


def set_row_count(cursor: Any, rows: int) -> None:
    """Set the number of rows that a statement has met. Raises AttributeError where that cannot be set."""
    # The cursor of SQLAlchemy 2.0 has plain attributes, that of 2.1 has properties over these.
    setattr(cursor, "_rowcount" if hasattr(cursor, "_rowcount") else "rowcount", rows)


def _missing(package: str, owner: object, name: str, costs: str) -> MissingName:
    # Imported here: SQLAlchemy has imported it where it is asked for.
    import asyncpg  # type: ignore[import-untyped]

    version = asyncpg.__version__ if package == "asyncpg" else sqlalchemy.__version__
    return MissingName(package, version, f"{type(owner).__name__}.{name}", costs)
