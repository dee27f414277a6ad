"""Whatever becomes of the models: what is generated and applied leaves nothing to compare."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.projects.books import AnyDatabase, make_project
from tests.projects.growing import HEAD, Growing

if TYPE_CHECKING:
    from tests.conftest import Database, Ran

# Columns by kind, since not every type can become every other; a link has the table that it refers to.
TYPES = {
    "number": ("sa.Integer", "sa.BigInteger", "sa.SmallInteger"),
    "words": ("sa.String(20)", "sa.String(40)", "sa.Text"),
    "mood": ("mood", "feeling", "sa.String(40)"),
    "moods": ("postgresql.ARRAY(mood)",),
    "link": ("one", "two", "three", "always"),
}
LABELS = ("a", "b", "c d", "it's", "50%", "x:y")


@dataclass(frozen=True)
class Column:
    """A column of a random model."""

    type_: str
    nullable: bool
    indexed: bool
    with_default: bool

    def source(self, name: str, labels: tuple[str, ...], tables: Collection[str]) -> str:
        """Give it as Python; a default is the first value of an enum."""
        options = [f"nullable={self.nullable}", f"index={self.indexed}"]
        if self.with_default and self.type_ in ("mood", "sa.String(40)"):
            options.append(f"server_default={labels[0]!r}")
        if name == "link":
            target = self.type_ if self.type_ in tables else "always"
            return f"sa.Column('link', sa.ForeignKey('{target}.id'), {', '.join(options)})"
        return f"sa.Column({name!r}, {self.type_}, {', '.join(options)})"


def columns(kind: str) -> st.SearchStrategy[Column]:
    """Columns of one kind."""
    return st.builds(Column, st.sampled_from(TYPES[kind]), st.booleans(), st.booleans(), st.booleans())


TABLES = st.dictionaries(
    st.sampled_from(("one", "two", "three")),
    st.fixed_dictionaries({}, optional={name: columns(name) for name in TYPES}),
    max_size=3,
)
VALUES = st.lists(st.sampled_from(LABELS), min_size=1, unique=True).map(tuple)
MODELS = st.tuples(TABLES, VALUES)
State = tuple[dict[str, dict[str, Column]], tuple[str, ...]]


def source(state: State) -> str:
    """Give models as Python, with a table that is always there."""
    tables, labels = state
    shown = ", ".join(map(repr, labels))
    lines = [
        f'mood = sa.Enum({shown}, name="mood")',
        'feeling = sa.Enum("a", "b", name="feeling")',
        'sa.Table("always", metadata, sa.Column("id", sa.Integer, primary_key=True))',
    ]
    for table, found in tables.items():
        parts = ["sa.Column('id', sa.Integer, primary_key=True)"]
        parts += [column.source(name, labels, tables) for name, column in found.items()]
        lines.append(f"sa.Table({table!r}, metadata, {', '.join(parts)})")
    return HEAD + "\n".join(lines) + "\n"


SETTINGS = settings(
    deadline=None,
    max_examples=8,
    derandomize=True,
    database=None,
    # Making an example smaller runs hundreds of commands: it is done by hand.
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
STATES = st.lists(MODELS, min_size=2, max_size=4)


# Further ones are in tests/soak.
@pytest.mark.slow
@SETTINGS
@given(states=STATES)
def test_after_every_change_of_the_models_nothing_is_left_to_compare(
    migrator: Callable[..., Ran],
    new_database: Callable[[], Database],
    tmp_path: Path,
    states: list[State],
) -> None:
    follow(states, migrator, new_database(), tmp_path / uuid.uuid4().hex)


def follow(states: list[State], migrator: Callable[..., Ran], empty: Database, root: Path) -> None:
    """Bring a database to each state of the models in turn, back to nothing, and verify the revisions."""
    url = empty.url.partition("://")[2]
    books = make_project(root)
    database = AnyDatabase(f"postgresql+asyncpg://{url}", f"postgresql+psycopg://{url}")
    growing = Growing(migrator, books, database)
    for state in states:
        books.models(source(state))
        growing.run("generate", "-m", "x", "--allow-drop")
        growing.run("upgrade")
        growing.agree()

    growing.run("downgrade", "base")
    assert database.query("SELECT typname FROM pg_type WHERE typtype = 'e'") == []
    books.settings(migrator=[f"scratch_url = {database.url}", "scratch_keep = 0"])
    growing.run("verify")
