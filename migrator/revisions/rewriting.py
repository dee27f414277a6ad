"""Changes the header of a version file, and nothing else in it."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict, cast

from migrator.errors import RevisionsError
from migrator.revisions.headers import ComputedHeader, Header, header_of, header_values
from migrator.revisions.version_text import (
    Edit,
    VersionText,
    docstring_body,
    docstring_safe,
    edit_of,
    label_edit,
    line_of,
    not_changed,
)

if TYPE_CHECKING:
    from pathlib import Path


Value = str | tuple[str, ...] | None


class NewHeader(TypedDict, total=False):
    """What a version file is to declare; what is left out stays as it is.

    `down_revision` and `depends_on` are one id, several, or None.
    """

    revision: str
    down_revision: Value
    depends_on: Value


def rewrite_header(source: bytes, path: Path, new: NewHeader) -> bytes:
    """Return `source`, the content of a version file at `path`, with the header that `new` asks for.

    Only the values are replaced, and in the docstring what follows `Revision ID:` and `Revises:` where it has
    such lines. Line endings, encoding, quotes and comments stay. Raises RevisionsError for a file that does
    not parse, that declares no revision, whose header is computed, or that cannot be changed so.
    """
    try:
        before = header_of(path, source)
        if before is None:
            raise not_changed(path, "it declares no revision", "Add `revision = ...` with its id.")
        file = VersionText(source, path)
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
        file = VersionText(source, path)
        written = file.edited([label_edit(file, label, docstring_safe(text))])
    except ComputedHeader as exc:
        raise _computed(exc) from exc
    _check(path, before, written)
    after = ast.get_docstring(header_values(path, written)[0], clean=False) or ""
    if f"{label}: {text}" not in [line.strip() for line in after.splitlines()]:
        raise not_changed(path, "its docstring takes no further line", f"Add it by hand: {label}: {text}")
    return written


def _asked(new: NewHeader) -> dict[str, Value]:
    return {name: value or None for name, value in cast("dict[str, Value]", new).items()}


def _header_edits(file: VersionText, new: NewHeader) -> list[Edit]:
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
        edits.append(Edit(*file.span(node), _literal(value, _quote(file, name))))
    if missing:
        end = file.end_of_line(_end_of_value(file, "down_revision"))
        edits.append(Edit(end, end, "".join(missing)))
    return edits


def _end_of_value(file: VersionText, name: str) -> int:
    """Give where the assignment ends whose value counts; parentheses around it are part of it."""
    value = file.bound[name]
    for statement in file.tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is value:
            return file.span(statement)[1]
    raise ComputedHeader(file.path, name)


def _quote(file: VersionText, name: str) -> str:
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


def _docstring_edits(file: VersionText, before: Header, new: NewHeader) -> list[Edit]:
    body = docstring_body(file)
    if body is None:
        return []
    labels = {"revision": "Revision ID", "down_revision": "Revises"}
    old = {"revision": before.revision, "down_revision": ", ".join(before.down_revision)}
    edits = []
    for name, value in _asked(new).items():
        line = line_of(file, body, labels[name], old[name]) if name in labels else None
        if line is not None:
            text = docstring_safe(value if isinstance(value, str) else ", ".join(value or ()))
            edits.append(edit_of(line, text))
    return edits


def _expected(before: Header, new: NewHeader) -> Header:
    asked: dict[str, Any] = {
        # Only the revision is one text in a header, and the others are as many as there are.
        name: (value,) if isinstance(value, str) and name != "revision" else value or ()
        for name, value in _asked(new).items()
    }
    return replace(before, **asked)


def _check(path: Path, expected: Header | None, written: bytes) -> None:
    """See that what was written declares what was asked for. Raises RevisionsError."""
    try:
        found = header_of(path, written)
    except (RevisionsError, ComputedHeader) as exc:
        raise not_changed(path, f"it would not parse ({exc})", "Change the file by hand.") from exc
    if found is not None and expected is not None:
        # Its lines may be the very ones that were changed.
        found = replace(found, description=expected.description)
    if found != expected:
        raise not_changed(path, "its header is bound in an unusual way", "Change the file by hand.")


def _computed(exc: ComputedHeader) -> RevisionsError:
    return RevisionsError(
        f"The version file {exc.path} computes its {exc.name}, so that it cannot be rewritten.",
        hint=f"Write it as it is, such as {exc.name} = 'an_id', and run it again.",
    )
