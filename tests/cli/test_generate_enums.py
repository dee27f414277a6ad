"""Enums of PostgreSQL: what changes in them is written, upgrade and downgrade, with rows in the tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import sqlalchemy

from tests.projects.books import AnyDatabase
from tests.projects.growing import HEAD, Growing
from tests.slow import first_is_fast

if TYPE_CHECKING:
    from tests.conftest import Ran


def people(*labels: str, default: str | None = None, more: str = "") -> str:
    """Models with one table that has an enum and an array of it."""
    shown = ", ".join(map(repr, labels))
    given = f", server_default={default!r}" if default else ""
    return f"""
mood = sa.Enum({shown}, name="mood")
people = sa.Table(
    "people", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("now", mood, nullable=False{given}),
    sa.Column("earlier", postgresql.ARRAY(mood)),{more}
)
"""


@pytest.mark.slow
def test_a_new_value_is_added_at_its_place_and_taken_away_again(growing: Growing) -> None:
    growing.start(people("sad", "happy", default="sad"))
    growing.database.query("INSERT INTO people (earlier) VALUES ('{happy,sad}')")

    text = growing.change(people("awful", "sad", "fine", "happy", "great", default="sad"))

    assert "ALTER TYPE mood ADD VALUE 'fine' AFTER 'sad'" in text
    assert growing.database.query("SELECT CAST(enum_range(CAST(NULL AS mood)) AS text)") == [
        ("{awful,sad,fine,happy,great}",)
    ]
    assert growing.database.query("SELECT CAST(now AS text) FROM people") == [("sad",)]


@pytest.mark.slow
def test_a_new_value_that_is_the_default_at_once_is_usable(growing: Growing) -> None:
    growing.start(people("sad", "happy", default="sad"))
    growing.database.query("INSERT INTO people (earlier) VALUES ('{sad}')")

    growing.change(people("sad", "fine", "happy", default="fine"))

    growing.database.query("INSERT INTO people (earlier) VALUES ('{sad}')")
    assert growing.database.query("SELECT CAST(now AS text) FROM people ORDER BY id") == [
        ("sad",),
        ("fine",),
    ]


@pytest.mark.slow
def test_a_value_that_goes_rebuilds_the_type_with_defaults_and_arrays(growing: Growing) -> None:
    growing.start(people("sad", "fine", "happy", default="fine"))
    growing.database.query("INSERT INTO people (now, earlier) VALUES ('happy', '{happy,sad}')")

    growing.change(people("happy", "sad", default="sad"))

    assert growing.database.query("SELECT CAST(earlier AS text) FROM people") == [("{happy,sad}",)]


def test_a_value_that_a_row_holds_cannot_go_and_nothing_is_changed(growing: Growing) -> None:
    growing.start(people("sad", "fine"))
    growing.database.query("INSERT INTO people (now) VALUES ('fine')")
    growing.books.models(HEAD + people("sad"))
    generated = json.loads(growing.run("generate", "-m", "x", "--json").out)
    (change,) = generated["data"]["changes"]
    assert (change["kind"], change["text"]) == ("alter_enum", "alter enum mood: remove fine")
    assert change["destructive"] is True

    assert "fine" in growing.run("upgrade", code=7).err
    assert growing.database.query("SELECT CAST(enum_range(CAST(NULL AS mood)) AS text)") == [("{sad,fine}",)]


@pytest.mark.slow
def test_another_order_rebuilds_the_type(growing: Growing) -> None:
    growing.start(people("sad", "fine", "happy", default="happy"))
    growing.database.query("INSERT INTO people (earlier) VALUES ('{happy,sad}')")

    growing.change(people("happy", "fine", "sad", default="happy"))

    assert growing.database.query("SELECT CAST(enum_range(CAST(NULL AS mood)) AS text)") == [
        ("{happy,fine,sad}",)
    ]


@pytest.mark.slow
def test_a_renamed_value_takes_rows_and_defaults_along(growing: Growing) -> None:
    growing.start(people("sad", "fine", default="sad"))
    growing.database.query("INSERT INTO people (earlier) VALUES ('{fine,sad}')")

    text = growing.change(people("blue", "fine", default="blue"), "--rename-value", "mood.sad=blue")

    assert "RENAME VALUE 'sad' TO 'blue'" in text
    assert "CREATE TYPE" not in text
    assert growing.database.query("SELECT CAST(now AS text), CAST(earlier AS text) FROM people") == [
        ("blue", "{fine,blue}")
    ]


@pytest.mark.slow
def test_a_renamed_value_beside_added_and_removed_ones(growing: Growing) -> None:
    growing.start(people("sad", "fine", "odd", default="sad"))
    growing.database.query("INSERT INTO people (earlier) VALUES ('{fine,sad}')")

    growing.change(people("new", "blue", "fine", default="new"), "--rename-value", "mood.sad=blue")

    assert growing.database.query("SELECT CAST(now AS text) FROM people") == [("blue",)]


@pytest.mark.slow
def test_indexes_and_checks_that_name_the_type_are_made_again(growing: Growing) -> None:
    more = """
    sa.CheckConstraint("now <> 'happy'", name="not_happy"),
    sa.Index("ix_sad", "id", postgresql_where=sa.text("now = 'sad'")),
    sa.Index("ix_now", "now"),"""
    growing.start(people("sad", "fine", "happy", default="sad", more=more))

    growing.change(people("happy", "sad", default="sad", more=more))
    growing.change(
        people("happy", "blue", default="blue", more=more.replace("sad", "blue")),
        "--rename-value",
        "mood.sad=blue",
    )


@pytest.mark.slow
def test_a_check_that_names_a_value_goes_with_it(growing: Growing) -> None:
    more = '\n    sa.CheckConstraint("now <> \'odd\'", name="not_odd"),'
    growing.start(people("sad", "odd", default="sad", more=more))

    growing.change(people("sad", default="sad"))


LAST = """
    sa.Column("last", mood, nullable=False, index=True, server_default="fine"),
    sa.Column("best", mood, unique=True),
    sa.CheckConstraint("last <> 'fine' OR best IS NULL", name="best_of_last"),"""
FRIENDS = """
taste = sa.Enum("salt", "sweet", name="taste")
friends = sa.Table(
    "friends", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("now", mood, nullable=False, server_default="fine", index=True),
    sa.Column("likes", taste, server_default="salt"),
    sa.CheckConstraint("now <> 'fine'", name="never_fine"),
)
sa.Table("gifts", metadata, sa.Column("to", sa.ForeignKey("friends.id"), primary_key=True))
sa.Table("kept", metadata, sa.Column("id", sa.Integer, sa.ForeignKey("friends.id"), primary_key=True))
"""
KEPT = 'sa.Table("kept", metadata, sa.Column("id", sa.Integer, primary_key=True))'


@pytest.mark.slow
@pytest.mark.parametrize("options", first_is_fast([((),), (("--rename-value", "mood.fine=well"),)]))
def test_a_column_whose_default_is_a_value_that_goes_with_it(
    options: tuple[str, ...], growing: Growing
) -> None:
    growing.start(people("sad", "fine", default="sad", more=LAST))
    growing.database.query("INSERT INTO people (best) VALUES (NULL)")

    growing.change(people("sad", "well", default="sad"), "--allow-drop", *options)

    growing.run("downgrade", "-1")
    assert growing.database.query("SELECT CAST(last AS text) FROM people") == [("fine",)]


@pytest.mark.slow
@pytest.mark.parametrize("options", first_is_fast([((),), (("--rename-value", "mood.fine=well"),)]))
@pytest.mark.parametrize(
    "other", first_is_fast(["sa.Enum('fine', 'odd', 'sad', name='other')", "sa.String(40)"])
)
def test_a_column_that_leaves_an_enum_while_that_changes(
    other: str, options: tuple[str, ...], growing: Growing
) -> None:
    more = '\n    sa.Column("last", {}, nullable=False, server_default="fine"),'
    growing.start(people("sad", "fine", default="sad", more=more.format("mood")))
    growing.database.query("INSERT INTO people (last) VALUES ('sad')")

    growing.change(people("sad", "well", default="sad", more=more.format(other)), *options)


@pytest.mark.slow
@pytest.mark.parametrize("kept", first_is_fast([True, False]), ids=["both change", "one change and one goes"])
def test_a_table_whose_default_and_check_name_a_value_that_goes_with_it(kept: bool, growing: Growing) -> None:
    growing.start(people("sad", "fine", default="sad") + FRIENDS)
    other = """
