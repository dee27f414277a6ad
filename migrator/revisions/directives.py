"""Reads what a revision asks for itself, in comments at the top of its file."""

from __future__ import annotations

import ast
import difflib
import io
import re
import tokenize
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrator.errors import RevisionsError
from migrator.revisions.headers import not_python, read_source
from migrator.syntax import parse

_DIRECTIVE = re.compile(r"#[ \t]*migrator[ \t]*:(.*)")
# A line that may have been meant as one: `# Migrator: retries=2`, `# migrator retries=2`.
_MEANT = re.compile(r"#+[ \t]*@?(\w{6,10})[ \t]*([:;,-]?)[ \t]*(\w.*)")
_WORTH_READING = re.compile(
    rb"#[ \t]*migrator[ \t]*:"
    rb"|^[ \t]*#+[ \t]*@?\w{6,10}[ \t]*[:;,-]?[ \t]*(?:\w+[ \t]*=|irreversible)",
    re.IGNORECASE | re.MULTILINE,
)
_NEAR_ENOUGH = 0.75

_EXAMPLES = {
    "lock_timeout": "lock_timeout=10s",
    "statement_timeout": "statement_timeout=0",
    "retries": "retries=2",
}
_FLAG = "irreversible"
# What a file asks of `lint`, which reads it by itself.
_ALLOW = "allow"

ReadDuration = Callable[[str], float | None]


@dataclass(frozen=True)
class Directives:
    """What a revision asks for: timeouts in seconds, None for no limit, and how often to try again.

    `said` holds the names of those that the file names; the others are left to the settings. `irreversible`
    is for a revision that is not to be taken back.
    """

    lock_timeout: float | None = None
    statement_timeout: float | None = None
    retries: int | None = None
    said: frozenset[str] = frozenset()
    irreversible: bool = False


def directives(path: Path, shown: str, read_duration: ReadDuration) -> Directives:
    """Return what the comment lines `# migrator: lock_timeout=10s retries=2` of the file `path` ask for.

    Those count that stand on lines of their own, before the first function. `read_duration` reads a duration
    as seconds, None for no limit, and raises ValueError: `parse_duration` of the settings, which are of
    another layer. A line that begins with `allow` is no setting, and is passed over. Raises RevisionsError,
    naming the file as `shown` and the line, for an unknown word, a word said twice, an invalid value, and a
    line that is misspelt before its settings; and for a file that cannot be read.
    """
    source = read_source(path, shown)
    # Hardly any file has one, and looking for the tokens of all takes a hundred times as long.
    if not _WORTH_READING.search(source):
        return Directives()
    words: list[tuple[str, str]] = []
    for line, comment in _at_the_top(source, shown):
        where = f"{shown}, line {line},"
        found = _DIRECTIVE.match(comment)
        if found is None:
            _refuse_misspelt(where, comment)
        elif found[1].split()[:1] != [_ALLOW]:
            words += [(where, word) for word in found[1].split()]
    return _read(words, read_duration)


def _at_the_top(source: bytes, shown: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each comment on a line of its own before the first function."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        # As a text: from Python 3.13 on bytes that are none come through.
        for token in tokenize.generate_tokens(io.StringIO(source.decode(encoding)).readline):
            if token.type == tokenize.NAME and token.string == "def":
                return
            if token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip():
                yield token.start[0], token.string
    except (SyntaxError, UnicodeDecodeError, tokenize.TokenError) as exc:
        raise not_python(shown, exc) from exc


def _refuse_misspelt(where: str, comment: str) -> None:
    """Raise RevisionsError for a comment that is plainly meant as a directive, and would not be read as one.

    Prose has other words than `key=value` in it.
    """
    found = _MEANT.fullmatch(comment.rstrip())
    if found is None or not _resembles(found[1].lower(), ["migrator"]):
        return
    words = re.sub(r"[ \t]*=[ \t]*", "=", found[3]).split()
    settings = [word.partition("=") for word in words if word != _FLAG]
    meant = all(equals for _, equals, _ in settings) and any(
        _resembles(name.lower(), _EXAMPLES) for name, _, _ in settings
    )
    if meant or (words == [_FLAG] and found[1].lower() == "migrator"):
        raise RevisionsError(
            f"{where} is not read, because it does not begin with '# migrator:': {comment.strip()}",
            hint=f"Write it as: # migrator: {' '.join(words)}",
        )


def _resembles(word: str, known: Iterable[str]) -> bool:
    return bool(difflib.get_close_matches(word, known, n=1, cutoff=_NEAR_ENOUGH))


def _read(words: list[tuple[str, str]], read_duration: ReadDuration) -> Directives:
    said: dict[str, Any] = {}
    for where, word in words:
        if word == _FLAG:
            continue
        name, _, value = word.partition("=")
        _check_name(where, name, said)
        try:
            said[name] = _count(value) if name == "retries" else read_duration(value)
        except ValueError as exc:
            raise RevisionsError(
                f"{where} asks for a {name} that is not valid: {exc}.", hint=f"Write {_EXAMPLES[name]}."
            ) from exc
    irreversible = any(word == _FLAG for _, word in words)
    return Directives(**said, said=frozenset(said), irreversible=irreversible)


def _check_name(where: str, name: str, said: Collection[str]) -> None:
    if name == _FLAG:
        raise RevisionsError(f"{where} gives {name} a value.", hint=f"Write {name} alone.")
    if name not in _EXAMPLES:
        near = difflib.get_close_matches(name, [*_EXAMPLES, _FLAG, _ALLOW], n=1, cutoff=0.5)
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


def refuses_downgrade(path: Path) -> bool:
    """Whether `downgrade()` in the file `path` does nothing but raise NotImplementedError.

    False too for a file that cannot be read: Alembic says so better.
    """
    try:
        tree = parse(path.read_bytes())
    except (OSError, SyntaxError):
        return False
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "downgrade"]
    return bool(found) and _only_raises(found[-1])


def _only_raises(function: ast.FunctionDef) -> bool:
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    match body:
        case [ast.Raise(exc=ast.Name(id=name) | ast.Call(func=ast.Name(id=name)))]:
            return name == "NotImplementedError"
    return False
