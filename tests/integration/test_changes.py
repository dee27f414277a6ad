"""Changes in words: what autogenerate finds in a real database, and operations that it does not make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from alembic.operations import ops
from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    func,
    make_url,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.pool import NullPool
from sqlalchemy.types import NullType

from migrator.bridge.autogenerate.changes_in_words import describe
from migrator.results.differences import Change

POSTGRESQL = make_url("postgresql+psycopg://").get_dialect()()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{tmp_path / 'shop.db'}", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def upgrade_ops(database: Connection, models: MetaData) -> ops.UpgradeOps:
    context = MigrationContext.configure(
        database, opts={"compare_type": True, "compare_server_default": True, "render_as_batch": True}
    )
    found = produce_migrations(context, models).upgrade_ops
    assert found is not None
    return found


def changes(database: Connection, models: MetaData) -> tuple[Change, ...]:
    return describe(upgrade_ops(database, models), database.dialect)


def texts(found: Sequence[Change]) -> list[str]:
    return [change.text for change in found]


def users(*more: Column[object] | UniqueConstraint | Index, email: Column[str] | None = None) -> MetaData:
    metadata = MetaData()
    column = Column("email", String(50)) if email is None else email
    Table("users", metadata, Column("id", Integer, primary_key=True), column, *more)
    return metadata


def test_equal_models_and_database_have_no_changes(database: Connection) -> None:
    users().create_all(database)
    assert changes(database, users()) == ()


def test_a_container_with_only_empty_tables_has_no_changes() -> None:
    empty = ops.UpgradeOps([ops.ModifyTableOps("users", []), ops.ModifyTableOps("orders", [])])
    assert describe(empty, POSTGRESQL) == ()


def test_new_and_surplus_tables(database: Connection) -> None:
    users().create_all(database)
    metadata = MetaData()
    Table("orders", metadata, Column("id", Integer, primary_key=True))
    assert set(changes(database, metadata)) == {
        Change("add_table", "add table orders", "orders"),
        Change("drop_table", "drop table users", "users", destructive=True),
    }


def test_new_and_surplus_columns(database: Connection) -> None:
    users().create_all(database)
    found = changes(database, users(email=Column("mail", String(50))))
    assert set(found) == {
        Change("add_column", "add column users.mail", "users"),
        Change("drop_column", "drop column users.email", "users", destructive=True),
    }


def test_only_drops_of_tables_and_columns_are_destructive(database: Connection) -> None:
    users(Index("ix_users_email", "email")).create_all(database)
    found = changes(database, users(email=Column("email", String(20), nullable=False)))
    assert [change.kind for change in found if change.destructive] == []
    assert {change.kind for change in found} == {"alter_column", "drop_index"}


def test_an_altered_column_lists_each_difference_with_the_old_and_the_new_value(database: Connection) -> None:
    users(email=Column("email", String(50), server_default=text("'none'"))).create_all(database)
    found = changes(database, users(email=Column("email", String(100), nullable=False)))
    assert found == (
        Change(
            "alter_column",
            "alter column users.email: type VARCHAR(50) -> VARCHAR(100), nullable -> not null, "
            "server default 'none' -> none",
            "users",
        ),
    )


def test_a_new_server_default_is_written_as_the_dialect_writes_it(database: Connection) -> None:
    users(Column("made", DateTime)).create_all(database)
    models = users(Column("made", DateTime, server_default=func.now()))
    assert texts(changes(database, models)) == [
        "alter column users.made: server default none -> CURRENT_TIMESTAMP"
    ]
    operations = upgrade_ops(database, models)
    assert texts(describe(operations, POSTGRESQL)) == [
        "alter column users.made: server default none -> now()"
    ]


def test_a_server_default_given_as_a_string_is_a_quoted_value(database: Connection) -> None:
    users().create_all(database)
    models = users(email=Column("email", String(50), server_default="it's"))
    assert texts(changes(database, models)) == ["alter column users.email: server default none -> 'it''s'"]


def test_an_index_names_its_table_and_columns(database: Connection) -> None:
    users().create_all(database)
    found = changes(database, users(Index("ix_users_email", "email", "id")))
    assert found == (Change("add_index", "add index ix_users_email on users (email, id)", "users"),)


def test_an_index_that_becomes_unique_is_dropped_and_added_and_says_so(database: Connection) -> None:
    users(Index("ix_users_email", "email")).create_all(database)
    assert texts(changes(database, users(Index("ix_users_email", "email", unique=True)))) == [
        "drop index ix_users_email on users (email)",
        "add unique index ix_users_email on users (email)",
    ]


def test_an_index_over_an_expression_shows_it_without_the_table(database: Connection) -> None:
    metadata = users()
    column = metadata.tables["users"].c.email
    metadata.create_all(database)
    Index("ix_lower", func.lower(column), text("email || '%'"))
    added = ops.CreateIndexOp("ix_lower", "users", [func.lower(column), text("email || '%'")])
    assert texts(describe([added], POSTGRESQL)) == [
        "add index ix_lower on users (lower(email), email || '%')"
    ]


def test_unique_constraints(database: Connection) -> None:
    users().create_all(database)
    metadata = users(UniqueConstraint("email", name="uq_email"))
    added = Change("add_constraint", "add unique constraint uq_email on users (email)", "users")
    assert changes(database, metadata) == (added,)
    users().drop_all(database)
    metadata.create_all(database)
    dropped = Change("drop_constraint", "drop unique constraint uq_email on users (email)", "users")
    assert changes(database, users()) == (dropped,)


def orders(*foreign_keys: ForeignKeyConstraint) -> MetaData:
    metadata = users()
    columns = [Column("id", Integer, primary_key=True), Column("user_id", Integer)]
    Table("orders", metadata, *columns, *foreign_keys)
    return metadata


def test_foreign_keys_show_both_ends(database: Connection) -> None:
    orders().create_all(database)
    metadata = orders(ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user"))
    added = Change("add_constraint", "add foreign key orders.user_id -> users.id", "orders")
    assert changes(database, metadata) == (added,)


def test_a_foreign_key_whose_rule_changes_shows_the_rule(database: Connection) -> None:
    orders(ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user")).create_all(database)
    metadata = orders(ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user", ondelete="CASCADE"))
    assert texts(changes(database, metadata)) == [
        "drop foreign key orders.user_id -> users.id",
        "add foreign key orders.user_id -> users.id, on delete CASCADE",
    ]


def test_a_foreign_key_over_two_columns_and_schemas() -> None:
    operation = ops.CreateForeignKeyOp(
        None, "items", "orders", ["a", "b"], ["x", "y"], source_schema="stock", referent_schema="sales"
    )
    (change,) = describe([operation], POSTGRESQL)
    assert change.text == "add foreign key stock.items (a, b) -> sales.orders (x, y)"
    assert change.table == "stock.items"


def test_check_and_primary_key_constraints_with_and_without_a_name() -> None:
    checks = [CheckConstraint("id > 0", name=name) for name in ("ck_id", None)]
    Table("orders", MetaData(), Column("id", Integer, primary_key=True), *checks)
    added = [ops.AddConstraintOp.from_constraint(check) for check in checks]
    key = ops.CreatePrimaryKeyOp("pk", "orders", ["id"])
    dropped = [
        ops.DropConstraintOp.from_constraint(checks[0]),
        ops.DropConstraintOp("fk", "orders", "foreignkey"),
    ]
    assert texts(describe([*added, key, *dropped, ops.DropConstraintOp("c", "orders")], POSTGRESQL)) == [
        "add check constraint ck_id on orders",
        "add check constraint on orders",
        "add primary key pk on orders (id)",
        "drop check constraint ck_id on orders",
        "drop foreign key fk on orders",
        "drop constraint c on orders",
    ]


def test_a_schema_is_part_of_the_table() -> None:
    table = Table("orders", MetaData(), Column("id", ForeignKey("crm.users.id")), schema="sales")
    column: Column[int] = Column("n", Integer)
    found = describe(
        [ops.CreateTableOp.from_table(table), ops.AddColumnOp("t", column, schema="s")], POSTGRESQL
    )
    assert found == (
        Change("add_table", "add table sales.orders", "sales.orders"),
        Change("add_column", "add column s.t.n", "s.t"),
    )


def test_types_are_written_in_the_dialect_that_is_given() -> None:
    operation = ops.AlterColumnOp("t", "c", existing_type=String(), modify_type=JSONB())
    assert texts(describe([operation], POSTGRESQL)) == ["alter column t.c: type VARCHAR -> JSONB"]


def test_a_type_that_the_dialect_cannot_write_is_shown_as_in_python() -> None:
    operation = ops.AlterColumnOp("t", "c", existing_type=NullType(), modify_type=String())
    (change,) = describe([operation], POSTGRESQL)
    assert change.text == "alter column t.c: type NullType() -> VARCHAR"


def test_types_that_look_alike_in_sql_are_shown_as_in_python() -> None:
    operation = ops.AlterColumnOp(
        "t", "c", existing_type=String(5), modify_type=Enum("small", native_enum=False)
    )
    (change,) = describe([operation], POSTGRESQL)
    assert change.text == "alter column t.c: type String(length=5) -> Enum('small', native_enum=False)"


def test_comments_and_a_new_name_of_a_column() -> None:
    operation = ops.AlterColumnOp("t", "c", modify_comment="new", modify_name="d", modify_autoincrement=True)
    assert texts(describe([operation], POSTGRESQL)) == [
        "alter column t.c: name c -> d, comment, autoincrement"
    ]


def test_comments_of_tables() -> None:
    found = describe(
        [ops.CreateTableCommentOp("t", "x"), ops.DropTableCommentOp("t", schema="s")], POSTGRESQL
    )
    assert found == (
        Change("table_comment", "set the comment of table t", "t"),
        Change("table_comment", "drop the comment of table s.t", "s.t"),
    )


def test_sql_that_is_executed_is_shown_on_one_line() -> None:
    statement = users().tables["users"].update().values(email="x")
    operations = [
        ops.ExecuteSQLOp("UPDATE t\n   SET a = 1"),
        ops.ExecuteSQLOp(statement),
        ops.ExecuteSQLOp("x " * 99),
    ]
    found = describe(operations, POSTGRESQL)
    assert texts(found[:2]) == ["execute UPDATE t SET a = 1", "execute UPDATE users SET email='x'"]
    assert len(found[2].text) < 110
    assert {change.kind for change in found} == {"execute"}


def test_renamed_tables_and_inserted_rows() -> None:
    insert = ops.BulkInsertOp(users().tables["users"], [{"id": 1}, {"id": 2}])
    assert describe([ops.RenameTableOp("a", "b", schema="s"), insert], POSTGRESQL) == (
        Change("other", "rename table s.a to s.b", "s.a"),
        Change("other", "insert rows into users: 2", "users"),
    )


class CreateEnumOp(ops.MigrateOperation):
    """As a plugin defines it: nothing of it is known but that it is an operation."""

    def __init__(self, schema: str | None, name: str) -> None:
        self.schema = schema
        self.name = name


class RefreshViewOp(ops.MigrateOperation):
    __slots__ = ()


def test_an_operation_of_a_plugin_is_described_by_its_class_and_name() -> None:
    found = describe(
        [CreateEnumOp("sales", "order_state"), CreateEnumOp(None, "x"), RefreshViewOp()], POSTGRESQL
    )
    assert found == (
        Change("other", "create enum sales.order_state"),
        Change("other", "create enum x"),
        Change("other", "refresh view"),
    )


def test_several_containers_are_described_one_after_the_other(database: Connection) -> None:
    orders().create_all(database)
    first, second = users(Column("a", Integer)), MetaData()
    Table(
        "orders",
        second,
        Column("id", Integer, primary_key=True),
        Column("user_id", Integer),
        Column("b", Integer),
    )
    containers = [upgrade_ops(database, first), upgrade_ops(database, second)]
    found = describe(containers, database.dialect)
    assert found == describe(containers[0], database.dialect) + describe(containers[1], database.dialect)
    assert {"add column users.a", "add column orders.b"} <= set(texts(found))
