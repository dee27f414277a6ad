"""What is asked of a server before a command asks anything: little, and with the same answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from migrator.database.connecting.engine import SessionOptions, async_engine, look_in
from migrator.database.round_trips.first_questions import initialize_once
from tests.proxy import counting_proxy

if TYPE_CHECKING:
    from tests.conftest import Database

# What SQLAlchemy keeps of the server's answers, and what of PostgreSQL's dialect follows from them.
ANSWERS = (
    "server_version_info",
    "default_schema_name",
    "default_isolation_level",
    "_backslash_escapes",
    "supports_identity_columns",
)


def url_of(database: Database) -> Any:
    """Give a database's URL for asyncpg."""
    return make_url(database.url).set(drivername="postgresql+asyncpg")


def run(engine: AsyncEngine, *statements: str) -> list[Any]:
    """Connect, run statements, and give the rows of all."""

    async def work() -> list[Any]:
        async with engine.connect() as connection:
            results = [await connection.execute(text(each)) for each in statements]
            return [row for result in results for row in result]

    return asyncio.run(work())


def told(engine: AsyncEngine) -> dict[str, Any]:
    """Connect, and give what the dialect knows of the server by then."""
    run(engine)
    return {name: getattr(engine.dialect, name) for name in ANSWERS}


def ours(database: Database, schema: str | None = None) -> AsyncEngine:
    """Give an engine as commands make it."""
    engine = async_engine(url_of(database), SessionOptions(fast=True))
    initialize_once(engine.sync_engine, {}, "key")
    look_in(engine.sync_engine, schema)
    return engine


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["default_transaction_isolation TO 'repeatable read'", "standard_conforming_strings TO off"],
        ["search_path TO other"],
        ["search_path TO nowhere"],
        ["search_path TO shadow, pg_catalog"],
    ],
)
def test_what_sqlalchemy_knows_of_a_server_is_what_it_asks_by_itself(
    settings: list[str], postgres_database: Database
) -> None:
    postgres_database.query("CREATE SCHEMA other")
    postgres_database.query("CREATE SCHEMA shadow")
    postgres_database.query(
        "CREATE FUNCTION shadow.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT 'shadow' $$"
    )
    for setting in settings:
        postgres_database.query(f"ALTER DATABASE {postgres_database.name} SET {setting}")

    plain = told(create_async_engine(url_of(postgres_database)))

    assert told(ours(postgres_database)) == plain


@pytest.mark.parametrize(("schema", "default"), [("tenant", "tenant"), ("nowhere", None)])
def test_a_schema_to_look_in_is_the_default_one_if_it_is_there(
    schema: str, default: str | None, postgres_database: Database
) -> None:
    postgres_database.query("CREATE SCHEMA tenant")

    assert told(ours(postgres_database, schema))["default_schema_name"] == default


def test_a_server_is_asked_all_in_one_statement(postgres_database: Database) -> None:
    def trips(make: Callable[[Any], AsyncEngine]) -> int:
        with counting_proxy(postgres_database.host, postgres_database.port) as proxy:
            run(make(url_of(postgres_database).set(port=proxy.port)))
        return max(proxy.trips_of_each)

    def initialized(url: Any) -> AsyncEngine:
        engine = create_async_engine(url)
        initialize_once(engine.sync_engine, {}, "key")
        return engine

    assert trips(create_async_engine) - trips(initialized) == 6


def test_arrays_of_the_catalogue_take_no_further_trips(postgres_database: Database) -> None:
    arrays = (
        "SELECT indkey, ARRAY[true], ARRAY['a'::name], ARRAY[2::int2], ARRAY[8::int8], ARRAY[26::oid]"
        " FROM pg_index WHERE indexrelid = 'pg_attribute_relid_attnum_index'::regclass"
    )

    def trips(statement: str) -> tuple[int, list[Any]]:
        with counting_proxy(postgres_database.host, postgres_database.port) as proxy:
            url = url_of(postgres_database).set(port=proxy.port)
            rows = run(async_engine(url, SessionOptions(fast=True)), statement)
        return max(proxy.trips_of_each), rows

    (few, _), (many, rows) = trips("SELECT 1"), trips(arrays)

    assert rows == [([1, 5], [True], ["a"], [2], [8], [26])]
    assert many == few


def test_the_plain_way_asks_what_arrays_are(postgres_database: Database) -> None:
    def trips(*, fast: bool) -> int:
        with counting_proxy(postgres_database.host, postgres_database.port) as proxy:
            url = url_of(postgres_database).set(port=proxy.port)
            run(async_engine(url, SessionOptions(fast=fast)), "SELECT indkey FROM pg_index LIMIT 1")
        return max(proxy.trips_of_each)

    assert trips(fast=False) - trips(fast=True) >= 3
