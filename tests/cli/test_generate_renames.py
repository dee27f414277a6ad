"""Renames: given or asked, written both ways, with what hangs on the renamed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.projects.books import AnyDatabase, BooksProject
from tests.projects.growing import HEAD, Growing
from tests.terminal import CTRL_C, at_terminal

if TYPE_CHECKING:
    from tests.conftest import Ran


@pytest.fixture
def on_sqlite_only(migrator: Callable[..., Ran], books: BooksProject, on_sqlite: AnyDatabase) -> Growing:
    """An empty project on SQLite."""
    return Growing(migrator, books, on_sqlite)


def users(
    name: str, type_: str = "sa.String(50)", more: str = "", table: str = "users", rest: str = ""
) -> str:
    """Models with a table whose column of a name matters, and another column."""
    return f"""
users = sa.Table(
    {table!r}, metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column({name!r}, {type_}), sa.Column("age", sa.Integer), {more}
)
{rest}
"""


@pytest.mark.slow
def test_a_renamed_column_keeps_its_rows(growing_on_either: Growing) -> None:
    growing_on_either.start(users("fullname"))
    growing_on_either.database.query("INSERT INTO users (fullname) VALUES ('Ann')")

    text = growing_on_either.change(users("full_name"), "--rename", "users.fullname=full_name")

    assert "new_column_name='full_name'" in text
    assert "drop_column" not in text
    assert growing_on_either.database.query("SELECT full_name FROM users") == [("Ann",)]


@pytest.mark.slow
def test_a_rename_with_another_type_default_and_nullability_is_followed_by_the_change(
    growing_on_either: Growing,
) -> None:
    growing_on_either.start(users("fullname"))
    growing_on_either.database.query("INSERT INTO users (fullname) VALUES ('Ann')")

    growing_on_either.change(
        users("full_name", "sa.String(80), nullable=False, server_default='nobody'"),
        "--rename",
        "users.fullname=full_name",
    )

    assert growing_on_either.database.columns("users")["full_name"] == "VARCHAR(80)"
    assert growing_on_either.database.query("SELECT full_name FROM users") == [("Ann",)]


@pytest.mark.slow
def test_indexes_and_constraints_follow_a_renamed_column(growing_on_either: Growing) -> None:
    def models(name: str, index: str) -> str:
        more = (
            f'sa.UniqueConstraint("age", {name!r}, name="uq_{name}"), sa.Index({index!r}, {name!r}),'
            f' sa.Index("ix_both", {name!r}, "age")'
        )
        return users(name, more=more)

    growing_on_either.start(models("fullname", "ix_fullname"))

    text = growing_on_either.change(
        models("full_name", "ix_full_name"), "--rename", "users.fullname=full_name"
    )

    assert "ix_both" not in text
    if growing_on_either.database.backend == "postgresql":
        assert "ALTER INDEX ix_fullname RENAME TO ix_full_name" in text
        assert "create_index" not in text


@pytest.mark.slow
def test_a_foreign_key_follows_a_renamed_column_and_a_renamed_table(growing_on_either: Growing) -> None:
    def models(table: str, key: str, reference: str) -> str:
        rest = f"""
