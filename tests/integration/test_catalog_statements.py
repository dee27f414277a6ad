"""Objects that Alembic does not see, carried over into an empty database by the statements that make them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, create_engine
from sqlalchemy.pool import NullPool

from migrator.database.catalog.definition_statements import Definitions, NotCreatableError
from migrator.database.catalog.objects import differences, foreign_objects
from migrator.database.catalog.reading import read_catalog
from tests.projects.objects import EVERYTHING, TABLES

if TYPE_CHECKING:
    from tests.conftest import Database

NewDatabase = Callable[[], "Database"]


@pytest.fixture
def database(new_database: NewDatabase) -> Database:
    database = new_database()
    database.query(EVERYTHING)
    return database


@contextmanager
def connected(database: Database) -> Iterator[Connection]:
    engine = create_engine(database.url.replace("://", "+psycopg://"), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def run(database: Database, statements: Iterable[str]) -> None:
    """Run statements in one transaction, each as it is."""
    with connected(database) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))
        connection.commit()


def statements_of(database: Database, script: str) -> tuple[str, ...]:
    database.query(script)
    with connected(database) as connection:
        return Definitions(connection).creation(foreign_objects(read_catalog(connection)))


def test_the_statements_make_an_equal_database_around_the_same_tables(
    database: Database, new_database: NewDatabase
) -> None:
    with connected(database) as connection:
        objects = foreign_objects(read_catalog(connection))
        definitions = Definitions(connection)
        first = definitions.needed_by_tables(objects)
        before = definitions.creation(first)
        after = definitions.creation([key for key in objects if key not in first])
        assert not connection.in_transaction()
    anew = new_database()

    run(anew, before)
    run(anew, [*TABLES.split(";\n")[:-1], *after])

    with connected(database) as one, connected(anew) as other:
        assert differences(read_catalog(one), read_catalog(other)) == ()


def test_those_that_tables_need_are_told(database: Database) -> None:
    with connected(database) as connection:
        needed = Definitions(connection).needed_by_tables(foreign_objects(read_catalog(connection)))

    assert needed == [
        ("comment", "domain address"),
        ("composite type", "pair"),
        ("domain", "a_home"),
        ("domain", "address"),
        ("enum", "level"),
        ("extension", "vector"),
        ("function", "billing.next_number(kind public.level)"),
        ("range type", "span"),
        ("schema", "billing"),
    ]


def test_a_view_comes_after_those_that_it_reads_whatever_their_names(new_database: NewDatabase) -> None:
    script = """
    CREATE TABLE t (id int);
    CREATE VIEW z AS SELECT id FROM t; CREATE VIEW m AS SELECT id FROM z; CREATE VIEW a AS SELECT id FROM m;
    CREATE FUNCTION of_row(m[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE VIEW b AS SELECT of_row(ARRAY[m]) AS x FROM m;
    """

    made = [" ".join(each.split()[:-1][:3]) for each in statements_of(new_database(), script)]

    order = [each for each in made if each.startswith("CREATE VIEW")]
    assert order == [f"CREATE VIEW public.{name}" for name in "zmab"]
    assert made.index("CREATE VIEW public.m") < made.index("CREATE OR REPLACE") < made.index(order[-1])


@pytest.mark.filterwarnings("ignore:Did not recognize type")
def test_what_autogenerate_sees_is_not_among_them(database: Database) -> None:
    with connected(database) as connection:
        objects = foreign_objects(read_catalog(connection))
        context = MigrationContext.configure(connection, opts={"include_schemas": True})
        upgrade = produce_migrations(context, MetaData()).upgrade_ops
        assert upgrade is not None
        seen = {getattr(each, "table_name", "") for each in upgrade.ops}

    assert {"orders", "events", "invoices"} <= seen
    kinds = {kind for kind, _ in objects}
    assert kinds.isdisjoint({"table", "column", "constraint", "partition"})
    assert [name for kind, name in objects if kind == "sequence"] == ["numbers"]
    assert [name for kind, name in objects if kind == "enum"] == ["level", "spare"]
    assert [name for kind, name in objects if kind == "index"] == ["ix_counted on m_counted"]


def test_a_few_can_be_chosen_by_their_keys(database: Database) -> None:
    with connected(database) as connection:
        made = Definitions(connection).creation([("comment", "view z_dear"), ("sequence", "numbers")])

    assert made == (
        "CREATE SEQUENCE public.numbers AS bigint INCREMENT BY 5 MINVALUE 1 MAXVALUE 100 START WITH 5"
        " CACHE 1 CYCLE",
        "COMMENT ON VIEW public.z_dear IS 'two\nlines, 100% \\ it''s'",
    )


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("table", "orders"),
        ("column", "orders.id"),
        ("constraint", "orders_pkey on orders"),
        ("partition", "events_2024"),
        ("sequence", "orders_id_seq"),
        ("index", "events_2024_kind_idx on events_2024"),
        ("view", "nowhere"),
        ("comment", "view nowhere"),
    ],
)
def test_what_is_not_made_by_itself_is_an_error_that_names_it(
    kind: str, name: str, database: Database
) -> None:
    with connected(database) as connection, pytest.raises(NotCreatableError) as raised:
        Definitions(connection).creation([(kind, name)])

    assert (raised.value.kind, raised.value.name) == (kind, name)
    assert f"{kind} {name} cannot be written as a statement" in raised.value.message


@pytest.mark.parametrize(
    ("script", "named"),
    [
        (
            "CREATE FUNCTION last(internal, float8) RETURNS float8 LANGUAGE internal"
            " AS 'percentile_cont_float8_final';"
            "CREATE AGGREGATE middle(float8 ORDER BY float8) (SFUNC = ordered_set_transition,"
            " STYPE = internal, FINALFUNC = last)",
            "The aggregate middle",
        ),
        (
            "CREATE DOMAIN d AS int; ALTER DOMAIN d ADD CHECK (VALUE > 0) NOT VALID",
            "The domain d cannot be written as a statement: one of its checks is not valid",
        ),
    ],
)
def test_what_no_single_statement_makes_is_an_error_that_names_it(
    script: str, named: str, new_database: NewDatabase
) -> None:
    with pytest.raises(NotCreatableError, match=named):
        statements_of(new_database(), script)


def test_nothing_chosen_is_no_statement(database: Database) -> None:
    with connected(database) as connection:
        assert Definitions(connection).creation([]) == ()


def test_a_view_comes_after_a_range_type_that_it_needs_only_through_its_function(
    new_database: NewDatabase,
) -> None:
    script = """
    CREATE DOMAIN a AS text; CREATE DOMAIN b AS a; CREATE TYPE r AS RANGE (subtype = b, collation = "C");
    CREATE VIEW v AS SELECT r('x', 'y') IS NULL AS x;
    """

    made = [each.split()[1:3] for each in statements_of(new_database(), script)]

    assert made == [
        ["DOMAIN", "public.a"],
        ["DOMAIN", "public.b"],
        ["TYPE", "public.r"],
        ["VIEW", "public.v"],
    ]


def test_functions_of_a_table_that_its_checks_call_are_no_circle(new_database: NewDatabase) -> None:
    script = """
    CREATE TABLE t (id int);
    CREATE FUNCTION f(t) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
    CREATE FUNCTION g(t) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
    ALTER TABLE t ADD CHECK (f(t)), ADD CHECK (g(t));
    """

    assert len(statements_of(new_database(), script)) == 3
