"""Makes visible what a terminal obeys instead of showing it: escape sequences, and marks of direction.

Names, messages and errors come from files, databases and servers, and must not hide what stands beside them.
"""

from __future__ import annotations

import json
import re
from dataclasses import is_dataclass, replace
from functools import cache
from operator import is_
from typing import Any, TypeVar, cast

T = TypeVar("T")
# Control characters, line separators, marks of direction, what takes no room, and bytes that are no UTF-8.
# The joiners U+200C and U+200D stay: Persian and emoji need them, and they hide nothing.
_OBEYED = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f]"
)
# What has lines of its own in a result. In every other text a line break could fake a line of ours.
_OF_LINES = frozenset({"description", "remedy", "trace"})
_NO_TEXT = frozenset({bool, int, float})
# What is to be run, and must stay as it is.
_TO_RUN = "sql"


def visible(text: str, keep: str = "") -> str:
    r"""Return a text with each such character written as in Python (`\x1b`), except those of `keep`.

    A text without any is returned itself.
    """
    obeyed = _obeyed_but(keep)
    if obeyed.search(text) is None:
        return text
    return obeyed.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


@cache
def _obeyed_but(keep: str) -> re.Pattern[str]:
    return re.compile(f"(?![{re.escape(keep)}]){_OBEYED.pattern}") if keep else _OBEYED


def visible_lines(text: str) -> str:
    """Return a visible text whose further lines are marked, so that none of them can pass for one of ours."""
    return re.sub(r"\n(?!  \| )", "\n  | ", visible(text, "\n\t"))


def visible_json(document: str) -> str:
    r"""Return a document of JSON with each such character as JSON writes it (`\u202e`)."""
    return _OBEYED.sub(lambda found: found[0] if found[0] == "\n" else json.dumps(found[0])[1:-1], document)


def visible_in(value: T, keep: str = "") -> T:
    """Return a result, an event, or a part of one, with every text in it visible; itself where all are."""
    made: Any = value
    if isinstance(value, str):
        made = value if value.isprintable() else visible(value, keep)
    elif isinstance(value, tuple):
        parts = [visible_in(each, keep) for each in value]
        made = value if all(map(is_, parts, value)) else tuple(parts)
    elif value is not None and is_dataclass(type(value)):
        changed = {}
        for name, old in vars(value).items():
            # A long history has many fields, and hardly any of them needs more than this check.
            kind = type(old)
            if not old or kind in _NO_TEXT or (kind is str and old.isprintable()) or name == _TO_RUN:
                continue
            keep = "\n\t" if name in _OF_LINES else ""
            new = visible(old, keep) if kind is str else visible_in(old, keep)
            if new is not old:
                changed[name] = new
        made = replace(value, **changed) if changed else value  # type: ignore[type-var]
    return cast(T, made)
