"""The text of a version file, where in it Python sees what, and the lines of its docstring."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.errors import RevisionsError, UsageError
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


_TRIPLE = re.compile(r"""[rRuU]?(?P<quotes>\"{3}|'{3})(?P<body>.*)(?P=quotes)""", re.DOTALL)
_LABELLED = re.compile(r"[ \t]*[A-Z][\w ]*:( |$)")


def docstring_body(file: VersionText) -> tuple[int, int] | None:
    """Give where the text of the docstring is; None where it is not one string in triple quotes."""
    docstring = file.docstring()
    if docstring is None:
        return None
    start, end = file.span(docstring[0])
    found = _TRIPLE.fullmatch(file.text[start:end])
    if found is None or found["quotes"] in found["body"]:
        return None
    return start + found.start("body"), start + found.end("body")


def _lines_of(file: VersionText, body: tuple[int, int], label: str) -> list[re.Match[str]]:
    """Give the lines `<label>: text` of the docstring."""
    line = rf"[ \t]*{re.escape(label)}:[ \t]?(?P<text>[^\r\n]*)"
    # The line of the opening quotes begins where the body does.
    first = re.compile(line).match(file.text, *body)
    return [*([first] if first else []), *re.compile(rf"(?<=[\r\n]){line}").finditer(file.text, *body)]


def revises_line(file: VersionText, body: tuple[int, int], old: str) -> re.Match[str] | None:
    """Give the line `Revises: old` that Alembic's template wrote: the message may have one like it."""
    found = _lines_of(file, body, "Revises")
    for line in found:
        if line["text"].strip() == old:
            return line
    text = file.text[slice(*body)]
    message = re.match(r"\s*(?:[^\r\n]+(?:\r\n|\r|\n)?)*", text)
    after = body[0] + (message.end() if message else 0)
    return next((line for line in found if line.start() >= after), None)


def label_edit(file: VersionText, label: str, text: str) -> Edit:
    """Give the change that puts the line `label: text` into a docstring, or makes one."""
    line = f"{label}: {text}"
    docstring, body = file.docstring(), docstring_body(file)
    if docstring is None:
        start = file.after_first_lines()
        return Edit(start, start, f'"""{line}{file.eol}"""{file.eol}')
    if body is None:
        # It has no lines of its own yet: a string in plain quotes, or several strings.
        node, said = docstring
        content = docstring_safe(f"{said}\n").replace("\n", file.eol)
        return Edit(*file.span(node), f'"""{content}{file.eol}{line}{file.eol}"""')
    for found in _lines_of(file, body, label):
        return edit_of(found, text)
    for found in _lines_of(file, body, "Create Date"):
        indent = re.match(r"[ \t]*", found.group())
        return Edit(found.end(), found.end(), f"{file.eol}{indent.group() if indent else ''}{line}")
    return _at_the_end(file, body, line)


def edit_of(line: re.Match[str], text: str) -> Edit:
    """Put another text behind the label of a line."""
    gap = " " if text and line.string[line.start("text") - 1] == ":" else ""
    return Edit(line.start("text"), line.end("text"), gap + text)


def _at_the_end(file: VersionText, body: tuple[int, int], line: str) -> Edit:
    text = file.text[slice(*body)]
    stripped = text.rstrip()
    lines = LINE.split(stripped)
    # Below other lines of its kind it comes without a gap; the message is never one of them.
    gap = file.eol if "" in lines and _LABELLED.match(lines[-1]) else file.eol * 2
    tail = text[len(stripped) :]
    if not LINE.search(tail):
        tail = file.eol
    start = body[0] + len(stripped)
    return Edit(start, body[1], f"{gap if stripped else ''}{line}{tail}")