taste = sa.Enum("sweet", "sour", name="taste")
sa.Table("food", metadata, sa.Column("id", taste, primary_key=True))
"""

    growing.change(people("sad", "well", default="sad") + KEPT + (other if kept else ""), "--allow-drop")


@pytest.mark.slow
@pytest.mark.parametrize("driver", first_is_fast(["postgresql+asyncpg", "postgresql+psycopg"]))
def test_values_with_every_odd_character(growing: Growing, driver: str) -> None:
    url = growing.database.url.replace("postgresql+asyncpg", driver)
    growing = Growing(growing.migrator, growing.books, AnyDatabase(url, growing.database.sync_url))
    odd = ["it's", "50%", "a:b", ":c", "d::e", 'say "so"', "back\\slash", "ünï", "{x}", ""]
    growing.start(people(*odd, default="it's"))
    # SQLAlchemy 2.0 takes %(new)s in a text for a parameter where the driver is asyncpg.
    more = "%(new)s:more" if sqlalchemy.__version__ >= "2.1" else "%new:more"
    growing.change(people(*odd, more, default="it's"))
    growing.change(people(*reversed(odd), default="a:b"))
    growing.change(
        people("it is", *list(reversed(odd))[:-1], default="it is"),
    )


@pytest.mark.slow
def test_new_types_shared_by_two_tables_are_made_once_and_dropped_with_the_last(growing: Growing) -> None:
    def two(first: bool, second: bool) -> str:
        return "\n".join(
            [
                'mood = sa.Enum("a", "b", name="mood")',
                'base = sa.Table("base", metadata, sa.Column("id", sa.Integer, primary_key=True))',
                *(
                    f'{name} = sa.Table("{name}", metadata, sa.Column("id", sa.Integer, primary_key=True),'
                    f' sa.Column("m", mood, server_default="a"), sa.Column("n", mood))'
                    for name, wanted in (("one", first), ("two", second))
                    if wanted
                ),
            ]
        )

    growing.start(two(False, False))
    both = growing.change(two(True, True))
    assert "DROP TYPE mood" in both
    growing.change(two(True, False), "--allow-drop")
    growing.change(two(True, True))
    last = growing.change(two(False, False), "--allow-drop")
    assert "DROP TYPE mood" in last
    growing.change(two(False, True))
    # All of it once more in one run, where SQLAlchemy remembers which types it has made.
    growing.run("downgrade", "base")
    growing.run("upgrade")
    growing.agree()


@pytest.mark.slow
def test_a_column_becomes_an_enum_another_one_and_a_text_again(growing: Growing) -> None:
    def with_type(type_: str, default: str = "") -> str:
        return (
            f'people = sa.Table("people", metadata, sa.Column("id", sa.Integer, primary_key=True),'
            f' sa.Column("now", {type_}, nullable=False{default}))'
        )

    growing.start(with_type("sa.String(20)", ", server_default='sad'"))
    growing.database.query("INSERT INTO people VALUES (1, 'happy')")
    growing.change(with_type('sa.Enum("sad", "happy", name="mood")', ", server_default='sad'"))
    growing.change(with_type('sa.Enum("happy", "sad", "odd", name="feeling")', ", server_default='happy'"))
    growing.change(with_type("sa.Text()"))

    assert growing.database.query("SELECT CAST(now AS text) FROM people") == [("happy",)]
    assert growing.database.query("SELECT typname FROM pg_type WHERE typtype = 'e'") == []


@pytest.mark.slow
def test_an_added_column_makes_its_type_and_a_dropped_one_takes_it_along(growing: Growing) -> None:
    plain = 'people = sa.Table("people", metadata, sa.Column("id", sa.Integer, primary_key=True))'
    growing.start(plain)

    growing.change(people("sad", "fine", default="sad"))
    growing.change(plain, "--allow-drop")


@pytest.mark.slow
def test_types_in_a_schema_and_of_a_name_that_needs_quotes(growing: Growing) -> None:
    growing.database.query('CREATE SCHEMA "Odd"')
    growing.books.env_py.write_text(
        "from migrator.env import run_migrations\n\nrun_migrations(include_schemas=True)\n"
    )

    def models(*labels: str) -> str:
        shown = ", ".join(map(repr, labels))
        return (
            f'm = sa.Enum({shown}, name="My Mood", schema="Odd")\n'
            'people = sa.Table("The People", metadata, sa.Column("id", sa.Integer, primary_key=True),'
            f' sa.Column("The Mood", m, server_default={labels[0]!r}), schema="Odd")'
        )

    growing.start(models("a", "b"))
    growing.change(models("a", "c", "b"))
    growing.change(models("c", "b"))


def test_two_lists_of_values_under_one_name_are_an_error(growing: Growing) -> None:
    growing.books.models(
        HEAD
        + 'one = sa.Table("one", metadata, sa.Column("x", sa.Enum("a", name="e")))\n'
        + 'two = sa.Table("two", metadata, sa.Column("y", sa.Enum("b", name="e")))\n'
    )

    ran = growing.run("generate", "-m", "x", code=3)

    assert "enum e has two lists of values in the models: in one.x and in two.y" in ran.err


def test_a_type_that_no_revision_made_is_left_alone(growing: Growing) -> None:
    growing.start(people("sad", "fine"))
    growing.database.query("CREATE TYPE theirs AS ENUM ('x')")

    growing.agree()
    growing.run("generate", "-m", "x", "--against", "database")
    assert growing.database.query("SELECT count(*) FROM pg_type WHERE typname = 'theirs'") == [(1,)]


def test_a_list_of_values_without_a_type_is_compared_by_nobody(growing: Growing) -> None:
    growing.start(people("sad").replace('name="mood"', 'name="mood", native_enum=False, length=9'))
    growing.books.models(
        HEAD + people("sad", "fine").replace('name="mood"', 'name="mood", native_enum=False, length=9')
    )
    growing.agree()


@pytest.mark.slow
def test_plain_alembic_takes_no_notice(growing: Growing, shell: Callable[..., Ran]) -> None:
    growing.start(people("sad"))
    growing.books.models(HEAD + people("sad", "fine"))

    assert growing.run("check", code=1).out.startswith("alter enum mood: add fine\n")
    plain = shell(
        ["alembic", "-c", "configs/alembic_test.ini", "check"],
        cwd=growing.books.root,
        env=growing.database.env,
    )
    assert "No new upgrade operations detected." in plain.out + plain.err
