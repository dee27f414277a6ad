"""Changes the header of a version file, and nothing else in it."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from migrator.errors import RevisionsError
from migrator.revisions.headers import ComputedHeader, Header, header_of, header_values
from migrator.revisions.message import docstring_safe

if TYPE_CHECKING:
    from pathlib import Path


class Keep(Enum):
    """What stands for a value that stays as it is."""

    KEEP = "keep"


KEEP = Keep.KEEP
Value = str | tuple[str, ...] | None

_LINE = re.compile(r"\r\n|\r|\n")
# Python allows the cookie in the first two lines (PEP 263), and a shebang in the first.
_STAYS_FIRST = re.compile(r"#!|[ \t\f]*#[^\r\n]*?coding[:=]")
_TRIPLE = re.compile(r"""[rRuU]?(?P<quotes>\"{3}|'{3})(?P<body>.*)(?P=quotes)""", re.DOTALL)
_LABELLED = re.compile(r"[ \t]*[A-Z][\w ]*:( |$)")


@dataclass(frozen=True)
class NewHeader:
    """What a version file is to declare; `down_revision` and `depends_on` are one id, several, or None."""

    revision: str | Keep = KEEP
    down_revision: Value | Keep = KEEP
    depends_on: Value | Keep = KEEP


@dataclass(frozen=True)
class _Edit:
    start: int
    end: int
    text: str


def rewrite_header(source: bytes, path: Path, new: NewHeader) -> bytes:
    """Return `source`, the content of a version file at `path`, with the header that `new` asks for.

    Only the values are replaced, and in the docstring what follows `Revision ID:` and `Revises:` where it has
    such lines. Line endings, encoding, quotes and comments stay. Raises RevisionsError for a file that does
    not parse, that declares no revision, whose header is computed, or that cannot be changed so.
    """
    try:
        before = header_of(path, source)
        if before is None:
            raise _not_changed(path, "it declares no revision", "Add `revision = ...` with its id.")
        file = _File(source, path)
        written = file.edited([*_header_edits(file, new), *_docstring_edits(file, before, new)])
    except ComputedHeader as exc:
        raise _computed(exc) from exc
    _check(path, _expected(before, new), written)
    return written


def label_docstring(source: bytes, path: Path, label: str, text: str) -> bytes:
    """Return `source` with the line `<label>: <text>` in its docstring.

    It takes the place of a line with that label, else it comes after `Create Date:`, else at the end. Where
    there is no docstring, one is made. Raises RevisionsError as `rewrite_header` does.
    """
    try:
        before = header_of(path, source)
        file = _File(source, path)
        written = file.edited([_label_edit(file, label, docstring_safe(text))])
    except ComputedHeader as exc:
        raise _computed(exc) from exc
    _check(path, before, written)
    after = ast.get_docstring(header_values(path, written)[0], clean=False) or ""
    if f"{label}: {text}" not in [line.strip() for line in after.splitlines()]:
        raise _not_changed(path, "its docstring takes no further line", f"Add it by hand: {label}: {text}")
    return written


class _File:
    """The text of a version file, and where in it Python sees what."""

    def __init__(self, source: bytes, path: Path) -> None:
        self.path = path
        self._encoding = tokenize.detect_encoding(io.BytesIO(source).readline)[0]
        self.text = source.decode(self._encoding)
        if self.text.encode(self._encoding) != source:
            raise _not_changed(path, f"its bytes are not plain {self._encoding}", "Save it as UTF-8.")
        self.tree, self.bound = header_values(path, source)
        self._starts = [0, *(found.end() for found in _LINE.finditer(self.text))]
        found = _LINE.search(self.text)
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
        found = _LINE.search(self.text, index)
        return found.start() if found else len(self.text)

    def edited(self, edits: list[_Edit]) -> bytes:
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
            raise _not_changed(self.path, reason, "Save it as UTF-8.") from exc


def _asked(new: NewHeader) -> dict[str, Value]:
    values = {"revision": new.revision, "down_revision": new.down_revision, "depends_on": new.depends_on}
    return {name: value or None for name, value in values.items() if not isinstance(value, Keep)}


def _header_edits(file: _File, new: NewHeader) -> list[_Edit]:
    missing = []
    edits = []
    for name, value in _asked(new).items():
        if name not in file.bound:
            if "*" in file.bound:
                raise ComputedHeader(file.path, name)
            if value is not None:
                missing.append(f"{file.eol}{name} = {_literal(value, _quote(file, 'down_revision'))}")
            continue
        node = file.bound[name]
        if node is None:
            raise ComputedHeader(file.path, name)
        edits.append(_Edit(*file.span(node), _literal(value, _quote(file, name))))
    if missing:
        end = file.end_of_line(_end_of_value(file, "down_revision"))
        edits.append(_Edit(end, end, "".join(missing)))
    return edits


def _end_of_value(file: _File, name: str) -> int:
    """Give where the assignment ends whose value counts; parentheses around it are part of it."""
    value = file.bound[name]
    for statement in file.tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is value:
            return file.span(statement)[1]
    raise ComputedHeader(file.path, name)


def _quote(file: _File, name: str) -> str:
    """Give the quotes that the file uses for the value of `name`, else for its revision."""
    for each in (name, "revision", "down_revision"):
        node = file.bound.get(each)
        if node is not None:
            start, end = file.span(node)
            found = re.search("[\"']", file.text[start:end])
            if found:
                return found.group()
    return '"'


