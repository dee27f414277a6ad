"""Keeps passwords out of everything that is printed.

Data and SQL are built without a password in the first place. This module is for text that comes from
elsewhere: error messages of drivers, log lines, tracebacks, the output of somebody's env.py.
"""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus

MASK = "***"
# Shorter values, such as "a" or "app", would turn up in half of all words.
_SHORTEST_PLAIN = 6

_plain: set[str] = set()
_guarded: set[str] = set()


def register(secret: str | None, *, harmless: tuple[str | None, ...] = ()) -> None:
    """Remember a secret value so that `scrub` removes it.

    `harmless` are values that may be shown (user, host, database). A secret that is short, or equal to one
    of them, is only removed where a password stands.
    """
    if not secret:
        return
    forms = {secret, quote(secret, safe=""), quote_plus(secret), quote(secret), repr(secret)[1:-1]}
    if len(secret) < _SHORTEST_PLAIN or secret in harmless:
        _guarded.update(forms)
    else:
        _plain.update(forms)


def scrub(text: str) -> str:
    """Give the text with every known secret replaced by `***`."""
    for secret in sorted(_plain, key=len, reverse=True):
        text = text.replace(secret, MASK)
    for secret in sorted(_guarded, key=len, reverse=True):
        text = re.sub(rf"(:){re.escape(secret)}(?=@)", rf"\1{MASK}", text)
        text = re.sub(rf"(?i)(passw(?:or)?d\W{{1,4}}){re.escape(secret)}(?!\w)", rf"\1{MASK}", text)
    return text


def known() -> bool:
    """Whether any secret has been registered, so that callers can skip work."""
    return bool(_plain or _guarded)
