"""The header of a version file is changed, and not a byte beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.errors import RevisionsError
from migrator.revisions.headers import header_of
from migrator.revisions.rewriting import NewHeader, Value, label_docstring, rewrite_header

PATH = Path("aaa1_add_orders.py")
TEMPLATE = '''\
"""add orders

Revision ID: aaa1
Revises: bbb2
Create Date: 2024-05-06 07:08:09

"""
from collections.abc import Sequence

revision: str = "aaa1"
down_revision: str | Sequence[str] | None = "bbb2"  # the one before
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    down_revision = "bbb2"
'''


def rewritten(text: str, **new: Unpack[NewHeader]) -> str:
    """Rewrite a text, given and returned as it is, line endings included."""
    return rewrite_header(text.encode(), PATH, new).decode()


def labelled(text: str, said: str = "testing (aaa1)") -> str:
    return label_docstring(text.encode(), PATH, "Promoted from", said).decode()


def with_down(value: str) -> str:
    return f"revision = 'aaa1'\n{value}\nx = 1\n"


def test_alembics_own_form_is_changed_in_the_header_and_in_the_docstring() -> None:
    expected = TEMPLATE.replace("Revises: bbb2", "Revises: ccc3").replace(
        'None = "bbb2"  # the one before', 'None = "ccc3"  # the one before'
    )

    assert rewritten(TEMPLATE, down_revision="ccc3") == expected


def test_every_value_can_be_changed_at_once() -> None:
    found = rewritten(TEMPLATE, down_revision=("ccc3", "ddd4"), revision="eee5", depends_on="fff6")

    expected = (
        TEMPLATE.replace("Revision ID: aaa1", "Revision ID: eee5")
        .replace("Revises: bbb2", "Revises: ccc3, ddd4")
        .replace('str = "aaa1"', 'str = "eee5"')
        .replace('None = "bbb2"  #', 'None = ("ccc3", "ddd4")  #')
        .replace(
            "depends_on: str | Sequence[str] | None = None", 'depends_on: str | Sequence[str] | None = "fff6"'
        )
    )
    assert found == expected


@pytest.mark.parametrize(
    ("before", "new", "after"),
    [
        ("down_revision = 'bbb2'", "ccc3", "down_revision = 'ccc3'"),
        ('down_revision="bbb2"# why', "ccc3", 'down_revision="ccc3"# why'),
        ("down_revision = None", "ccc3", "down_revision = 'ccc3'"),
        ("down_revision = 'bbb2'  # type: ignore", None, "down_revision = None  # type: ignore"),
        ("down_revision = r'bbb2'", "ccc3", "down_revision = 'ccc3'"),
        ("down_revision = '''bbb2'''", "ccc3", "down_revision = 'ccc3'"),
        ("down_revision = (\n    'bbb2'  # one\n)", "ccc3", "down_revision = (\n    'ccc3'  # one\n)"),
        ("down_revision = ('bbb2',)", ("ccc3",), "down_revision = ('ccc3',)"),
        ("down_revision = (\n    'b',\n    'c',\n)  # two", ("d", "e"), "down_revision = ('d', 'e')  # two"),
        ("down_revision = 'b', 'c'", ("d", "e"), "down_revision = ('d', 'e')"),
        ("down_revision = ['b', 'c']", "d", "down_revision = 'd'"),
        ("down_revision = ('b'\n  'c')", "d", "down_revision = ('d')"),
        ("down_revision = \\\n    'bbb2'", "ccc3", "down_revision = \\\n    'ccc3'"),
        ("a = 'é€𝄞'; down_revision = 'bbb2'; b = 2", "ccc3", "a = 'é€𝄞'; down_revision = 'ccc3'; b = 2"),
        ("down_revision: 'str | None' = 'bbb2'", "ccc3", "down_revision: 'str | None' = 'ccc3'"),
        ("down_revision = 'x'\ndown_revision = 'b'", "c", "down_revision = 'x'\ndown_revision = 'c'"),
        ("down_revision = other = 'bbb2'", "ccc3", "down_revision = other = 'ccc3'"),
        ("down_revision = 'bbb2'", (), "down_revision = None"),
        ("down_revision = 'bbb2'", "it's", 'down_revision = "it\'s"'),
        ("down_revision = 'bbb2'", "1.0.0", "down_revision = '1.0.0'"),
    ],
)
def test_only_the_value_of_an_assignment_is_replaced(before: str, new: Value, after: str) -> None:
    assert rewritten(with_down(before), down_revision=new) == with_down(after)


def test_a_value_that_is_missing_comes_after_down_revision() -> None:
    text = "revision = 'a'\ndown_revision = (\n    'b'\n)  # one\nx = 1\n"

    assert rewritten(text, depends_on=("c", "d")) == text.replace("x =", "depends_on = ('c', 'd')\nx =")
    assert rewritten(text, depends_on=None) == text


def test_the_line_endings_of_windows_stay() -> None:
    text = TEMPLATE.replace("\n", "\r\n")

    found = rewritten(text, down_revision="ccc3")

    assert found == rewritten(TEMPLATE, down_revision="ccc3").replace("\n", "\r\n")
    assert labelled(text) == labelled(TEMPLATE).replace("\n", "\r\n")


def test_a_byte_order_mark_stays() -> None:
    source = b"\xef\xbb\xbf" + with_down("down_revision = 'b'").encode()

    found = rewrite_header(source, PATH, NewHeader(down_revision="c"))

    assert found == source.replace(b"'b'", b"'c'")
    added = label_docstring(source, PATH, "Promoted from", "testing")
    assert added.startswith(b'\xef\xbb\xbf"""Promoted from: testing\n"""\nrevision')


def test_an_encoding_cookie_holds() -> None:
    source = "# a file\n# -*- coding: latin-1 -*-\nx = 'é'; revision = 'a'; down_revision = 'b'\n".encode(
        "latin-1"
    )

    found = rewrite_header(source, PATH, NewHeader(down_revision="ü"))

    assert found == source.replace(b"'b'", "'ü'".encode("latin-1"))
    added = label_docstring(source, PATH, "Promoted from", "testing")
    assert added.startswith(b'# a file\n# -*- coding: latin-1 -*-\n"""Promoted from: testing\n"""\nx =')
    with pytest.raises(RevisionsError, match="cannot be written in its encoding"):
        rewrite_header(source, PATH, NewHeader(down_revision="€"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("revision = 'a'\ndown_revision = 'b' + X\n", "down_revision"),
        ("from x import *\nrevision = 'a'\n", "down_revision"),
        ("revision = 'a'\nif X:\n    down_revision = 'b'\n", "down_revision"),
        ("from x import *\ndown_revision = 'b'\n", "revision"),
        ("revision = 'a'\ndown_revision = 'b'\ndepends_on = f()\n", "depends_on"),
    ],
)
def test_a_header_that_is_computed_is_refused_by_name(text: str, name: str) -> None:
    with pytest.raises(RevisionsError, match=rf"aaa1_add_orders\.py computes its {name}") as raised:
        rewritten(text, down_revision="ccc3")
    assert name in raised.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n", "declares no revision"),
        ("revision = 'a'\ndown_revision = \n", "not valid Python"),
        ("revision = down_revision = 'a'\n", "bound in an unusual way"),
    ],
)
def test_a_file_that_cannot_be_changed_so_is_refused(text: str, words: str) -> None:
    with pytest.raises(RevisionsError, match=words):
        rewritten(text, down_revision="ccc3")


@pytest.mark.parametrize(
    ("docstring", "after"),
    [
        ('"""first one\n\nRevises: \n"""', '"""first one\n\nRevises: ccc3\n"""'),
        ('"""first one\n\nRevises:\n"""', '"""first one\n\nRevises: ccc3\n"""'),
        ("'''\n\nRevises: bbb2'''", "'''\n\nRevises: ccc3'''"),
        ('"""Revises: what bbb2 did\n\nRevises: bbb2"""', '"""Revises: what bbb2 did\n\nRevises: ccc3"""'),
        ('"""Revises: what bbb2 did"""', '"""Revises: what bbb2 did"""'),
        ('"""x\n\nRevises: an old one"""', '"""x\n\nRevises: ccc3"""'),
        ("'x'", "'x'"),
        ('"""x""" """\n\nRevises: bbb2"""', '"""x""" """\n\nRevises: bbb2"""'),
        ('r"""x \\d\n\n  Revises: bbb2\n"""', 'r"""x \\d\n\n  Revises: ccc3\n"""'),
    ],
)
def test_the_line_of_the_template_is_changed_where_the_docstring_has_it(docstring: str, after: str) -> None:
    down = "'bbb2'" if "bbb2" in docstring else "None"
    text = f"{docstring}\nrevision = 'a'\ndown_revision = {down}\n"

    assert rewritten(text, down_revision="ccc3") == f"{after}\nrevision = 'a'\ndown_revision = 'ccc3'\n"


@pytest.mark.parametrize(
    ("docstring", "after"),
    [
        ('"""x\n\nCreate Date: now\n\n"""', '"""x\n\nCreate Date: now\nPromoted from: testing (aaa1)\n\n"""'),
        ('"""x\n\nRevises: b\n"""', '"""x\n\nRevises: b\nPromoted from: testing (aaa1)\n"""'),
        ('"""message"""', '"""message\n\nPromoted from: testing (aaa1)\n"""'),
        ('"""x\n\nIt does this."""', '"""x\n\nIt does this.\n\nPromoted from: testing (aaa1)\n"""'),
        ('"""x\n\nPromoted from: y (b)\n"""', '"""x\n\nPromoted from: testing (aaa1)\n"""'),
        ("'a \\\\ b\"'", '"""a \\\\ b"\n\nPromoted from: testing (aaa1)\n"""'),
        ('"a" "b"', '"""ab\n\nPromoted from: testing (aaa1)\n"""'),
        ('""""""', '"""Promoted from: testing (aaa1)\n"""'),
    ],
)
def test_a_line_is_added_to_the_docstring_or_replaced_in_it(docstring: str, after: str) -> None:
    rest = "\n\nrevision = 'a'\ndown_revision = 'b'\n"

    found = labelled(docstring + rest)

    assert found == after + rest
    assert labelled(found) == found


