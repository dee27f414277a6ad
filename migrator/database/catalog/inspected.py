"""The catalogue of SQLite, MariaDB and MySQL, as far as SQLAlchemy's inspector tells it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.exc import CompileError, SAWarning

from migrator.database.catalog.objects import CatalogObject

LeaveOut = Callable[[str, str | None], bool]

# In the order in which the objects can be made.
SQLITE_SQL = text(
    "SELECT type, name, tbl_name, sql FROM sqlite_master"
    " WHERE type IN ('view', 'trigger', 'index') AND sql IS NOT NULL ORDER BY type = 'trigger', rowid"
)
_MYSQL_VIEWS = text(
    "SELECT 'view', table_name, table_name, view_definition FROM information_schema.views"
    " WHERE table_schema = database()"
)
_MYSQL_TRIGGERS = text(
    "SELECT 'trigger', trigger_name, event_object_table,"
    " concat_ws(' ', action_timing, event_manipulation, action_statement)"
    " FROM information_schema.triggers WHERE trigger_schema = database()"
)


def inspected(connection: Connection, left_out: LeaveOut) -> Iterator[CatalogObject]:
    """Give the objects of a database: tables with what they have, views, and triggers.

    The transaction that reading begins is ended again.
    """
    began = not connection.in_transaction()
    with warnings.catch_warnings():
        # Of SQLite's indexes on expressions, which are read from what SQLite keeps.
        warnings.filterwarnings("ignore", "Skipped unsupported reflection", SAWarning)
        entries = [*_tables(connection, left_out), *_written(connection, left_out)]
    if began:
        connection.rollback()
    return iter(entries)


def _tables(connection: Connection, left_out: LeaveOut) -> Iterator[CatalogObject]:
    inspector = inspect(connection)
    kept = [name for name in inspector.get_table_names() if not left_out(name, None)]
    if not kept:
        return
    of_kept: Mapping[str, Any] = {"filter_names": kept}
    options = _options(connection, inspector, of_kept)
    for name in kept:
        yield CatalogObject("table", name, " ".join(filter(None, ("table", options.get(name)))))
    for table, columns in _each(inspector.get_multi_columns(**of_kept)):
        for column in columns:
            yield _part("column", f"{table}.{column['name']}", table, _column(connection, column))
            yield from _comment(f"column {table}.{column['name']}", table, column.get("comment"))
    if connection.dialect.supports_comments:
        for table, comment in _each(inspector.get_multi_table_comment(**of_kept)):
            yield from _comment(f"table {table}", table, comment.get("text"))
    yield from _constraints(inspector, of_kept)
    # SQLite keeps the statements that made its indexes, which say more.
    if connection.dialect.name != "sqlite":
        for table, indexes in _each(inspector.get_multi_indexes(**of_kept)):
            for index in indexes:
                yield _part("index", f"{index['name']} on {table}", table, _told(index, "name"))


def _options(connection: Connection, inspector: Any, of_kept: Mapping[str, Any]) -> dict[str, str]:
    """Give the options of tables, where the server has any; not what the next number will be."""
    if connection.dialect.name not in ("mysql", "mariadb"):
        return {}
    found = _each(inspector.get_multi_table_options(**of_kept))
    prefix = f"{connection.dialect.name}_"
    return {table: _told(told, f"{prefix}auto_increment", f"{prefix}comment") for table, told in found}


def _constraints(inspector: Any, of_kept: Mapping[str, Any]) -> Iterator[CatalogObject]:
    for table, key in _each(inspector.get_multi_pk_constraint(**of_kept)):
        if key and key["constrained_columns"]:
            yield _constraint(table, "primary key", key)
    for words, found in (
        ("foreign key", inspector.get_multi_foreign_keys(**of_kept)),
        ("unique", inspector.get_multi_unique_constraints(**of_kept)),
        ("check", inspector.get_multi_check_constraints(**of_kept)),
    ):
        for table, constraints in _each(found):
            for constraint in constraints:
                yield _constraint(table, words, constraint)


def _constraint(table: str, words: str, told: Mapping[str, Any]) -> CatalogObject:
    """SQLite's constraints often have no name: what they say names them then."""
    said = f"{words} {_told(told, 'name', 'comment', 'duplicates_index')}"
    return _part("constraint", f"{told.get('name') or said} on {table}", table, said)


def _written(connection: Connection, left_out: LeaveOut) -> Iterator[CatalogObject]:
    """Objects that the server keeps as texts."""
    if connection.dialect.name == "sqlite":
        rows = list(connection.execute(SQLITE_SQL))
    else:
        rows = [*connection.execute(_MYSQL_VIEWS), *connection.execute(_MYSQL_TRIGGERS)]
    database = connection.engine.url.database or ""
    for kind, name, table, sql in rows:
        if kind == "view":
            yield CatalogObject(kind, name, _plain(sql, database), seen=False)
        elif not left_out(table, None):
            yield _part(kind, f"{name} on {table}", table, _plain(sql, database), seen=kind == "index")


def _part(kind: str, name: str, table: str, definition: str, *, seen: bool = True) -> CatalogObject:
    return CatalogObject(kind, name, definition, seen, ("table", table))


def _comment(name: str, table: str, comment: str | None) -> Iterator[CatalogObject]:
    if comment:
        yield _part("comment", name, table, "'" + comment.replace("'", "''").replace("\n", "\\n") + "'")


def _each(found: Mapping[Any, Any]) -> Iterable[tuple[str, Any]]:
    return ((key[1], told) for key, told in found.items() if told)


def _column(connection: Connection, column: ReflectedColumn) -> str:
    try:
        type_ = column["type"].compile(connection.dialect)
    except CompileError:
        # SQLite takes columns without a type.
        type_ = "no type"
    computed = column.get("computed")
    parts = [
        type_.lower() if "(" not in type_ else type_,
        f"generated always as ({computed['sqltext']})" if computed else "",
        "stored" if computed and computed.get("persisted") else "",
        "auto_increment" if column.get("autoincrement") is True else "",
        f"default {column['default']}" if column["default"] is not None and not computed else "",
        "" if column["nullable"] else "not null",
    ]
    return " ".join(part for part in parts if part)


def _told(told: Mapping[str, Any], *but: str) -> str:
    """Put what the inspector tells on one line; what is empty or False is not told."""
    return ", ".join(
        f"{key} {_value(value)}" for key, value in sorted(told.items()) if value and key not in but
    )


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + _told(value) + "}"
    if isinstance(value, list | tuple):
        return "(" + ", ".join(_value(each) for each in value) + ")"
    return str(value)


def _plain(sql: str, database: str) -> str:
    """Give a text on one line, without the name of the database, which MariaDB writes into it."""
    return re.sub(r"\s+", " ", sql.replace(f"`{database}`.", "")).strip()
