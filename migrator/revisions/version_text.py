"""The text of a version file, and where in it Python sees what."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.errors import RevisionsError
from migrator.revisions.headers import header_values

if TYPE_CHECKING:
    from pathlib import Path

LINE = re.compile(r"\r\n|\r|\n")
# Python allows the cookie in the first two lines (PEP 263), and a shebang in the first.
_STAYS_FIRST = re.compile(r"#!|[ \t\f]*#[^\r\n]*?coding[:=]")


@dataclass(frozen=True)
class Edit:
    """A piece of a text, from `start` to before `end`, that becomes `text`."""

    start: int
    end: int
    text: str


class VersionText:
    """The text of a version file, and where in it Python sees what."""

    def __init__(self, source: bytes, path: Path) -> None:
        self.path = path
        self._encoding = tokenize.detect_encoding(io.BytesIO(source).readline)[0]
        self.text = source.decode(self._encoding)
        if self.text.encode(self._encoding) != source:
            raise not_changed(path, f"its bytes are not plain {self._encoding}", "Save it as UTF-8.")
        self.tree, self.bound = header_values(path, source)
        self._starts = [0, *(found.end() for found in LINE.finditer(self.text))]
        found = LINE.search(self.text)
        self.eol = found.group() if found else "\n"

    def index(self, line: int, column: int) -> int:
        """Give the position in the text of a line, from 1, and a column in bytes of UTF-8."""
        start = self._starts[line - 1]
        end = self._starts[line] if line < len(self._starts) else len(self.text)
        return start + len(self.text[start:end].encode()[:column].decode())

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Give where a node begins and ends in the text."""
        if node.end_lineno is None or node.end_col_offset is None:
            raise ValueError("the node is from no source")
        return (
            self.index(node.lineno, node.col_offset),
            self.index(node.end_lineno, node.end_col_offset),
        )

    def docstring(self) -> tuple[ast.Constant, str] | None:
        """Give the docstring's node, and what it says."""
        match self.tree.body:
            case [ast.Expr(value=ast.Constant(value=str() as said) as node), *_]:
                return node, said
        return None

    def after_first_lines(self) -> int:
        """Give where a docstring may begin: after the lines that only count as the first ones."""
        end = 0
        for number in range(min(2, len(self._starts) - 1)):
            if _STAYS_FIRST.match(self.text, self._starts[number]):
                end = self._starts[number + 1]
        return end

    def end_of_line(self, index: int) -> int:
        """Give where the line of a position ends, less its line ending."""
        found = LINE.search(self.text, index)
        return found.start() if found else len(self.text)

    def edited(self, edits: list[Edit]) -> bytes:
        """Give the content with some pieces replaced, which must not overlap."""
        text = self.text
        for edit in sorted(edits, key=lambda each: each.start, reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
        try:
            return text.encode(self._encoding)
        except UnicodeEncodeError as exc:
            reason = (
                f"{exc.object[exc.start : exc.end]!r} cannot be written in its encoding, {self._encoding}"
            )
            raise not_changed(self.path, reason, "Save it as UTF-8.") from exc


def not_changed(path: Path, reason: str, hint: str) -> RevisionsError:
    """Give the error for a file that cannot be rewritten."""
    return RevisionsError(f"The version file {path} cannot be rewritten: {reason}.", hint=hint)
