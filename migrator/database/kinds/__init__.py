"""What differs between kinds of databases: one module for each, behind one interface."""

from __future__ import annotations

from sqlalchemy import URL

from migrator.database.kinds.interface import DatabaseKind, OtherKind
from migrator.database.kinds.mysql import MySQL
from migrator.database.kinds.postgresql import PostgreSQL
from migrator.database.kinds.sqlite import SQLite

KINDS: tuple[DatabaseKind, ...] = (PostgreSQL(), SQLite(), MySQL())
_BY_DIALECT = {kind.name: kind for kind in KINDS}
_BY_DIALECT["mariadb"] = _BY_DIALECT["mysql"]


def kind_of(database: URL | str) -> DatabaseKind:
    """Return the kind of a database, by its URL or SQLAlchemy's name of its dialect."""
    name = database if isinstance(database, str) else database.get_backend_name()
    return _BY_DIALECT.get(name) or OtherKind(name)