posts = sa.Table("posts", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column({reference!r}, sa.ForeignKey("{table}.{key}", name="fk_author"), index=True))
"""
        return users("name", table=table, rest=rest).replace(
            'sa.Column("id", sa.Integer', f"sa.Column({key!r}, sa.Integer", 1
        )

    growing_on_either.start(models("users", "id", "user_id"))
    growing_on_either.database.query("INSERT INTO users (name) VALUES ('Ann')")
    growing_on_either.database.query("INSERT INTO posts (user_id) VALUES (1)")

    growing_on_either.change(models("users", "id", "author_id"), "--rename", "posts.user_id=author_id")
    growing_on_either.change(models("people", "id", "author_id"), "--rename-table", "users=people")

    assert growing_on_either.database.query(
        "SELECT author_id, name FROM posts JOIN people ON author_id = people.id"
    ) == [(1, "Ann")]


@pytest.mark.slow
def test_a_renamed_table_with_other_columns_and_indexes(growing_on_either: Growing) -> None:
    growing_on_either.start(users("name", more='sa.Index("ix_users_name", "name")'))
    growing_on_either.database.query("INSERT INTO users (name) VALUES ('Ann')")

    growing_on_either.change(
        users(
            "full_name",
            more='sa.Index("ix_people_name", "full_name"), sa.Column("email", sa.Text)',
            table="people",
        ),
        "--rename-table",
        "users=people",
        "--rename",
        "people.name=full_name",
    )

    assert growing_on_either.database.query("SELECT full_name, email FROM people") == [("Ann", None)]
    assert "users" not in growing_on_either.database.tables()


@pytest.mark.slow
def test_two_columns_that_swap_their_places_are_renamed_one_by_one(growing_on_either: Growing) -> None:
    growing_on_either.start(users("one", more='sa.Column("two", sa.String(50))'))

    text = growing_on_either.change(
        users("first", more='sa.Column("second", sa.String(50))'),
        "--rename",
        "users.one=first",
        "--rename",
        "users.two=second",
    )

    assert text.count("new_column_name=") == 4


def test_a_rename_of_what_is_not_there_is_a_usage_error(on_sqlite_only: Growing) -> None:
    growing = on_sqlite_only
    growing.start(users("fullname"))
    growing.books.models(HEAD + users("full_name"))
    before = growing.books.files()

    for option, value in (
        ("--rename", "users.name=full_name"),
        ("--rename", "users.fullname=name"),
        ("--rename-table", "users=people"),
        ("--rename-value", "mood.a=b"),
        ("--rename", "fullname=full_name"),
        ("--rename", "users.fullname"),
    ):
        assert f"{option} {value}" in growing.run("generate", "-m", "x", option, value, code=2).err
    assert "renames nothing" in growing.run("generate", "--empty", "--rename", "a.b=c", code=2).err
    assert growing.books.files() == before


@pytest.mark.slow
def test_a_likely_rename_that_nobody_names_is_refused_as_a_drop_and_the_hint_says_how(
    growing_on_either: Growing,
) -> None:
    growing_on_either.start(users("fullname"))
    growing_on_either.books.models(HEAD + users("full_name"))
    before = growing_on_either.books.files()

    ran = growing_on_either.run("generate", "-m", "x", code=4)

    assert "would drop column users.fullname; nothing was written" in ran.err
    assert "--rename users.fullname=full_name" in ran.err
    assert "--allow-drop" in ran.err
    assert growing_on_either.books.files() == before
    growing_on_either.change(users("full_name"), "--allow-drop")


def test_columns_of_other_types_are_no_candidates(on_sqlite_only: Growing) -> None:
    growing = on_sqlite_only
    growing.start(users("fullname"))

    for type_ in ("sa.Integer", "sa.String(20)", "sa.String(50), nullable=False, server_default='x'"):
        growing.books.models(HEAD + users("full_name", type_))
        assert "--rename" not in growing.run("generate", "-m", "x", code=4).err
    growing.books.models(HEAD + users("full_name", "sa.Text"))
    assert "--rename users.fullname=full_name" in growing.run("generate", "-m", "x", code=4).err


def test_drops_are_listed_in_the_refusal_and_said_in_json(growing_on_either: Growing) -> None:
    rest = 'posts = sa.Table("posts", metadata, sa.Column("id", sa.Integer, primary_key=True))'
    growing_on_either.start(users("name", rest=rest))
    growing_on_either.books.models(HEAD + users("name").replace('sa.Column("age", sa.Integer),', ""))

    ran = growing_on_either.run("generate", "-m", "x", "--json", code=4)

    (error,) = json.loads(ran.out)["errors"]
    assert error["type"] == "RefusedError"
    assert "column users.age" in error["message"]
    assert "table posts" in error["message"]
    assert error["hint"] == "If that is meant, add --allow-drop"


@pytest.mark.slow
def test_dropping_an_index_needs_no_leave(growing_on_either: Growing) -> None:
    growing_on_either.start(users("name", more='sa.Index("ix_name", "name")'))

    growing_on_either.change(users("name"))


@pytest.mark.slow
def test_models_without_a_single_table_of_the_database_are_refused(growing_on_either: Growing) -> None:
    growing_on_either.start(users("name"))
    growing_on_either.books.models(
        HEAD + 'other = sa.Table("other", metadata, sa.Column("key", sa.String(5), primary_key=True))'
    )

    for options in ((), ("--allow-drop",)):
        ran = growing_on_either.run("generate", "-m", "x", *options, code=3)
        assert "they have other, the database has users" in ran.err


@pytest.mark.slow
def test_at_a_terminal_renames_are_asked_about_and_then_drops(on_sqlite_only: Growing) -> None:
    growing = on_sqlite_only
    growing.start(users("fullname"))
    growing.books.models(HEAD + users("full_name"))
    before = growing.books.files()
    command = ["migrator", "generate", "-m", "x", "--rev-id", "asked"]
    where = (growing.books.root, growing.database.env)

    renamed = "Is users.full_name the column users.fullname renamed? [y/N]"
    refused = at_terminal(command, *where, answer=(renamed, "n\nn\n"))
    assert refused.code == 4
    assert "column users.fullname" in refused.text
    assert growing.books.files() == before

    # What is no answer is asked again, for a no leads to a drop.
    agreed = at_terminal(command, *where, answer=(renamed, "zzz\ny\n"))
    assert "Answer y or n." in agreed.text
    assert agreed.code == 0, agreed.text
    assert "rename column users.fullname to users.full_name" in agreed.text
    (file,) = growing.books.versions.glob("asked*")
    assert "drop_column" not in file.read_text()


@pytest.mark.slow
def test_ctrl_c_at_the_question_is_an_interrupt(growing_on_either: Growing) -> None:
    growing_on_either.start(users("fullname"))
    growing_on_either.books.models(HEAD + users("full_name"))
    before = growing_on_either.books.files()

    shown = at_terminal(
        ["migrator", "generate", "-m", "x"],
        growing_on_either.books.root,
        growing_on_either.database.env,
        answer=("renamed? [y/N]", CTRL_C),
    )

    assert shown.code == 130, shown.text
    assert "error: Interrupted." in shown.text
    assert growing_on_either.books.files() == before


@pytest.mark.slow
def test_at_a_terminal_a_yes_drops(on_sqlite_only: Growing) -> None:
    growing = on_sqlite_only
    growing.start(users("name"))
    growing.books.models(HEAD + users("name").replace('sa.Column("age", sa.Integer),', ""))
    command = ["migrator", "generate", "-m", "x", "--rev-id", "asked"]

    in_ci = at_terminal(command, growing.books.root, {**growing.database.env, "CI": "1"})
    assert (in_ci.code, "[y/N]" in in_ci.text) == (4, False)
    no_input = at_terminal([*command, "--no-input"], growing.books.root, growing.database.env)
    assert (no_input.code, "[y/N]" in no_input.text) == (4, False)

    agreed = at_terminal(command, growing.books.root, growing.database.env, answer=("Write it? [y/N]", "y\n"))
    assert agreed.code == 0, agreed.text
    assert list(growing.books.versions.glob("asked*"))
