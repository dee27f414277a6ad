"""The graph that is read from headers is the one that Alembic makes of the executed files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alembic.script.revision import Revision, RevisionError, RevisionMap
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.revisions.graph import Graph, UnclearGraph, read_graph
from migrator.revisions.headers import Header, header_of, header_values, stock_header
from tests.projects.small import revision_text

HERE = Path("versions")


@dataclass(frozen=True)
class Made:
    """A revision of a random history: what it comes after and depends on, and its label."""

    revision: str
    down: tuple[str, ...]
    needs: tuple[str, ...]
    label: str | None


@st.composite
def histories(draw: Callable[..., Any]) -> list[Made]:
    """Histories with branches, merges, several bases, dependencies and labels, in any order of files."""
    made: list[Made] = []
    for number in range(draw(st.integers(1, 9))):
        earlier = [each.revision for each in made]
        down = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=2)) if earlier else []
        # Of several dependencies Alembic takes the order that sets have.
        needs = draw(st.lists(st.sampled_from(earlier), max_size=1)) if earlier and number % 3 == 2 else []
        label = f"label{number}" if draw(st.integers(0, 5)) == 0 else None
        made.append(Made(f"rev{number:04}", tuple(down), tuple(n for n in needs if n not in down), label))
    order = draw(st.permutations(range(len(made))))
    return [made[index] for index in order]


def graph(history: list[Made]) -> Graph:
    """Give ours."""
    return Graph(
        Header(str(HERE), each.revision, each.down, (each.label,) if each.label else (), each.needs, "")
        for each in history
    )


def alembics(history: list[Made]) -> RevisionMap:
    """Give Alembic's."""
    return RevisionMap(
        lambda: [
            Revision(each.revision, each.down or None, each.needs or None, each.label) for each in history
        ]
    )


def walked(map_: RevisionMap, base: str, head: str) -> list[str] | None:
    """Give what Alembic walks; None where it refuses."""
    try:
        found = map_.iterate_revisions(head, base, inclusive=True, assert_relative_length=False)
        return [each.revision for each in found if isinstance(each, Revision)]
    except (RevisionError, AssertionError):
        # It fails itself where only a dependency leads from one to the other.
        return None


def ours(found: Graph, base: str, head: str) -> list[str] | None:
    """Give what ours walks; None where it leaves that to Alembic."""
    try:
        return [node.revision for node in found.walk(base, head)]
    except UnclearGraph:
        return None


@pytest.mark.slow
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(history=histories())
def test_every_history_has_the_same_heads_points_labels_and_order(history: list[Made]) -> None:
    mine, theirs = graph(history), alembics(history)

    assert tuple(node.revision for node in mine.heads) == theirs.heads
    real = [each for each in theirs.get_revisions("heads") if isinstance(each, Revision)]
    assert [node.revision for node in mine.real_heads] == [each.revision for each in real]
    for node in mine.nodes:
        other = theirs.get_revision(node.revision)
        assert isinstance(other, Revision)
        assert (node.is_head, node.is_branch_point, node.is_merge_point) == (
            other.is_head,
            other.is_branch_point,
            other.is_merge_point,
        )
        assert (node.labels, set(node.next)) == (other.branch_labels, set(other.nextrev))
    assert ours(mine, "base", "heads") == walked(theirs, "base", "heads")


@pytest.mark.slow
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(history=histories(), data=st.data())
def test_every_range_is_walked_alike_or_left_to_alembic(history: list[Made], data: st.DataObject) -> None:
    names = [each.revision for each in history]
    base = data.draw(st.sampled_from([*names, "base"]))
    head = data.draw(st.sampled_from([*names, "heads"]))

    mine = ours(graph(history), base, head)

    assert mine is None or mine == walked(alembics(history), base, head)


