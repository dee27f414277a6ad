"""Keeps passwords out of everything that is printed.

Data and SQL are built without a password in the first place. This module is for text that comes from
elsewhere: error messages of drivers, log lines, tracebacks, the output of somebody's env.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TextIO, cast
from urllib.parse import quote, quote_plus

MASK = "***"
# Shorter values, such as "a" or "app", would turn up in half of all words.
_SHORTEST_PLAIN = 6
_IN_URL = re.compile(r"(://[^:/@\s]*:)\S+(?=@)")
_OF_SECRET = re.compile(r"pass|pwd|secret|token|credential|auth(?!or)|api.?key|key$", re.IGNORECASE)

_plain: set[str] = set()
_guarded: set[str] = set()


def register(secret: str | None, *, harmless: tuple[str | None, ...] = ()) -> None:
    """Remember a secret value so that `scrub` removes it.

    `harmless` are values that may be shown (user, host, database). A secret that is short, or equal to one
    of them, is only removed where a password stands.
    """
    if not secret:
        return
    # The last one is SQLAlchemy's; an ini file doubles each %.
    forms = {secret, quote(secret, safe=""), quote_plus(secret), quote(secret), quote(secret, safe=" +")}
    forms |= {form.replace("%", "%%") for form in forms} | {repr(secret)[1:-1]}
    if len(secret) < _SHORTEST_PLAIN or secret in harmless:
        _guarded.update(forms)
    else:
        _plain.update(forms)


def names_secret(name: str) -> bool:
    """Whether an option, or a parameter of a URL, of this name is likely to hold a secret."""
    return _OF_SECRET.search(name) is not None


def scrub(text: str) -> str:
    """Give the text with every known secret, and the password of every URL, replaced by `***`."""
    if "://" in text:
        text = _IN_URL.sub(rf"\1{MASK}", text)
    for secret in sorted(_plain, key=len, reverse=True):
        text = text.replace(secret, MASK)
    for secret in sorted(_guarded, key=len, reverse=True):
        text = re.sub(rf"(:){re.escape(secret)}(?=@)", rf"\1{MASK}", text)
        text = re.sub(rf"(?i)(passw(?:or)?d\W{{1,4}}){re.escape(secret)}(?!\w)", rf"\1{MASK}", text)
    return text


def scrubbing(stream: TextIO) -> TextIO:
    """Give a stream that writes to `stream` what `scrub` leaves, for writers that know nothing of secrets."""
    return cast(TextIO, _Scrubbing(stream))


class _Scrubbing:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(scrub(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
