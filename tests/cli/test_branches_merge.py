"""`branches` and `merge`: where a history parts, and how it is joined again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.projects.books import AnyDatabase, BooksProject

if TYPE_CHECKING:
    from tests.conftest import Ran

Migrator = Callable[..., "Ran"]


@pytest.fixture
def branched(books: BooksProject) -> BooksProject:
    """A revision with two after it."""
    create = "op.create_table({0!r}, sa.Column('id', sa.Integer))"
    for revision, down in (("r1", None), ("left", "r1"), ("right", "r1")):
        books.revision(revision, down, create.format(f"t_{revision}"), f"op.drop_table('t_{revision}')")
    return books


def test_branches_shows_where_the_history_parts(migrator: Migrator, branched: BooksProject) -> None:
    ran = migrator("branches", cwd=branched.root)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == ["r1 (branchpoint)", "   -> left", "   -> right"]
    assert "Branches into: left, right" in migrator("branches", "-v", cwd=branched.root).out
    (point,) = json.loads(migrator("branches", "--json", cwd=branched.root).out)["data"]["revisions"]
    assert (point["revision"], point["next_revisions"]) == ("r1", ["left", "right"])


def test_a_history_without_branches_has_none(migrator: Migrator, books: BooksProject) -> None:
    books.tables("authors", "shelves")

    ran = migrator("branches", cwd=books.root)

    assert (ran.code, ran.out) == (0, "")


def test_merge_joins_all_heads_and_the_database_goes_through_it(
    migrator: Migrator, branched: BooksProject, either_database: AnyDatabase
) -> None:
    merged = migrator("merge", "-m", "join both", "--rev-id", "m1", cwd=branched.root)

    assert merged.code == 0, merged.err
    assert merged.out == "wrote migrations/test/versions/m1_join_both.py\n"
    assert migrator("heads", cwd=branched.root).out == "m1 (head) (mergepoint)\n"
    (first, *_) = migrator("history", cwd=branched.root).out.splitlines()
    assert first == "left, right -> m1 (head) (mergepoint), join both"
    assert migrator("upgrade", cwd=branched.root, env=either_database.env).code == 0
    assert either_database.version() == ["m1"]
    assert migrator("downgrade", "left", cwd=branched.root, env=either_database.env).code == 0
    assert either_database.version() == ["left", "right"]


def test_merge_takes_named_revisions_a_label_and_an_id(migrator: Migrator, branched: BooksProject) -> None:
    branched.revision("third", "r1")

    ran = migrator(
        "merge", "left", "third", "--rev-id", "m1", "--branch-label", "joined", "--json", cwd=branched.root
    )

    (written,) = json.loads(ran.out)["data"]["written"]
    assert (written["revision"], written["down_revisions"]) == ("m1", ["left", "third"])
    heads = migrator("heads", cwd=branched.root).out.splitlines()
    assert sorted(heads) == ["m1 (joined) (head) (mergepoint)", "right (head)"]


@pytest.mark.parametrize(
    "named", [["left"], ["left", "left"], ["left", "lef"], ["left@head"], ["nowhere", "left"]]
)
def test_a_merge_of_less_than_two_revisions_is_refused(
    migrator: Migrator, branched: BooksProject, named: list[str]
) -> None:
    before = branched.files()

    ran = migrator("merge", *named, "-m", "x", cwd=branched.root)

    assert ran.code == 5
    assert ran.err.count("error: ") == 1
    assert branched.files() == before


def test_a_merge_of_a_single_head_or_of_no_revision_at_all_is_refused(
    migrator: Migrator, books: BooksProject
) -> None:
    assert migrator("merge", cwd=books.root).code == 5
    books.tables("authors", "shelves")
    ran = migrator("merge", "heads", cwd=books.root)

    assert ran.code == 5
    assert "A merge needs two revisions or more, and heads is only r2." in ran.err
    assert len(books.files()) == 2


def test_a_merge_of_revisions_that_are_no_heads_needs_splice(
    migrator: Migrator, branched: BooksProject
) -> None:
    branched.revision("later", "left")

    assert migrator("merge", "left", "right", "-m", "x", cwd=branched.root).code == 5
    assert migrator("merge", "left", "right", "-m", "x", "--splice", cwd=branched.root).code == 0


@pytest.mark.parametrize("rev_id", ["../x", "a" * 33, "left"])
def test_a_merge_with_a_bad_or_taken_id_is_refused(
    migrator: Migrator, branched: BooksProject, rev_id: str
) -> None:
    before = branched.files()

    ran = migrator("merge", "heads", "--rev-id", rev_id, cwd=branched.root)

    assert ran.code in (2, 5)
    assert branched.files() == before


def test_a_broken_template_leaves_no_file_of_a_merge(migrator: Migrator, branched: BooksProject) -> None:
    (branched.root / "migrations" / "script.py.mako").write_text("def (")
    before = branched.files()

    ran = migrator("merge", "heads", "-m", "x", cwd=branched.root)

    assert ran.code not in (0, 70)
    assert branched.files() == before