@pytest.mark.parametrize(
    "history",
    [
        [Made("a", ("nowhere",), (), None)],
        [Made("a", (), ("nowhere",), None)],
        [Made("a", ("b",), (), None), Made("b", ("a",), (), None)],
        [Made("a", (), ("b",), None), Made("b", (), ("a",), None)],
        [Made("a", (), (), None), Made("a", (), (), None)],
        [Made("a", (), (), "x"), Made("b", (), (), "x")],
        [Made("a-1", (), (), None)],
    ],
    ids=["missing", "missing need", "cycle", "cycle of needs", "twice", "label twice", "odd id"],
)
def test_what_alembic_refuses_is_left_to_it(history: list[Made]) -> None:
    with pytest.raises(UnclearGraph):
        graph(history)


@pytest.mark.parametrize("target", ["head", "nothing", "rev", "-1", "rev0000+1", "x@head", "rev0000,rev0001"])
def test_targets_that_are_not_simple_are_left_to_alembic(target: str) -> None:
    two = graph([Made("rev0000", (), (), None), Made("rev0001", (), (), None)])

    with pytest.raises(UnclearGraph):
        two.find(target)


def test_ids_beginnings_labels_and_names_are_found() -> None:
    two = graph([Made("abcd1", (), (), "shop"), Made("abcd2", ("abcd1",), (), None)])

    found = [two.find(each)[0].revision for each in ("head", "heads", "abcd1", "shop", "abcd2")]
    assert found == ["abcd2", "abcd2", "abcd1", "abcd1", "abcd2"]
    assert two.find("base") == ()


STOCK = '''"""a "quoted" message

Revision ID: 1a
Revises: 0a
"""
from collections.abc import Sequence

from alembic import op
import sqlalchemy as sa

# revision identifiers, used by Alembic.
revision: str = "1a"
down_revision: str | Sequence[str] | None = ("0a", '0b')
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = 'x'


def upgrade() -> None:
    op.execute("SELECT 1")
'''


def by_parser(source: bytes) -> Header | None:
    """Read a header without the pattern."""
    tree, bound = header_values(HERE, source)
    assert tree
    values = {name: node for name, node in bound.items() if node is not None}
    assert values
    return header_of(HERE, source + b"\nrevision = revision_ = '1a'\n")


def test_the_pattern_reads_what_the_parser_reads() -> None:
    found = stock_header(HERE, STOCK.encode())

    assert found is not None
    assert (found.revision, found.down_revision) == ("1a", ("0a", "0b"))
    assert (found.branch_labels, found.depends_on) == ((), ("x",))
    header, parsed = header_of(HERE, STOCK.encode()), by_parser(STOCK.encode())
    assert header == parsed
    assert header is not None
    assert header.doc == 'a "quoted" message'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('revision: str = "1a"', 'revision: str = "1" + "a"'),
        ('revision: str = "1a"', 'revision: str = make("1a")'),
        ('"1a"', '"1\\x61"'),
        ("import sqlalchemy as sa", "import sqlalchemy as revision"),
        ("import sqlalchemy as sa", "from x import *"),
        ("SELECT 1", "UPDATE revision"),
        ("def upgrade", "for revision in 'ab': pass\ndef upgrade"),
        ('"""a ', "'''a "),
        ('a "quoted"', "a \\\\ quoted"),
        ("\n", "\r\n"),
        ('"""a', '# coding: latin-1\n"""ä'),
        ("import sqlalchemy as sa", "if True:\n    revision = 'b'"),
        ("import sqlalchemy as sa", "import sqlalchemy as sa; revision = 'b'"),
    ],
)
def test_what_is_not_as_the_template_has_it_is_left_to_the_parser(old: str, new: str) -> None:
    assert old in STOCK

    assert stock_header(HERE, STOCK.replace(old, new).encode()) is None


def test_a_link_is_shown_by_what_it_points_to_and_one_file_twice_is_left_to_alembic(tmp_path: Path) -> None:
    folder, other = tmp_path / "versions", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    (other / "a.py").write_text(revision_text("a1"))
    (folder / "a.py").symlink_to(other / "a.py")

    (node,) = read_graph([folder]).nodes
    assert node.header.path == (other / "a.py").resolve()
    with pytest.raises(UnclearGraph):
        read_graph([folder, other])
