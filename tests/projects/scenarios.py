"""Small histories, each with one trait that a tool for migrations has to get right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.projects.books import BooksProject

HEAD = "import sqlalchemy as sa\n\nmetadata = sa.MetaData()\n"
AUTHORS = (
    'op.create_table("authors", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))'
)
AUTHORS_MODEL = AUTHORS.replace('op.create_table("authors",', 'sa.Table("authors", metadata,')


@dataclass(frozen=True)
class Revision:
    """One revision: what it comes after, and the bodies of its two functions."""

    down: str | tuple[str, ...] | None
    up: str = "pass"
    back: str = "pass"
    header: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """A history with its models, and what `check` and `verify` are to say of it.

    `unlike` are the revisions whose downgrade does not give back what was there, `irreversible` those that
    are not to be taken back, `changes` what the models have otherwise, `heads` the newest ones. `by_hand` is
    what somebody has done to the database since, `drift` how `check` names that.
    """

    revisions: Mapping[str, Revision]
    models: str
    heads: tuple[str, ...]
    unlike: tuple[str, ...] = ()
    irreversible: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()

    @property
    def is_line(self) -> bool:
        """Whether each revision comes after the one before it, and after nothing else."""
        return [told.down for told in self.revisions.values()] == [None, *list(self.revisions)[:-1]]

    def write(self, project: BooksProject) -> None:
        """Write models and version files."""
        project.models(HEAD + self.models)
        for revision, told in self.revisions.items():
            project.revision(revision, told.down, told.up, told.back, **told.header)


def _table(name: str) -> tuple[str, str]:
    return (
        f'op.create_table("{name}", sa.Column("id", sa.Integer, primary_key=True))',
        f'op.drop_table("{name}")',
    )


def _model(name: str, *columns: str) -> str:
    more = "".join(f", {column}" for column in columns)
    return f'sa.Table("{name}", metadata, sa.Column("id", sa.Integer, primary_key=True){more})\n'


_FIRST = Revision(None, AUTHORS, 'op.drop_table("authors")')
_MOOD = "sa.Enum('sad', 'glad', 'blue', name='mood')"
_NEW_MOOD = """op.execute("CREATE TYPE mood AS ENUM ('sad', 'glad')")
op.add_column("authors", sa.Column("mood", sa.Enum(name="mood", create_type=False)))"""
_NO_MOOD = 'op.drop_column("authors", "mood")\nop.execute("DROP TYPE mood")'
_OLD_MOOD = """op.execute("ALTER TYPE mood RENAME TO mood_old")
op.execute("CREATE TYPE mood AS ENUM ('sad', 'glad')")
op.execute("ALTER TABLE authors ALTER mood TYPE mood USING mood::text::mood")
op.execute("DROP TYPE mood_old")"""
_WITH_MOOD = AUTHORS_MODEL[:-1] + f', sa.Column("mood", {_MOOD}))\n'
_CONCURRENTLY = """with op.get_context().autocommit_block():
    op.{}_index("ix_name", "authors"{}, postgresql_concurrently=True)"""

_TRIGGER = (
    'op.execute("CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS $$ begin return old; end $$")\n'
    'op.execute("CREATE TRIGGER kept BEFORE UPDATE ON authors"\n'
    '    " FOR EACH ROW EXECUTE FUNCTION kept()")'
)
_RENAME = """op.rename_table("authors", "writers")
op.alter_column("writers", "name", new_column_name="called")"""
_RENAME_BACK = """op.alter_column("writers", "called", new_column_name="name")
op.rename_table("writers", "authors")"""

SCENARIOS: Mapping[str, Scenario] = {
    "linear": Scenario(
        {"r1": _FIRST, "r2": Revision("r1", *_table("books")), "r3": Revision("r2", *_table("shelves"))},
        f"{AUTHORS_MODEL}\n{_model('books')}{_model('shelves')}",
        ("r3",),
    ),
    "branched and merged": Scenario(
        {
            "r1": _FIRST,
            "left": Revision("r1", *_table("books")),
            "right": Revision("r1", *_table("shelves")),
            "met": Revision(("left", "right")),
            "r5": Revision("met", *_table("rooms")),
        },
        f"{AUTHORS_MODEL}\n{_model('books')}{_model('shelves')}{_model('rooms')}",
        ("r5",),
    ),
    "several bases": Scenario(
        {
            "a1": _FIRST,
            "b1": Revision(None, *_table("books"), header={"branch_labels": "books"}),
            "b2": Revision("b1", *_table("shelves"), header={"depends_on": "a1"}),
        },
        f"{AUTHORS_MODEL}\n{_model('books')}{_model('shelves')}",
        ("a1", "b2"),
    ),
    "enum growth": Scenario(
        {
            "r1": _FIRST,
            "r2": Revision("r1", _NEW_MOOD, _NO_MOOD),
            "r3": Revision("r2", "op.execute(\"ALTER TYPE mood ADD VALUE 'blue'\")", _OLD_MOOD),
            # In the transaction that added it, it could not be used yet.
            "r4": Revision(
                "r3",
                "op.execute(\"ALTER TABLE authors ALTER mood SET DEFAULT 'blue'\")",
                'op.execute("ALTER TABLE authors ALTER mood DROP DEFAULT")',
            ),
        },
        _WITH_MOOD.replace("name='mood')", "name='mood'), server_default='blue'"),
        ("r4",),
    ),
    "data migration": Scenario(
        {
            "r1": _FIRST,
            "r2": Revision(
                "r1",
                'op.add_column("authors", sa.Column("short", sa.Text))',
                'op.drop_column("authors", "short")',
            ),
            "r3": Revision(
                "r2",
                "for id_, name in op.get_bind().execute(sa.text('SELECT id, name FROM authors')):\n"
                "    op.get_bind().execute(sa.text('UPDATE authors SET short = :short WHERE id = :id'),"
                " {'short': name[:1], 'id': id_})",
            ),
            "r4": Revision(
                "r3",
                'op.alter_column("authors", "short", nullable=False)',
                'op.alter_column("authors", "short", nullable=True)',
            ),
        },
        AUTHORS_MODEL[:-1] + ', sa.Column("short", sa.Text, nullable=False))\n',
        ("r4",),
    ),
    "concurrent index": Scenario(
        {
            "r1": _FIRST,
            "r2": Revision(
                "r1", _CONCURRENTLY.format("create", ', ["name"]'), _CONCURRENTLY.format("drop", "")
            ),
        },
        AUTHORS_MODEL[:-1] + ', sa.Index("ix_name", "name"))\n',
        ("r2",),
    ),
    "conditional": Scenario(
        {
            "r1": _FIRST,
            "r2": Revision(
                "r1",
                "if not sa.inspect(op.get_bind()).has_table('books'):\n    " + _table("books")[0],
                "if sa.inspect(op.get_bind()).has_table('books'):\n    " + _table("books")[1],
            ),
        },
        f"{AUTHORS_MODEL}\n{_model('books')}",
        ("r2",),
    ),
    "irreversible": Scenario(
        {
            "r1": _FIRST,
            "r2": Revision(
                "r1", 'op.drop_column("authors", "name")', "raise NotImplementedError('the names are gone')"
            ),
            "r3": Revision("r2", *_table("books")),
        },
        f"{_model('authors')}{_model('books')}",
        ("r3",),
        irreversible=("r2",),
    ),
    "a type is left behind": Scenario(
        {
            "r1": _FIRST,
            "r2": Revision("r1", _NEW_MOOD, 'op.drop_column("authors", "mood")'),
            "r3": Revision("r2", *_table("books")),
        },
        _WITH_MOOD.replace(", 'blue'", "") + _model("books"),
        ("r3",),
        unlike=("r2",),
    ),
    "views and triggers": Scenario(
        {
            "r1": _FIRST,
            "r2": Revision(
                "r1",
                'op.execute("CREATE VIEW named AS SELECT name FROM authors WHERE name IS NOT NULL")',
                'op.execute("DROP VIEW named")',
            ),
            "r3": Revision(
                "r2",
                _TRIGGER,
                'op.execute("DROP TRIGGER kept ON authors")\nop.execute("DROP FUNCTION kept")',
            ),
        },
        AUTHORS_MODEL,
        ("r3",),
    ),
    "rename": Scenario(
        {
            "r1": _FIRST,
            "r2": Revision("r1", _RENAME, _RENAME_BACK),
        },
        AUTHORS_MODEL.replace('"authors"', '"writers"').replace('"name"', '"called"'),
        ("r2",),
    ),
    "drifted by hand": Scenario(
        {"r1": _FIRST, "r2": Revision("r1", *_table("books"))},
        f"{AUTHORS_MODEL}\n" + _model("books", 'sa.Column("title", sa.Text)'),
        ("r2",),
        changes=("add column books.title",),
        by_hand=(
            "CREATE INDEX by_hand ON authors (lower(name))",
            "CREATE VIEW mine AS SELECT 1 AS one",
            "ALTER TABLE authors ALTER name TYPE varchar(80)",
        ),
        drift=("authors.name", "by_hand on authors", "mine"),
    ),
}
