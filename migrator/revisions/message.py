"""Makes a revision's message safe to be pasted into a docstring."""

from __future__ import annotations

import re

from migrator.errors import UsageError

# Control characters are escaped (newline and tab apart) because Python reads a carriage return as a newline
# and refuses a NUL, and because nobody sees the others. A lone quote is dangerous at the end only.
_UNSAFE = re.compile(r'\\|"""|"\Z|[\x00-\x08\x0b-\x1f\x7f-\x9f]')
_ESCAPED = {"\\": r"\\", '"""': r'""\"', '"': r"\"", "\r": r"\r"}


def docstring_safe(message: str) -> str:
    '''Return `message` as it has to be written after the opening `"""` of a docstring.

    Python reads the result back as exactly `message`, be it followed by a newline, text or the closing `"""`.
    Raises UsageError for a message that cannot be written as UTF-8.
    '''
    try:
        message.encode()
    except UnicodeEncodeError as exc:
        raise UsageError(
            f"Character {exc.start + 1} of the message cannot be written as UTF-8.",
            hint="Type the message again; check that the terminal sends UTF-8.",
        ) from exc
    return _UNSAFE.sub(_escape, message)


def _escape(found: re.Match[str]) -> str:
    text = found.group()
    return _ESCAPED.get(text) or f"\\x{ord(text):02x}"
