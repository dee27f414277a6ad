"""The INSERT of a log row, written without compiling it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import asyncpg

from migrator.database.own.log_records import insert_with_values
from migrator.database.own.own_tables import TableName, log_table

DIALECT: Any = asyncpg.dialect
ROW = {
    "environment": 'a\'b "c" %(d)s 50% :e \\ f',
    "version_table": "tenant.alembic_version",
    "revision": None,
    "direction": "upgrade",
    "started_at": datetime(2026, 11, 28, 7, 48, 20, 775314, timezone(timedelta(hours=5))),
    "duration_ms": 12,
    "user_name": "naïve",
}


@pytest.mark.parametrize("backslashes", [True, False])
def test_it_is_what_sqlalchemy_would_write(backslashes: bool) -> None:
    kind, table = DIALECT(), log_table(TableName("_migrator", "log"))
    # What a server says whose standard_conforming_strings is off, or on.
    kind._backslash_escapes = backslashes

    written = insert_with_values(table, ROW, kind)

    statement = insert(table).inline().values(ROW)
    assert written == str(statement.compile(dialect=kind, compile_kwargs={"literal_binds": True}))
    assert ("\\\\" in written) is backslashes


def test_what_the_server_counts_is_added_where_there_is_something_to_add_to() -> None:
    table = log_table(TableName("_migrator", "log"))

    with_time = insert_with_values(table, {"duration_ms": 12}, DIALECT(), {"duration_ms": " + 1"})
    without = insert_with_values(table, {"duration_ms": None}, DIALECT(), {"duration_ms": " + 1"})

    assert with_time.endswith("VALUES (12 + 1)")
    assert without.endswith("VALUES (NULL)")


def test_names_are_quoted_where_they_have_to_be() -> None:
    table = log_table(TableName("Own", "log"))

    written = insert_with_values(table, {"started_at": datetime.now(UTC)}, DIALECT())

    assert written.startswith('INSERT INTO "Own".log (started_at) VALUES (\'')