def _literal(value: Value, quote: str) -> str:
    if value is None:
        return "None"
    if isinstance(value, str):
        plain = value.isprintable() and not re.search(r"[\\\"']", value)
        return f"{quote}{value}{quote}" if plain else repr(value)
    texts = [_literal(each, quote) for each in value]
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"


def _docstring_edits(file: _File, before: Header, new: NewHeader) -> list[_Edit]:
    body = _docstring_body(file)
    if body is None:
        return []
    labels = {"revision": "Revision ID", "down_revision": "Revises"}
    old = {"revision": before.revision, "down_revision": ", ".join(before.down_revision)}
    edits = []
    for name, value in _asked(new).items():
        line = _line_of(file, body, labels[name], old[name]) if name in labels else None
        if line is not None:
            text = docstring_safe(value if isinstance(value, str) else ", ".join(value or ()))
            edits.append(_edit_of(line, text))
    return edits


def _docstring_body(file: _File) -> tuple[int, int] | None:
    """Give where the text of the docstring is; None where it is not one string in triple quotes."""
    docstring = file.docstring()
    if docstring is None:
        return None
    start, end = file.span(docstring[0])
    found = _TRIPLE.fullmatch(file.text[start:end])
    if found is None or found["quotes"] in found["body"]:
        return None
    return start + found.start("body"), start + found.end("body")


def _lines_of(file: _File, body: tuple[int, int], label: str) -> list[re.Match[str]]:
    """Give the lines `<label>: text` of the docstring."""
    line = rf"[ \t]*{re.escape(label)}:[ \t]?(?P<text>[^\r\n]*)"
    # The line of the opening quotes begins where the body does.
    first = re.compile(line).match(file.text, *body)
    return [*([first] if first else []), *re.compile(rf"(?<=[\r\n]){line}").finditer(file.text, *body)]


def _line_of(file: _File, body: tuple[int, int], label: str, old: str) -> re.Match[str] | None:
    """Give the line that Alembic's template wrote: the message may have one that looks like it."""
    found = _lines_of(file, body, label)
    for line in found:
        if line["text"].strip() == old:
            return line
    text = file.text[slice(*body)]
    message = re.match(r"\s*(?:[^\r\n]+(?:\r\n|\r|\n)?)*", text)
    after = body[0] + (message.end() if message else 0)
    return next((line for line in found if line.start() >= after), None)


def _label_edit(file: _File, label: str, text: str) -> _Edit:
    line = f"{label}: {text}"
    docstring, body = file.docstring(), _docstring_body(file)
    if docstring is None:
        start = file.after_first_lines()
        return _Edit(start, start, f'"""{line}{file.eol}"""{file.eol}')
    if body is None:
        # It has no lines of its own yet: a string in plain quotes, or several strings.
        node, said = docstring
        content = docstring_safe(f"{said}\n").replace("\n", file.eol)
        return _Edit(*file.span(node), f'"""{content}{file.eol}{line}{file.eol}"""')
    for found in _lines_of(file, body, label):
        return _edit_of(found, text)
    for found in _lines_of(file, body, "Create Date"):
        indent = re.match(r"[ \t]*", found.group())
        return _Edit(found.end(), found.end(), f"{file.eol}{indent.group() if indent else ''}{line}")
    return _at_the_end(file, body, line)


def _edit_of(line: re.Match[str], text: str) -> _Edit:
    """Put another text behind the label of a line."""
    gap = " " if text and line.string[line.start("text") - 1] == ":" else ""
    return _Edit(line.start("text"), line.end("text"), gap + text)


def _at_the_end(file: _File, body: tuple[int, int], line: str) -> _Edit:
    text = file.text[slice(*body)]
    stripped = text.rstrip()
    lines = _LINE.split(stripped)
    # Below other lines of its kind it comes without a gap; the message is never one of them.
    gap = file.eol if "" in lines and _LABELLED.match(lines[-1]) else file.eol * 2
    tail = text[len(stripped) :]
    if not _LINE.search(tail):
        tail = file.eol
    start = body[0] + len(stripped)
    return _Edit(start, body[1], f"{gap if stripped else ''}{line}{tail}")


def _expected(before: Header, new: NewHeader) -> Header:
    after = before
    if not isinstance(new.revision, Keep):
        after = replace(after, revision=new.revision)
    if not isinstance(new.down_revision, Keep):
        after = replace(after, down_revision=_tuple(new.down_revision))
    if not isinstance(new.depends_on, Keep):
        after = replace(after, depends_on=_tuple(new.depends_on))
    return after


def _tuple(value: Value) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


def _check(path: Path, expected: Header | None, written: bytes) -> None:
    """See that what was written declares what was asked for. Raises RevisionsError."""
    try:
        found = header_of(path, written)
    except (RevisionsError, ComputedHeader) as exc:
        raise _not_changed(path, f"it would not parse ({exc})", "Change the file by hand.") from exc
    if found is not None and expected is not None:
        # The first paragraph of the docstring may be the very line that was changed.
        found = replace(found, doc=expected.doc)
    if found != expected:
        raise _not_changed(path, "its header is bound in an unusual way", "Change the file by hand.")


def _computed(exc: ComputedHeader) -> RevisionsError:
    return RevisionsError(
        f"The version file {exc.path} computes its {exc.name}, so that it cannot be rewritten.",
        hint=f"Write it as it is, such as {exc.name} = 'an_id', and run it again.",
    )


def _not_changed(path: Path, reason: str, hint: str) -> RevisionsError:
    return RevisionsError(f"The version file {path} cannot be rewritten: {reason}.", hint=hint)
