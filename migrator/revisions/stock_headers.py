"""Reads the header of a version file that is laid out as Alembic's template lays it out.

Most files are, and a pattern reads them ten times as fast as a parser. What it does not know for certain it
leaves to the parser.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_NAME = rb"\b(?:(?:down_)?revision|branch_labels|depends_on)\b"
_TEXT = rb"""(?:'[^'"\\\r\n]*'|"[^'"\\\r\n]*")"""
_VALUE = rb"(?:None|%(text)s|\(%(text)s(?:,[ ]%(text)s)*,?\))" % {b"text": _TEXT}
# The quantifiers with a + behind them take back nothing, so that no file can keep the pattern busy for long.
_STOCK = re.compile(
    rb"""
    \"{3}(?P<doc>(?:[^"\\\r\0\x0c]+|"(?!""))*+)\"{3}[ \t]*\n
    (?:(?:\#[^\r\n]*|(?:from[ ][\w.]+[ ])?import[ ](?![^\n]*%(name)s)[\w., ]+)?+\n)*+
    revision%(hint)s[ ]=[ ](?P<revision>%(text)s)[ \t]*\n
    down_revision%(hint)s[ ]=[ ](?P<down_revision>%(value)s)[ \t]*\n
    (?:branch_labels%(hint)s[ ]=[ ](?P<branch_labels>%(value)s)[ \t]*\n)?
    (?:depends_on%(hint)s[ ]=[ ](?P<depends_on>%(value)s)[ \t]*\n)?
    """
    % {b"name": _NAME, b"text": _TEXT, b"value": _VALUE, b"hint": rb"(?::[ ]?[\w.,|\[\] ]+?)?"},
    re.VERBOSE,
)
# Whatever may bind one of the names again, or names that nobody sees.
_BINDS_MORE = re.compile(_NAME + rb"|\bimport[ \t(]*\*")
# One of these is in all of that. To look for them is five times as fast, and nearly no file has one.
_NEEDED = (b"revision", b"branch_labels", b"depends_on", b"*")
_EACH_TEXT = re.compile(_TEXT)


class StockValues(NamedTuple):
    """What a version file declares; of several ids that it names, all."""

    revision: str
    down_revision: tuple[str, ...]
    branch_labels: tuple[str, ...]
    depends_on: tuple[str, ...]
    docstring: str


def stock_values(source: bytes) -> StockValues | None:
    """Give what a version file's source declares, or None for a source that only a parser can tell."""
    found = _STOCK.match(source)
    if found is None:
        return None
    needed = any(source.find(each, found.end()) >= 0 for each in _NEEDED)
    if needed and _BINDS_MORE.search(source, found.end()):
        return None
    head = found[0]
    if not head.isascii() and b"coding" in head:
        return None
    doc, revision, down_revision, branch_labels, depends_on = found.groups()
    try:
        return StockValues(
            revision[1:-1].decode(),
            _texts(down_revision),
            _texts(branch_labels),
            _texts(depends_on),
            doc.decode(),
        )
    except UnicodeDecodeError:
        return None


def _texts(value: bytes | None) -> tuple[str, ...]:
    if value is None or value == b"None":
        return ()
    if not value.startswith(b"("):
        return (value[1:-1].decode(),)
    return tuple(text[1:-1].decode() for text in _EACH_TEXT.findall(value))
