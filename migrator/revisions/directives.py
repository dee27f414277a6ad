"""Reads what a revision asks for itself, in comments at the top of its file."""

from __future__ import annotations

import difflib
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from migrator.errors import RevisionsError

_DIRECTIVE = re.compile(r"#[ \t]*migrator[ \t]*:(.*)")
_DIRECTIVE_IN_BYTES = re.compile(_DIRECTIVE.pattern.encode())

_EXAMPLES = {
    "lock_timeout": "lock_timeout=10s",
    "statement_timeout": "statement_timeout=0",
    "retries": "retries=2",
}

ReadDuration = Callable[[str], float | None]


@dataclass(frozen=True)
class Directives:
    """What a revision asks for: timeouts in seconds, None for no limit, and how often to try again.

    `said` holds the names of those that the file names; the others are left to the settings.
    """

    lock_timeout: float | None = None
    statement_timeout: float | None = None
    retries: int | None = None
    said: frozenset[str] = frozenset()


def directives(path: Path, shown: str, read_duration: ReadDuration) -> Directives:
    """Return what the comment lines `# migrator: lock_timeout=10s retries=2` of the file `path` ask for.

    Those count that stand on lines of their own, before the first function. `read_duration` reads a duration
    as seconds, None for no limit, and raises ValueError: `parse_duration` of the settings, which are of
    another layer. Raises RevisionsError, naming the file as `shown` and the line, for an unknown word, a word
    said twice and an invalid value, and for a file that cannot be read.
    """
    try:
        source = path.read_bytes()
    except OSError as exc:
        raise RevisionsError(
            f"The version file {shown} cannot be read: {exc.strerror}.",
            hint="Check that the file exists and that you may read it.",
        ) from exc
    # Hardly any file has one, and looking for the tokens of all takes a hundred times as long.
    if not _DIRECTIVE_IN_BYTES.search(source):
        return Directives()
    words = [
        (f"{shown}, line {line},", word) for line, text in _at_the_top(source, shown) for word in text.split()
    ]
    return _read(words, read_duration)


def _at_the_top(source: bytes, shown: str) -> Iterator[tuple[int, str]]:
    """Yield line and text, less `# migrator:`, of each directive before the first function."""
    try:
        for token in tokenize.tokenize(io.BytesIO(source).readline):
            if token.type == tokenize.NAME and token.string == "def":
                return
            found = _DIRECTIVE.match(token.string) if token.type == tokenize.COMMENT else None
            if found and not token.line[: token.start[1]].strip():
                yield token.start[0], found[1]
    except (SyntaxError, UnicodeDecodeError, tokenize.TokenError) as exc:
        raise RevisionsError(
            f"The version file {shown} is not valid Python: {exc}.",
            hint="Correct the file, or take it out of the version folder.",
        ) from exc


def _read(words: list[tuple[str, str]], read_duration: ReadDuration) -> Directives:
    durations: dict[str, float | None] = {}
    counts: dict[str, int] = {}
    for where, word in words:
        name, _, value = word.partition("=")
        _check_name(where, name, {*durations, *counts})
        try:
            if name == "retries":
                counts[name] = _count(value)
            else:
                durations[name] = read_duration(value)
        except ValueError as exc:
            raise RevisionsError(
                f"{where} asks for a {name} that is not valid: {exc}.", hint=f"Write {_EXAMPLES[name]}."
            ) from exc
    return Directives(
        lock_timeout=durations.get("lock_timeout"),
        statement_timeout=durations.get("statement_timeout"),
        retries=counts.get("retries"),
        said=frozenset({*durations, *counts}),
    )


def _check_name(where: str, name: str, said: set[str]) -> None:
    if name not in _EXAMPLES:
        near = difflib.get_close_matches(name, _EXAMPLES, n=1, cutoff=0.5)
        raise RevisionsError(
            f"{where} asks for something unknown: {name!r}.",
            hint=f"Did you mean {near[0]}?" if near else f"Write it as {' '.join(_EXAMPLES.values())}.",
        )
    if name in said:
        raise RevisionsError(f"{where} says {name} a second time.", hint="Take one of the two out.")


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError(f"{text!r} is not a number such as 0 or 5")
    return int(text)