def test_a_docstring_is_made_where_there_is_none() -> None:
    rest = "# why\nfrom __future__ import annotations\nrevision = 'a'\ndown_revision = 'b'\n"

    assert labelled(rest) == f'"""Promoted from: testing (aaa1)\n"""\n{rest}'
    assert labelled(f"#!/usr/bin/python\n{rest}") == (
        f'#!/usr/bin/python\n"""Promoted from: testing (aaa1)\n"""\n{rest}'
    )


def test_a_file_whose_docstring_swallows_the_line_is_refused() -> None:
    with pytest.raises(RevisionsError, match="takes no further line"):
        labelled('r"""x\n\nPromoted from: y"""\nrevision = "a"\ndown_revision = None\n', "a \\ b")


IDS = st.text("abcdef0123456789._é'\"\\", min_size=1, max_size=8)
VALUES = st.one_of(st.none(), IDS, st.lists(IDS, min_size=1, max_size=3, unique=True).map(tuple))
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


@settings(deadline=None, max_examples=80)
@given(
    old=VALUES,
    new=VALUES,
    message=TEXTS,
    eol=st.sampled_from(["\n", "\r\n"]),
    form=st.sampled_from(["{}", "({})", "(\n    {}\n)", "\\\n  {}"]),
    annotation=st.sampled_from(["", ": str | None"]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
def test_whatever_the_form_the_file_says_what_was_asked_and_can_be_changed_back(
    old: Value, new: Value, message: str, eol: str, form: str, annotation: str, mark: bytes
) -> None:
    value = form.format(repr(old))
    said = f"# {message}"
    text = f"{said}\nrevision = 'é'; x = {message!r}\ndown_revision{annotation} = {value}  {said}\nz = 1"
    source = mark + text.replace("\n", eol).encode()

    there = rewrite_header(source, PATH, NewHeader(down_revision=new))
    back = rewrite_header(there, PATH, NewHeader(down_revision=old))

    header = header_of(PATH, there)
    assert header is not None
    assert header.down_revision == ((new,) if isinstance(new, str) else new or ())
    assert header_of(PATH, back) == header_of(PATH, source)
    begin, end = source.index(b"down_revision"), source.rindex(b"  #")
    assert there.startswith(source[:begin])
    assert there.endswith(source[end:])
